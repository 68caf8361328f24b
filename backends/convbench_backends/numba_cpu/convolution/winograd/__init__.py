"""Winograd for 3 x 3 kernels, stride 1: 16 multiply-adds do the work of 36."""
