"""The chain of approaches to a convolution, on the cases that all of a run's entrants computed right.

Who stands where in the chain is declared: the fact `approach` of each entrant, see convbench_specs.approach. The story
needs loops and an im2col, or there is nothing to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, prod

import pandas as pd

from convbench.report.views.cases import CASE, CaseKey, case_labels
from convbench.report.views.course.time_axis import TimeAxis
from convbench.report.views.course.unrolling import Unrolling, draw_unrolling
from convbench.report.views.rows import read_rows
from convbench.results.events.state import BackendRecord
from convbench.results.summary import right_cells
from convbench_specs import APPROACH, APPROACHES, DTYPES, Approach, Case, Conv, multiply_adds

PASS = "forward"
"""The pass of the story: backward is two more products of the same kind."""
LOOPS: Approach = "loops"
IM2COL: frozenset[Approach] = frozenset({"im2col", "blocked im2col"})
COLUMNS = [*CASE, "batch_size"]


@dataclass(frozen=True, slots=True)
class CourseCell:
    """A row of the measurements, as far as the story needs it."""

    workload: str
    case: str
    dtype: str
    batch_size: int
    backend: str
    median_s: float
    ci_low_s: float
    ci_high_s: float
    peak_memory_bytes: float
    memory_source: str


@dataclass(frozen=True, slots=True)
class Step:
    """An entrant on a case: its time with its place on the axis, and its peak memory.

    `behind` is its time as a multiple of the fastest one's, `multiply_add_s` seconds for each multiply-add of the
    definition. Places and lengths are in percent.
    """

    cell: CourseCell
    approach: Approach
    behind: float
    multiply_add_s: float
    at: float
    memory: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """X_col of a batch: its shape for one group of channels, and its bytes beside those of x, for all groups."""

    rows: int
    columns: int
    bytes: int
    x_bytes: int

    @property
    def growth(self) -> float:
        """How many times as large as x it is."""
        return self.bytes / self.x_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A case at a batch size: a step for each entrant that computed it, in the order of the chain."""

    label: str
    batch_size: int
    case: Case
    steps: Sequence[Step]
    axis: TimeAxis
    matrix: Matrix

    @property
    def loops(self) -> Step:
        """The fastest of the loops."""
        return min((step for step in self.steps if step.approach == LOOPS), key=lambda step: step.cell.median_s)

    @property
    def fastest(self) -> Step:
        """The fastest of all."""
        return min(self.steps, key=lambda step: step.cell.median_s)


@dataclass(frozen=True, slots=True)
class CourseView:
    """The chains, the most work first, and a drawing of the smallest of their matrices.

    `entrants` are those of the chains, `missing` entrants with an approach that did not compute these cases, and
    `absent` approaches that no entrant of the chains has.
    """

    chains: Sequence[Chain] = ()
    drawing: Unrolling | None = None
    drawn: Chain | None = None
    approaches: Sequence[Approach] = ()
    missing: Sequence[str] = ()
    absent: Sequence[Approach] = ()


def course_view(
    measurements: pd.DataFrame, backends: Sequence[BackendRecord], cases: Mapping[CaseKey, Case]
) -> CourseView:
    """The story of a run; without chains where it has no loops, no im2col, or no case that both computed."""
    approach_of = approaches_of(backends)
    cells = right_cells(measurements)
    chosen = (cells["operation"] == "conv") & (cells["pass"] == PASS) & cells["backend"].isin(approach_of)
    groups = _whole_groups(read_rows(cells[chosen], CourseCell), approach_of)
    labels = case_labels(measurements)
    chains = [_chain(group, approach_of, labels[key], cases[key]) for key, group in groups.items() if key in cases]
    if not chains:
        return CourseView()
    chains.sort(key=lambda chain: -chain.batch_size * multiply_adds(chain.case))
    drawings = [(chain, drawing) for chain in chains if (drawing := draw_unrolling(chain.case))]
    drawn, drawing = min(drawings, key=lambda one: one[0].matrix.bytes, default=(None, None))
    taking_part = {step.cell.backend for step in chains[0].steps}
    found = {approach_of[name] for name in taking_part}
    return CourseView(
        chains=chains,
        drawing=drawing,
        drawn=drawn,
        approaches=[approach for approach in APPROACHES if approach in found],
        missing=[name for name in approach_of if name not in taking_part],
        absent=[approach for approach in APPROACHES if approach not in found],
    )


def approaches_of(backends: Sequence[BackendRecord]) -> Mapping[str, Approach]:
    """The approach of each entrant that declares one, in the order of the chain."""
    declared = {record.name: record.facts.get(APPROACH) for record in backends}
    return {name: approach for approach in APPROACHES for name, found in declared.items() if found == approach}


def matrix_of(case: Case, batch_size: int) -> Matrix:
    """X_col of a convolution.

    It has C / groups * R * S rows and N * OH * OW columns for each group.
    """
    operation = case.operation
    assert isinstance(operation, Conv)
    rows = operation.in_channels // operation.groups * prod(operation.kernel_size)
    columns = batch_size * prod(axis.output for axis in case.axes)
    size = DTYPES[case.dtype]
    return Matrix(
        rows=rows,
        columns=columns,
        bytes=rows * columns * operation.groups * size,
        x_bytes=prod(case.x_shape(batch_size)) * size,
    )


def _whole_groups(
    cells: Sequence[CourseCell], approach_of: Mapping[str, Approach]
) -> Mapping[CaseKey, Sequence[CourseCell]]:
    """Of each case the cells at its largest batch size, where the most entrants of the run computed it.

    Only groups with loops and an im2col count.
    """
    groups: dict[tuple[CaseKey, int], list[CourseCell]] = {}
    for cell in cells:
        groups.setdefault((CaseKey(cell.workload, cell.case, cell.dtype), cell.batch_size), []).append(cell)
    told = {key: group for key, group in groups.items() if _tells_the_story(group, approach_of)}
    most = max(map(len, told.values()), default=0)
    largest: dict[CaseKey, Sequence[CourseCell]] = {}
    for (key, batch_size), group in told.items():
        if len(group) == most and (key not in largest or batch_size > largest[key][0].batch_size):
            largest[key] = group
    return largest


def _tells_the_story(group: Sequence[CourseCell], approach_of: Mapping[str, Approach]) -> bool:
    found = {approach_of[cell.backend] for cell in group}
    return LOOPS in found and not IM2COL.isdisjoint(found)


def _chain(group: Sequence[CourseCell], approach_of: Mapping[str, Approach], label: str, case: Case) -> Chain:
    batch_size = group[0].batch_size
    axis = TimeAxis.over([cell.median_s for cell in group])
    least = min(cell.median_s for cell in group)
    most_memory = max((cell.peak_memory_bytes for cell in group if isfinite(cell.peak_memory_bytes)), default=0.0)
    places = list(approach_of)
    steps = [
        Step(
            cell=cell,
            approach=approach_of[cell.backend],
            behind=cell.median_s / least,
            multiply_add_s=cell.median_s / (batch_size * multiply_adds(case)),
            at=axis.place(cell.median_s),
            memory=_share(cell.peak_memory_bytes, most_memory),
        )
        for cell in sorted(group, key=lambda cell: places.index(cell.backend))
    ]
    return Chain(
        label=label, batch_size=batch_size, case=case, steps=steps, axis=axis, matrix=matrix_of(case, batch_size)
    )


def _share(size: float, largest: float) -> float | None:
    """Percent of the largest, None where it is not known."""
    if not isfinite(size):
        return None
    return round(100 * size / largest, 2) if largest else 0.0
