"""A history of runs as people read it: the latest steps on the terminal, and a page with a figure for each case."""
