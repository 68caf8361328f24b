# ruff: noqa: PLR0917  # Numba passes no keywords
"""Transposing in registers: rows of a matrix become blocks and panels, in which a product reads them one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convbench_backends.numba_cpu.compiler.emit import Int, Place, Vector
from convbench_backends.numba_cpu.compiler.vector import Lanes, vector_code
from convbench_backends.numba_cpu.convolution.register_tiles import FILTERS


@vector_code
def weave_block(lanes: Lanes, rows: Place, pitch: Int, last: Int, count: Int, target: Place) -> None:
    """FILTERS rows transposed: for each of `count` numbers of a row those of all rows; rows beyond `last` repeat it.

    Up to a vector of taps more is written.
    """
    starts = [rows + last.at_most(k) * pitch for k in range(FILTERS)]
    _weave(lanes, starts, count, lambda place, v: target + place * FILTERS + v * lanes.count)


@vector_code
def copy_block(lanes: Lanes, rows: Place, pitch: Int, valid: Int, count: Int, target: Place) -> None:
    """FILTERS numbers of each of `count` rows, one behind the other; those beyond `valid` are zero.

    Up to a vector more is written.
    """
    vectors = range(0, FILTERS, lanes.count)
    with lanes.loop(count) as row:
        for v in vectors:
            wide = min(lanes.count, FILTERS)
            values = lanes.load_part(rows + row * pitch + v, (valid - v).at_most(wide))
            lanes.store(values, target + row * FILTERS + v)


@vector_code
def weave_panel(lanes: Lanes, rows: Place, pitch: Int, last: Int, count: Int, target: Place, target_pitch: Int) -> None:
    """A vector of rows transposed: for each of `count` numbers of a row a vector, target_pitch apart.

    Rows beyond `last` repeat it. Up to a vector of places more is written.
    """
    starts = [rows + last.at_most(k) * pitch for k in range(lanes.count)]
    _weave(lanes, starts, count, lambda place, v: target + (place + v) * target_pitch)


def _weave(lanes: Lanes, starts: Sequence[Place], count: Int, place_of: Callable[[Int, int], Place]) -> None:
    """Rows of `count` numbers, transposed a vector of places at a time; place_of(place, v) is where vector v goes."""

    def store(vectors: list[Vector], place: Int) -> None:
        for v, vector in enumerate(lanes.transpose(vectors)):
            lanes.store(vector, place_of(place, v))

    lanes.over_row(
        count,
        lambda place: store([lanes.load(start + place) for start in starts], place),
        lambda place, rest: store([lanes.load_part(start + place, rest) for start in starts], place),
    )
