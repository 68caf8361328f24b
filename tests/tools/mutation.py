"""What `convbench check` says of every mutant in plugins/mutants, and the table of it in docs/mutants.md.

python tests/tools/mutation.py      writes the table again
"""

from __future__ import annotations

import tempfile
from contextlib import chdir
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

import convbench
from convbench.verify import IDENTITIES
from convbench.verify.reference import sampled
from convbench.workers.plugins import find_backends

PLUGINS = Path(__file__).parents[1] / "plugins"
TABLE = Path(__file__).parents[2] / "docs" / "mutants.md"
TOGETHER = 10
"""Backends of one run; all pairs of them are compared."""
CHECKS = {"integers": "exact", "random": "random"}
FEW_ELEMENTS = 10_000
"""For mutants that only a sample misses: above, the oracle samples, as otherwise above sampled.MOST_ELEMENTS."""

HEAD = """\
# Mutants: wrong backends that the checks must find

Each is a right NumPy backend with one slip ([tests/plugins/mutants](../tests/plugins/mutants)). `convbench check` runs
them on small cases ([tests/plugins/mutants.toml](../tests/plugins/mutants.toml)) at batch size 3 and must call every
one wrong or untrusted for the tensors that it spoils, and for no other. *exact* is the comparison with the oracle on
integers, *random* the one within the bound, *adjoint*, *batch additivity* and *finite differences* need no oracle; the
rest are names of [reasons not to trust](verification.md). One slip shows only where a case is too large for all of the
oracle; it is checked as if that began at 10,000 elements.
`python tests/tools/mutation.py` writes this table from what the checks say.

| mutant | its slip | tensors | found by |
|---|---|---|---|
"""

TAIL = """
One slip no check of results can show: a `wait` that does not wait, where reading the result does. What is read is right
then, but the time of the call is not; so a backend for a lazy framework must block in `wait` until every result exists.
"""


@dataclass(frozen=True)
class Outcome:
    """What was said of a backend: the tensors that it was blamed for, the checks that found something, statuses."""

    name: str
    slip: str
    wrong: tuple[str, ...]
    tensors: frozenset[str]
    found_by: tuple[str, ...]
    statuses: frozenset[str]


def outcomes(step: int = 1) -> list[Outcome]:
    """Check the right backend, which comes first, and every so many-th mutant."""
    with chdir(PLUGINS), tempfile.TemporaryDirectory() as folder:
        found = find_backends(["mutants"]).backends
        right, *mutants = [entry.backend for entry in found.values() if entry.plugin.module == "mutants"]
        backends = [right, *mutants[::step]]
        plain = iter([backend for backend in backends if not backend.hides_from_samples])
        told = []
        while group := list(islice(plain, TOGETHER)):
            told += _check("mutants.toml", group, Path(folder) / group[0].name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sampled, "MOST_ELEMENTS", FEW_ELEMENTS)
            hiding = [backend for backend in backends if backend.hides_from_samples]
            if hiding:
                told += _check("mutants_sampled.toml", hiding, Path(folder) / "sampled")
        return told


def _check(workload: str, group: list, folder: Path) -> list[Outcome]:
    names = [backend.name for backend in group]
    run = convbench.check(workload, plugins=["mutants"], backends=names, batch_sizes=[3], threads=1, output=folder)
    return [_outcome(backend, run) for backend in group]


def table(told: list[Outcome]) -> str:
    """The page."""
    rows = [
        (each.name, each.slip[0].lower() + each.slip[1:], ", ".join(each.wrong), ", ".join(each.found_by))
        for each in told
        if each.wrong
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return HEAD + "\n".join(lines) + "\n" + TAIL


def _outcome(backend, run) -> Outcome:
    cells = run.measurements[run.measurements["backend"] == backend.name]
    off = run.agreement[(run.agreement["left"] == backend.name) & (run.agreement["verdict"] != "agrees")]
    rows, broken = off[off["right"] == "oracle"], off[off["right"].isin(IDENTITIES)]
    findings = cells[cells["finding"] != ""]
    found_by = [check for data, check in CHECKS.items() if (rows["data"] == data).any()]
    found_by += [name for name in IDENTITIES if (broken["right"] == name).any()]
    return Outcome(
        name=backend.name,
        slip=type(backend).__doc__.rstrip("."),
        wrong=backend.wrong,
        tensors=frozenset(rows["tensor"]) | frozenset(findings["tensor"]) or frozenset(broken["tensor"]),
        found_by=(*found_by, *sorted(set(findings["finding"]))),
        statuses=frozenset(cells["status"]),
    )


if __name__ == "__main__":
    TABLE.write_text(table(outcomes()), encoding="utf-8")
