"""What is known of a column before any run: its name, its unit, the type of its values, and what it means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Unit = Literal["", "s", "bytes", "FLOP", "GFLOP/s", "GB/s", "FLOP/byte", "ratio", "probability", "count"]
"""Empty for what has no unit: texts, flags, the number of a block, values of a tensor."""
Dtype = Literal["text", "number", "integer", "flag", "list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a frame; `meaning` is Markdown, with links as seen from the folder docs.

    An `optional` column is in the frame only where the run has a value for it. All others are always there, and a
    missing number is NaN, a missing text empty.
    """

    name: str
    unit: Unit
    dtype: Dtype
    meaning: str
    optional: bool = False


def names(columns: Iterable[Column]) -> tuple[str, ...]:
    """The names of columns, in their order.

    >>> names([text("case", "Name of the case."), seconds("min_s", "The shortest sample.")])
    ('case', 'min_s')
    """
    return tuple(column.name for column in columns)


def text(name: str, meaning: str, *, optional: bool = False) -> Column:
    """A column of texts."""
    return Column(name=name, unit="", dtype="text", meaning=meaning, optional=optional)


def flag(name: str, meaning: str, *, optional: bool = False) -> Column:
    """A column of true and false."""
    return Column(name=name, unit="", dtype="flag", meaning=meaning, optional=optional)


def number(name: str, meaning: str, *, optional: bool = False) -> Column:
    """A column of numbers without a unit."""
    return Column(name=name, unit="", dtype="number", meaning=meaning, optional=optional)


def seconds(name: str, meaning: str, *, optional: bool = False) -> Column:
    """A column of times."""
    return Column(name=name, unit="s", dtype="number", meaning=meaning, optional=optional)


def size(name: str, meaning: str, *, optional: bool = False) -> Column:
    """A column of whole numbers of bytes."""
    return Column(name=name, unit="bytes", dtype="integer", meaning=meaning, optional=optional)


def count(name: str, meaning: str, *, optional: bool = False) -> Column:
    """A column of whole numbers of things."""
    return Column(name=name, unit="count", dtype="integer", meaning=meaning, optional=optional)


def ratio(name: str, meaning: str, *, optional: bool = False) -> Column:
    """A column of quotients of two quantities with the same unit."""
    return Column(name=name, unit="ratio", dtype="number", meaning=meaning, optional=optional)
