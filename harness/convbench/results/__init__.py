"""A run folder, and the frames that are worked out from it."""
