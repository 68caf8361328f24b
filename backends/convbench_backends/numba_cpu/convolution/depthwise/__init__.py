"""Depthwise convolution, stride 1 or 2: each plane on its own, 3 x 3 in rows, any other kernel in frames of zeros."""
