"""The kinds of data, beside plain random numbers, that results may be asked to be right on.

Each is a property that kernels break on although they are right on numbers around 1: rounding that piles up, squares
that overflow, comparisons that go wrong. What values each has is in convbench.verify.fillings.kinds; what is right on
NaN and infinity stands with the operations, in operations.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from convbench_specs.case import Case
from convbench_specs.operations import Pool

DataKind = Literal[
    "constant",
    "offset",
    "tiny",
    "huge",
    "denormal",
    "wide",
    "negative",
    "tied",
    "signed-zero",
    "not-a-number",
    "infinite",
]

DATA_KINDS: Mapping[DataKind, str] = {
    "constant": "every tensor is one number everywhere, so that rounding errors do not cancel",
    "offset": "x is 1000 and a little noise",
    "tiny": "x, b and dy are so small that their squares are below the smallest number: about 1e-22 in float32",
    "huge": "x and b are so large that squares overflow: about 1e19 in float32; dy is large, too",
    "denormal": "x, b and dy are below the smallest normal number, 1e-38 in float32",
    "wide": "x and dy have numbers of very different sizes beside each other",
    "negative": "x is negative everywhere: a maximum over padding must not be that of the padding",
    "tied": "x has few different numbers, so that most windows have several largest elements",
    "signed-zero": "x is mostly 0 and -0, which are equal, so that the first of them is the largest",
    "not-a-number": "some elements of x and dy are NaN",
    "infinite": "some elements of x and dy are infinite, of either sign",
}
"""What each kind means, in the order in which they are tried: what finite numbers show comes first."""

NOT_FINITE: tuple[DataKind, ...] = ("not-a-number", "infinite")
"""The kinds on which a backend that differs is not called wrong, as it may still be right on every number."""

_OF_A_MAXIMUM: tuple[DataKind, ...] = ("negative", "tied", "signed-zero")
_OF_A_FLATTEN: tuple[DataKind, ...] = ("denormal", "not-a-number", "infinite")


def kind_of(fill: str | None) -> DataKind | None:
    """The kind of data of that name; None for plain integers and random numbers."""
    return next((kind for kind in DATA_KINDS if kind == fill), None)


def telling_kinds(case: Case) -> tuple[DataKind, ...]:
    """The kinds that can tell something about a case, in the order of DATA_KINDS.

    A case that names the source of its data has no other: photographs and line filters are what it is about.
    """
    if (case.x_data, case.w_data) != ("random", "random"):
        return ()
    if case.operation_name == "flatten":
        return _OF_A_FLATTEN
    is_maximum = isinstance(case.operation, Pool) and case.operation.kind == "max"
    return tuple(kind for kind in DATA_KINDS if is_maximum or kind not in _OF_A_MAXIMUM)
