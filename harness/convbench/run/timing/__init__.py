"""How much is timed, and the samples of an item."""
