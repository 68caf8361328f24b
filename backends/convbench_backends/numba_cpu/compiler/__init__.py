"""How Python becomes machine code for kernels: options of Numba, vectors of the machine's width, and its facts."""
