"""The backend numpy-im2col: convolution as matrix products, with NumPy alone."""

from convbench_backends.numpy_im2col.backend import NumpyIm2col, convbench_backends
from convbench_backends.numpy_im2col.im2col import im2col

__all__ = ["NumpyIm2col", "convbench_backends", "im2col"]
