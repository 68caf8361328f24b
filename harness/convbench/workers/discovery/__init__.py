"""Finding out what a plug-in offers, without running it in the host."""
