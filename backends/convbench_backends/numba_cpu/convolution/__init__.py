"""Convolution, one folder a formulation; readable/ is the one to read first.

formulations.py lists them, and choose.py says which one each pass of a case takes.
"""
