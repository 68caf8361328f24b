"""Makes a run happen."""
