"""The data of a page, as JSON inside it: what its scripts draw and list.

- Frames go column by column, texts as indices into a list of the distinct ones, so 10,000 cells stay small.
- Five significant digits: more than a report shows, fewer than a file of that many floats.
- A missing number is null. Nothing in the JSON can end the script element that holds it.
- A pair of backends brings its worst disagreements, at most DISAGREEMENTS_A_PAIR; how many there are in all is said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from convbench.results.summary import pair_agreement
from convbench.text.units import format_number

DISAGREEMENTS_A_PAIR = 20
PAIR = ["left", "right"]
Column = dict[str, Any]


def encode_frame(frame: pd.DataFrame) -> dict[str, Column]:
    """Each column as {"values": [...]}, or for texts {"texts": [...], "codes": [...]}."""
    return {str(name): _encode_column(frame[name]) for name in frame.columns}


def _encode_column(column: pd.Series[Any]) -> Column:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return {"values": [_short(value) for value in column.to_numpy(dtype=float, na_value=np.nan).tolist()]}
    codes, texts = pd.factorize(column.fillna("").astype(str))
    return {"texts": list(texts), "codes": codes.tolist()}


def _short(value: float) -> float | int | None:
    """Five significant digits, whole numbers without a fraction; None for what is not finite."""
    if not np.isfinite(value):
        return None
    rounded = float(f"{value:.5g}")
    return int(rounded) if rounded.is_integer() else rounded


def encode_pairs(agreement: pd.DataFrame) -> list[dict[str, Any]]:
    """Each pair with its verdict, the worst of each tensor, and the worst of what does not agree, as sentences."""
    tensors = _worst_by_tensor(agreement)
    shown = worst_disagreements(agreement).groupby(PAIR, sort=False)["description"].agg(list).to_dict()
    in_all = agreement[agreement["verdict"] != "agrees"].groupby(PAIR, sort=False).size().to_dict()
    pairs = pair_agreement(agreement).to_dict("records")
    return [
        {
            **{key: pair[key] for key in (*PAIR, "verdict")},
            "multiple": format_number(pair["bound_multiple"]),
            "tensors": tensors[pair["left"], pair["right"]],
            "sentences": shown.get((pair["left"], pair["right"]), []),
            "sentences_in_all": in_all.get((pair["left"], pair["right"]), 0),
        }
        for pair in pairs
    ]


def worst_disagreements(agreement: pd.DataFrame) -> pd.DataFrame:
    """The rows that do not agree, those that disagree first, at most DISAGREEMENTS_A_PAIR a pair, the worst first."""
    off = agreement[agreement["verdict"] != "agrees"]
    ordered = off.sort_values(["verdict", "bound_multiple"], ascending=[True, False], kind="stable")
    return ordered.groupby(PAIR, sort=False).head(DISAGREEMENTS_A_PAIR)


def _worst_by_tensor(agreement: pd.DataFrame) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """By pair: for each tensor how many were compared, how many are off, and the worst multiple of the bound."""
    rows = agreement.assign(off=agreement["verdict"] != "agrees")
    worst = rows.groupby([*PAIR, "tensor"], sort=False, as_index=False).agg(
        compared=("off", "size"), off=("off", "sum"), multiple=("bound_multiple", "max")
    )
    by_pair: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in worst.to_dict("records"):
        entry = {key: row[key] for key in ("tensor", "compared", "off")}
        by_pair.setdefault((row["left"], row["right"]), []).append(
            {**entry, "multiple": format_number(row["multiple"])}
        )
    return by_pair


def script_safe_json(data: Mapping[str, Any]) -> str:
    """Compact JSON that may stand in a script element: no <, >, & and no line separators in it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
