"""How a backend computes a convolution, as a chain of ideas from the definition to a framework.

A backend whose `start` returns the fact APPROACH with one of the values of Approach takes a place in the section of the
report that tells this story. It is a fact of a worker and no class attribute, because options may change it:

    def start(self, settings):
        return {APPROACH: "im2col" if settings.options["level"] == "textbook" else "blocked im2col"}
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Approach = Literal["loops", "im2col", "blocked im2col", "compiled kernels", "framework"]
"""loops: interpreted loops over images, filters, places and taps. im2col: a matrix of all windows of the whole batch,
and matrix products. blocked im2col: the same for a part at a time, which stays in a cache. compiled kernels: own code
that a compiler makes machine code of. framework: the library of a framework."""
APPROACHES: tuple[Approach, ...] = get_args(Approach)
"""In the order of the chain."""
APPROACH: Final = "approach"
"""The name of the fact."""
