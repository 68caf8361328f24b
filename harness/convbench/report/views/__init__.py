"""What the page and the terminal show, as values: frames in, rows out."""
