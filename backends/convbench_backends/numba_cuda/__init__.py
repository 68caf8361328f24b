"""The backend numba-cuda: CUDA kernels written in Python."""

from convbench_backends.numba_cuda.backend import NumbaCuda, convbench_backends

__all__ = ["NumbaCuda", "convbench_backends"]
