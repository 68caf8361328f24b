"""JSON as its standard has it (RFC 8259): what is no number there, infinity and NaN, is written as a string.

Python writes bare `Infinity` and `NaN` by default, at which other readers stop. The strings are those that JavaScript
gives these values; Python's float() reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite, isnan


def to_json(value: object, *, indent: int | None = None) -> str:
    """The value as strict JSON; TypeError for what JSON cannot hold.

    >>> to_json({"worst": float("inf"), "seen": [1.5, float("nan")]})
    '{"worst": "Infinity", "seen": [1.5, "NaN"]}'
    """
    try:
        return json.dumps(value, allow_nan=False, indent=indent)
    except ValueError:  # something in it is not finite, which is rare
        return json.dumps(finite(value), allow_nan=False, indent=indent)


def finite(value: object) -> object:
    """Plain values with every float that is not finite as its name."""
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: finite(entry) for key, entry in value.items()}
    return [finite(entry) for entry in value] if isinstance(value, (list, tuple)) else value
