"""Convolution as an engineer would write it in an afternoon: im2col in bands and a BLAS product a thread."""
