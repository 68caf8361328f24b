"""How numbers, operations and cases are written; everything above uses it."""
