"""Rows of a frame as values with named and typed fields, for what shows a frame row by row."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")
COLUMN_OF = {"pass_name": "pass"}
"""Columns whose names Python does not allow for fields."""


def read_rows(frame: pd.DataFrame, kind: type[Row]) -> list[Row]:
    """Each row as a `kind`, a dataclass whose fields are columns of the frame; KeyError if it lacks one.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Sum:
    ...     pass_name: str
    ...     flops: int
    >>> read_rows(pd.DataFrame({"flops": [6, 7], "case": "a", "pass": ["forward", "both"]}), Sum)
    [Sum(pass_name='forward', flops=6), Sum(pass_name='both', flops=7)]
    """
    columns = [COLUMN_OF.get(field.name, field.name) for field in fields(kind)]
    return [kind(*values) for values in frame[columns].itertuples(index=False, name=None)]
