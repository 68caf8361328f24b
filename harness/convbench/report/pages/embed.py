"""The data that the scripts of a page draw and list, as JSON inside the page.

- Frames are written column by column. A column of texts is a list of the distinct texts and an index for each row, so
  that 10,000 cells stay small.
- Numbers have five significant digits, which is more than a report shows and less than a float would take.
- A missing number is null. Nothing in the JSON can end the script element that holds it.
- A pair of backends has its worst disagreements, at most DISAGREEMENTS_A_PAIR, and the number of all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from convbench.report.views.pairs import PAIR, compared_pairs, worst_disagreements
from convbench.text.units import format_number
from convbench.verify import RIGHT_ON_NUMBERS


class Numbers(TypedDict):
    """A column of numbers."""

    values: list[float | int | None]


class Texts(TypedDict):
    """A column of texts: the distinct ones, and for each row which of them it has."""

    texts: list[str]
    codes: list[int]


class WorstOfTensor(TypedDict):
    """A tensor of a pair: how often it was compared and how often it is off, and the worst multiple of the bound."""

    tensor: str
    compared: int
    off: int
    multiple: str


class EncodedPair(TypedDict):
    """A pair of backends, or a backend and a reference, with the worst of what does not agree as sentences."""

    left: str
    right: str
    verdict: str
    multiple: str
    tensors: list[WorstOfTensor]
    sentences: list[str]
    sentences_in_all: int


def encode_frame(frame: pd.DataFrame) -> dict[str, Numbers | Texts]:
    """Each column of a frame by its name."""
    return {str(name): _encode_column(frame[name]) for name in frame.columns}


def _encode_column(column: pd.Series[Any]) -> Numbers | Texts:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return {"values": [_short(value) for value in column.to_numpy(dtype=float, na_value=np.nan).tolist()]}
    codes, texts = pd.factorize(column.fillna("").astype(str))
    return {"texts": list(texts), "codes": codes.tolist()}


def _short(value: float) -> float | int | None:
    """A number with five significant digits, without a fraction if it is whole; None if it is not finite."""
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.5g}")
    return int(rounded) if rounded.is_integer() else rounded


def encode_pairs(agreement: pd.DataFrame) -> list[EncodedPair]:
    """Every pair that was compared."""
    tensors = _worst_by_tensor(agreement)
    shown = worst_disagreements(agreement).groupby(PAIR, sort=False)["description"].agg(list).to_dict()
    in_all = agreement[agreement["verdict"] != "agrees"].groupby(PAIR, sort=False).size().to_dict()
    return [
        EncodedPair(
            left=pair.left,
            right=pair.right,
            verdict=pair.verdict,
            multiple=format_number(pair.bound_multiple),
            tensors=tensors[pair.left, pair.right],
            sentences=shown.get((pair.left, pair.right), []),
            sentences_in_all=in_all.get((pair.left, pair.right), 0),
        )
        for pair in compared_pairs(agreement)
    ]


def _worst_by_tensor(agreement: pd.DataFrame) -> dict[tuple[str, str], list[WorstOfTensor]]:
    """The tensors of each pair."""
    rows = agreement.assign(off=~agreement["verdict"].isin(RIGHT_ON_NUMBERS))
    worst = rows.groupby([*PAIR, "tensor"], sort=False, as_index=False).agg(
        compared=("off", "size"), off=("off", "sum"), multiple=("bound_multiple", "max")
    )
    by_pair: dict[tuple[str, str], list[WorstOfTensor]] = {}
    columns = worst[[*PAIR, "tensor", "compared", "off", "multiple"]]
    for left, right, tensor, compared, off, multiple in columns.itertuples(index=False, name=None):
        entry = WorstOfTensor(tensor=tensor, compared=compared, off=off, multiple=format_number(multiple))
        by_pair.setdefault((left, right), []).append(entry)
    return by_pair


def script_safe_json(data: Mapping[str, object]) -> str:
    """Compact JSON that may stand in a script element, as it holds no <, > or & and no line separators."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
