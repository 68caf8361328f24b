"""Depthwise 3 x 3 convolution, stride 1 or 2: each plane on its own."""
