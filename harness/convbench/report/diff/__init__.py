"""A comparison of two sides as people and programs read it: on the terminal, as Markdown, as JSON, as an HTML page."""
