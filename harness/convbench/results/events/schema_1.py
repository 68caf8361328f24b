"""What journals of schema 1, of convbench 0.1, hold in place of some events of today: read, never written.

There a cell had one kind of event, with any columns of the measurements, and a backend another for both that it was
found and that it has started.
"""

from __future__ import annotations

import msgspec

from convbench.plan.status import BackendStatus
from convbench.results.events.schema import BackendFound, BackendStarted, CellEvent, Columns, Recorded, Value

_KEYS = ("workload", "case", "dtype", "batch_size", "backend", "pass", "event")


class OldCell(CellEvent, frozen=True, kw_only=True, tag="cell"):
    """Columns of a cell; later ones replace earlier ones. A column that was not told is UNSET, as null is a value."""

    status: str | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET
    traceback: str | msgspec.UnsetType = msgspec.UNSET
    predicted_s: float | msgspec.UnsetType | None = msgspec.UNSET
    first_call_s: float | msgspec.UnsetType = msgspec.UNSET
    second_call_s: float | msgspec.UnsetType = msgspec.UNSET
    prepare_s: float | msgspec.UnsetType = msgspec.UNSET
    convert_s: float | msgspec.UnsetType = msgspec.UNSET
    trace_s: float | msgspec.UnsetType = msgspec.UNSET
    compile_s: float | msgspec.UnsetType = msgspec.UNSET
    algorithm: str | msgspec.UnsetType = msgspec.UNSET
    recomputes_forward: bool | msgspec.UnsetType = msgspec.UNSET
    cold_copies: int | msgspec.UnsetType = msgspec.UNSET
    exact: str | msgspec.UnsetType = msgspec.UNSET
    random: str | msgspec.UnsetType = msgspec.UNSET
    identities: str | msgspec.UnsetType = msgspec.UNSET
    sampled: str | msgspec.UnsetType = msgspec.UNSET
    verdict: str | msgspec.UnsetType = msgspec.UNSET
    tensor: str | msgspec.UnsetType = msgspec.UNSET
    finding: str | msgspec.UnsetType = msgspec.UNSET
    odd_one_out: str | msgspec.UnsetType = msgspec.UNSET
    reproduce: str | msgspec.UnsetType = msgspec.UNSET
    warm_up_calls: int | msgspec.UnsetType = msgspec.UNSET
    steady: bool | msgspec.UnsetType = msgspec.UNSET
    peak_memory_bytes: int | msgspec.UnsetType = msgspec.UNSET
    peak_memory_min_bytes: int | msgspec.UnsetType = msgspec.UNSET
    peak_memory_max_bytes: int | msgspec.UnsetType = msgspec.UNSET
    kept_memory_bytes: int | msgspec.UnsetType = msgspec.UNSET
    memory_source: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def columns(self) -> Columns:
        """The columns that were told."""
        plain: dict[str, Value] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if name not in _KEYS}


class OldBackend(Recorded, frozen=True, kw_only=True, tag="backend"):
    """A backend was found, or has started: then `facts`, `start_s` and `harness_overhead_s` are told."""

    name: str
    status: BackendStatus | None = None
    summary: str = ""
    version: str = ""
    device: str = ""
    reason: str = ""
    plugin: str = ""
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    start_s: float | None = None
    harness_overhead_s: float | None = None

    @property
    def found(self) -> BackendFound:
        """The event of today that says so."""
        return BackendFound(
            name=self.name,
            status=self.status or BackendStatus.AVAILABLE,
            summary=self.summary,
            version=self.version,
            device=self.device,
            reason=self.reason,
            plugin=self.plugin,
        )

    @property
    def started(self) -> BackendStarted | None:
        """The event of today that says that it has started, if this one does."""
        if self.start_s is None or self.harness_overhead_s is None:
            return None
        overhead_s = self.harness_overhead_s
        return BackendStarted(name=self.name, facts=self.facts, start_s=self.start_s, harness_overhead_s=overhead_s)


OldEvent = OldCell | OldBackend
