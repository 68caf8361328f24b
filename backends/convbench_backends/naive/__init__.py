"""The backend naive: the definitions of convolution, pooling and flatten as plain Python loops."""

from convbench_backends.naive.backend import Naive, convbench_backends

__all__ = ["Naive", "convbench_backends"]
