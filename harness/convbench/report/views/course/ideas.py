"""What each approach does, and why it is faster or slower than the one before it: a few sentences for a student."""

from __future__ import annotations

from collections.abc import Mapping

from convbench_specs import Approach

IDEAS: Mapping[Approach, str] = {
    "loops": (
        "The definition as it stands: for every instance, filter, place and tap the interpreter looks up two numbers, "
        "multiplies and adds. Each of these steps makes and checks objects, so that the arithmetic itself is a small "
        "part of the time. One core does it all, one number at a time."
    ),
    "im2col": (
        "Every window is copied into a column of a matrix X_col. Then one product of matrices does all of the "
        "arithmetic, in machine code that works on several numbers in one instruction, keeps what it needs in "
        "registers and caches, and uses all cores. The price is the matrix."
    ),
    "blocked im2col": (
        "The same for a part of X_col at a time. The part stays in a cache, and the next one takes its memory, so the "
        "matrix never exists as a whole. Where there is little work, the whole of it is one part."
    ),
    "compiled kernels": (
        "Loops again, but a compiler makes machine code of them. Their order is chosen for vector instructions, "
        "registers and caches, and the threads share them. Windows are read where they lie, or copied in small parts."
    ),
    "framework": (
        "A library with many such kernels. It chooses one by the shapes and by the processor. Each call also pays for "
        "that choice and for the way from the language to the library, which shows where there is little work."
    ),
}
