"""Convolution, one folder a formulation; choose.py says which a case takes, readable/ is the one to read first."""
