"""How far a right result may be off, in rounding errors."""
