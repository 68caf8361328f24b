"""The right values of a case, in full or of a sample."""
