"""A model as a workload, and what of it no case can express."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from convbench.errors import UsageError
from convbench.extraction.document import percent, workload_toml
from convbench_specs import Case, Extraction, Layer, LeftOut, Workload, cost


@dataclass(frozen=True)
class Extracted:
    """The layers of a model: `workload` has each shape once, with its count, `left_out` what is no case, and why.

    `flops` are those of one forward pass over one instance: of the cases, of what is left out, and `dense_flops` of
    the fully connected layers behind the last case; each multiply-add is 2.
    """

    workload: Workload
    left_out: tuple[LeftOut, ...]
    flops: int
    dense_flops: int = 0

    def share(self, flops: int) -> float:
        """The part of all FLOPs, from 0 to 1."""
        return flops / self.flops if self.flops else 0.0

    @property
    def case_share(self) -> float:
        """The part of all FLOPs that the cases are."""
        return self.share(flops_of(self.workload.layers))

    @property
    def dense_share(self) -> float:
        """The part of all FLOPs that the fully connected layers behind the last case are."""
        return self.share(self.dense_flops)

    @property
    def left_out_share(self) -> float:
        """The part of all FLOPs that is left out."""
        return self.share(sum(each.flops for each in self.left_out))

    @property
    def toml(self) -> str:
        """The workload file; what is left out follows as comments."""
        return workload_toml(self.workload, [(each, self.share(each.flops)) for each in self.left_out])

    def write(self, path: str | Path) -> Path:
        """Write the workload file, which `convbench compare` takes; UsageError where it cannot be written."""
        path = Path(path)
        try:
            path.write_text(self.toml, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
        return path


def extracted(name: str, source: str, found: Extraction) -> Extracted:
    """What was found in a model, with equal layers as one. UsageError where no layer is a case."""
    if not found.layers:
        why = "; ".join(f"{each.name}: {each.what}: {each.reason}" for each in found.left_out[:2])
        raise UsageError(f"{source} has no layer that convbench can measure{why and ': ' + why}")
    layers = merged(found.layers)
    flops = flops_of(layers) + found.dense_flops + sum(each.flops for each in found.left_out)
    is_whole = not any(each.in_scope for each in found.left_out)
    workload = Workload(
        name=name, layers=layers, title=name, source=_origin(source, found), network=is_whole, dense=found.dense
    )
    result = Extracted(workload, found.left_out, flops, found.dense_flops)
    if not found.left_out:
        return result
    note = f" Left out are layers with {percent(result.left_out_share)} of its FLOPs."
    return replace(result, workload=replace(workload, source=workload.source + note))


def flops_of(layers: Iterable[Layer]) -> int:
    """FLOPs of a forward pass over one instance."""
    return sum(cost(layer.case, 1, "forward").flops * layer.count for layer in layers)


def merged(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Equal cases as one, under the name of the first and in its place; names that occur twice get a number."""
    counts: dict[Case, int] = {}
    names: dict[Case, str] = {}
    for layer in layers:
        case = replace(layer.case, name="")
        counts[case] = counts.get(case, 0) + layer.count
        names.setdefault(case, layer.case.name)
    taken: set[str] = set()
    found = []
    for case, count in counts.items():
        name = _free(names[case], taken)
        taken.add(name)
        found.append(Layer(case=replace(case, name=name), count=count))
    return tuple(found)


def _free(name: str, taken: set[str]) -> str:
    number = 1
    candidate = name
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def _origin(source: str, found: Extraction) -> str:
    by = f" by {found.framework}" if found.framework else ""
    return f"extracted from {source}, traced{by}."
