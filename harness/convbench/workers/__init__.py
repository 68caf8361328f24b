"""A backend in a process of its own: found, started, asked, and replaced when it fails."""
