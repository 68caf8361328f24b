"""A training on the terminal and in files."""
