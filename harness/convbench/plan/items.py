"""The plan of a run: which cases at which batch sizes, and the cells of each; made before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from convbench.errors import unknown_name
from convbench.plan.settings import RunSettings
from convbench.text.cases import parse_case
from convbench_specs import Case, DType, Layer, PassName, Workload, load_workload


class ItemKey(NamedTuple):
    """What identifies an item in files and frames."""

    workload: str
    case: str
    dtype: DType
    batch_size: int


class CellKey(NamedTuple):
    """What identifies a cell, a row of the measurements."""

    workload: str
    case: str
    dtype: DType
    batch_size: int
    backend: str
    pass_name: PassName

    @property
    def item(self) -> ItemKey:
        """The item that the cell belongs to."""
        return ItemKey(*self[:4])


@dataclass(frozen=True, slots=True)
class Item:
    """A case at a batch size: every backend takes its turn at it."""

    workload: str
    case: Case
    batch_size: int

    @property
    def item_key(self) -> ItemKey:
        """What identifies it."""
        return ItemKey(self.workload, self.case.name, self.case.dtype, self.batch_size)

    def key(self, backend: str, pass_name: PassName) -> CellKey:
        """The cell of a backend and a pass."""
        return CellKey(self.workload, self.case.name, self.case.dtype, self.batch_size, backend, pass_name)

    @property
    def label(self) -> str:
        """How progress names it."""
        return f"{self.workload}/{self.case.name} batch {self.batch_size}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do; workloads are kept whole, for the header of the run."""

    workloads: tuple[Workload, ...]
    items: tuple[Item, ...]


def make_plan(
    settings: RunSettings,
    others: Mapping[str, Path] = MappingProxyType({}),
    models: Mapping[str, Workload] = MappingProxyType({}),
) -> Plan:
    """Load the workloads and spread them over dtypes and batch sizes; small batches first, so much is known early.

    `others` are the workloads that plug-ins bring, by name, and `models` those of models, by source. Raises
    WorkloadError for a file at fault, and UsageError for a case that does not exist or that cannot be read.
    """
    names = dict.fromkeys(settings.workloads)
    workloads = tuple(models[name] if name in models else load_workload(name, others) for name in names)
    if settings.case is not None:
        workloads = (Workload(name="case", layers=(Layer(case=parse_case(settings.case)),)),)
    if settings.cases is not None:
        known = [case.name for workload in workloads for case in workload.cases]
        for name in settings.cases:
            if name not in known:
                raise unknown_name("case", name, known)
    items = [
        Item(workload.name, case, batch_size)
        for batch_size in settings.batch_sizes
        for workload in workloads
        for case in _cases(workload, settings)
    ]
    return Plan(workloads, tuple(items))


def _cases(workload: Workload, settings: RunSettings) -> Iterable[Case]:
    for case in workload.cases:
        if settings.cases is None or case.name in settings.cases:
            for dtype in settings.dtypes or (case.dtype,):
                yield case.with_dtype(dtype)
