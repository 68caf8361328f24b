"""The largest batch size that fits into a memory limit."""
