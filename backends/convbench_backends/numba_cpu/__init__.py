"""numba-cpu: convolution, pooling and flatten in Python, compiled by Numba for all cores of this machine."""

from convbench_backends.numba_cpu.backend import NumbaCpu, convbench_backends

__all__ = ["NumbaCpu", "convbench_backends"]
