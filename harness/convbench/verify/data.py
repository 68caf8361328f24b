"""What the backends compute on: x, w, b and dy, drawn from a seed.

Rules:
- A tensor depends on the seed, the operation, the input shape and its own name, on nothing else: not on the order in
  which tensors are drawn, nor on the process. Random instances are drawn in turn: a batch of 2 begins a batch of 4.
- Arrays have the dtype that results of the case have, `numpy_dtype`; a bfloat16 case holds float32 arrays whose values
  are bfloat16 numbers.
- "random" is for the check within a bound: x, dy and b are standard normal, and so is w, divided by sqrt(fan-in). Half
  of what a maximum pools is rounded to quarters, so that windows with one and with several largest elements both occur;
  another eighth is a quarter moved by one unit in its last place, so that the last bit decides some windows.
- "integers" is for the check bit by bit: no sum of products in any pass can reach `exact_limit`, so that every order of
  summation gives the same number; see fillings/integers.py.
- All others are kinds of data that plain random numbers do not show; see fillings/kinds.py.
"""

from __future__ import annotations

from hashlib import sha256
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convbench.verify.bounds.dtypes import numpy_dtype, round_to, unit_roundoff
from convbench.verify.fillings.drawings import DRAWINGS
from convbench.verify.fillings.integers import draw_integers
from convbench.verify.fillings.kinds import draw_kind, negative
from convbench.verify.fillings.photos import laplacian_filters, line_filters, photos
from convbench_specs import Case, DataKind, Pool, Tensors

Fill = Literal["random", "integers", DataKind]
"""What tensors are filled with."""


def make_tensors(case: Case, batch_size: int, *, seed: int, fill: Fill = "random") -> Tensors:
    """The read-only tensors of a case in canonical layout; see the module's rules.

    Where the case asks for photos, drawings or filters "random" takes them, with a bias of zero for such filters;
    "integers" and the kinds of data draw everything. Raises MissingImages where photos are asked for and not installed.
    """

    def generator(name: str) -> np.random.Generator:
        key = f"{seed} {case.operation!r} {case.input_shape} {fill} {name}"
        return np.random.default_rng(int.from_bytes(sha256(key.encode()).digest(), "big"))

    if fill == "integers":
        tensors = draw_integers(case, batch_size, generator)
    else:
        tensors = _draw_random(case, batch_size, generator)
        if fill != "random":
            tensors = draw_kind(case, tensors, fill, generator)
    for values in (tensors.x, tensors.dy, tensors.w, tensors.b):
        if values is not None:
            values.flags.writeable = False
    return tensors


def _draw_random(case: Case, batch_size: int, generator: Any) -> Tensors:
    def normal(name: str, shape: tuple[int, ...], scale: float = 1.0) -> NDArray[Any]:
        wide: Any = np.float64 if case.dtype == "float64" else np.float32
        values = generator(name).standard_normal(shape, dtype=wide)
        values *= wide(scale)
        return values if numpy_dtype(case.dtype) == wide and case.dtype != "bfloat16" else round_to(values, case.dtype)

    if case.x_data == "photos":
        x = round_to(photos(batch_size, case.input_shape), case.dtype)
    elif case.x_data in DRAWINGS:
        drawing = DRAWINGS[case.x_data](case.input_shape)
        x = round_to(np.repeat(drawing[None], batch_size, axis=0), case.dtype)
    else:
        x = normal("x", case.x_shape(batch_size))
    if case.x_data not in DRAWINGS and isinstance(case.operation, Pool) and case.operation.kind == "max":
        chance = generator("ties").random(x.shape, dtype=np.float32)
        coarse, beside = chance < 0.625, chance < 0.125
        x[coarse] = np.round(x[coarse] * 4) / 4
        x[beside] = round_to(x[beside] * (1 + 2 * unit_roundoff(case.dtype)), case.dtype)
    if case.x_data == "negative":
        x = negative(x, case.dtype)
    w = None if case.w_shape is None else normal("w", case.w_shape, prod(case.w_shape[1:]) ** -0.5)
    b = None if case.b_shape is None else normal("b", case.b_shape)
    if case.w_data != "random" and w is not None:
        w = line_filters(w.shape, w.dtype) if case.w_data == "lines" else laplacian_filters(w.shape, w.dtype)
        b = None if b is None else np.zeros_like(b)
    return Tensors(x=x, dy=normal("dy", case.y_shape(batch_size)), w=w, b=b)
