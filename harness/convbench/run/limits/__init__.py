"""What this machine reaches at most: arithmetic and memory bandwidth."""
