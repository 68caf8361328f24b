"""Asking for the next plane while this one is computed."""

from __future__ import annotations

from convbench_backends.numba_cpu.compiler.emit import Int, Place
from convbench_backends.numba_cpu.compiler.vector import Lanes


class Coming:
    """Asks for the next plane some vectors at a time, in each step of a loop over strips and rows.

    Asked for at once, a plane would fill the queue of misses, and the sums would wait until it is empty.
    """

    def __init__(self, lanes: Lanes, steps: Int, vectors: int = 1) -> None:
        self._lanes, self._steps, self._vectors = lanes, steps, vectors

    def ask(self, plane: Place, column: Int, row: Int, *, write: bool = False) -> None:
        """Ask for the vectors of a step: `column` is the first of its strip, which has `steps` rows."""
        step = (column * self._steps + row * self._lanes.count) * self._vectors
        for vector in range(self._vectors):
            self._lanes.prefetch(plane + (step + vector * self._lanes.count), write=write)
