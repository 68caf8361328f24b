"""A run as people have it in a script or a notebook: its short table, its style, its figures, and its look."""
