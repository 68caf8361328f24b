"""Convolution with no more places than filters: w is read as it lies."""
