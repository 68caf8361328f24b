"""Columns of the agreement table, one row per tensor and pair of backends (or backend and reference)."""

from __future__ import annotations

from convbench.results.columns.column import Column, count, ratio, text
from convbench.results.columns.keys import BATCH_SIZE, CASE, DTYPE, MACHINE, PASS, RUN, WORKLOAD

AGREEMENT: tuple[Column, ...] = (
    RUN,
    MACHINE,
    WORKLOAD,
    CASE,
    BATCH_SIZE,
    DTYPE,
    text(
        "data",
        "What the tensors were filled with. `integers`: every result must be equal, bit by bit. `random`: every error "
        "must be within [the bound](verification.md#the-bound). All others are [further kinds of "
        "data](verification.md#further-kinds-of-data).",
    ),
    text("tensor", "The result that was compared: `y`, `dx`, `dw` or `db`."),
    text("left", "The backend whose result was checked; in a row of two backends, the first of them."),
    text(
        "right",
        "What it was compared with: another backend; `oracle`, the reference in float64; or one of the "
        "[identities](verification.md#the-three-checks) `adjoint`, `batch additivity` and `finite differences`.",
    ),
    text("verdict", "What the comparison says: `agrees`, `disagrees`, `untrusted` or `differs on NaN`."),
    ratio(
        "bound_multiple",
        "The worst error as a multiple of the largest that rounding can explain: 0.3 is comfortable, 5 is wrong.",
    ),
    count("count_off", "Number of elements whose error is over the bound."),
    count("count", "Number of elements that were compared."),
    Column(
        name="first_index",
        unit="",
        dtype="list",
        meaning="Position of the first element whose error is over the bound, an index for each axis.",
    ),
    Column(
        name="worst_index",
        unit="",
        dtype="list",
        meaning="Position of the element with the worst error, an index for each axis.",
    ),
    Column(name="left_value", unit="", dtype="number", meaning="Value of `left` at `worst_index`."),
    Column(name="right_value", unit="", dtype="number", meaning="Value of `right` at `worst_index`."),
    text("description", "What the comparison found, in one sentence."),
    PASS,
    text(
        "hypothesis",
        "Names of the [hypotheses](verification.md#why-a-result-is-wrong) that explain a wrong result. Empty where it "
        "is right, or was explained in a row before.",
    ),
    text("explanation", "The same in words. Where no hypothesis fits it says where the result is wrong."),
)
"""In the order of the frame and of agreement.csv."""
