"""What `convbench check` says of every mutant in plugins/mutants, and the table of it in docs/mutants.md.

python tests/tools/mutation.py      writes the table again
"""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import chdir
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from planted import PLANTED

import convbench
from convbench.verify import DIFFERS_ON_NAN, IDENTITIES
from convbench.verify.explain import UNEXPLAINED
from convbench.verify.reference import sampled
from convbench.workers.discovery.loading import load_backend
from convbench.workers.plugins import find_backends
from convbench_specs import DATA_KINDS

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
oracle; it is checked as if that began at 10,000 elements. The last ones show only on [further kinds of
data](verification.md#further-kinds-of-data), of which every one that finds them is named; who differs on NaN is called
so, and not wrong.
*Explained as* are the [hypotheses](verification.md#why-a-result-is-wrong) that are told first of its wrong results, by
how many of them; bold is what was planted. `python tests/tools/mutation.py` writes this page from what the checks say.

{share}

| mutant | its slip | tensors | found by | explained as |
|---|---|---|---|---|
"""

TAIL = """
One slip no check of results can show: a `wait` that does not wait, where reading the result does. What is read is right
then, but the time of the call is not; so a backend for a lazy framework must block in `wait` until every result exists.
"""


@dataclass(frozen=True)
class Outcome:
    """What was said of a backend: the tensors that it was blamed for, the checks that found something, statuses.

    `hypotheses` are the names told first of its wrong results, each with the number of results; a result that was
    explained on integers and again on random numbers counts once.
    """

    name: str
    slip: str
    wrong: tuple[str, ...]
    tensors: frozenset[str]
    found_by: tuple[str, ...]
    statuses: frozenset[str]
    differs_on_nan: bool
    hypotheses: Counter[str]

    @property
    def is_named(self) -> bool:
        """Whether what was planted is told first of most of its wrong results."""
        named = sum(self.hypotheses[name] for name in PLANTED.get(self.name, ()))
        return 2 * named > self.hypotheses.total()


def outcomes(step: int = 1) -> list[Outcome]:
    """Check the right backend, which comes first, and every so many-th mutant."""
    with chdir(PLUGINS), tempfile.TemporaryDirectory() as folder:
        found = find_backends(["mutants"]).backends
        entries = [(name, entry.plugin) for name, entry in found.items() if entry.plugin.module == "mutants"]
        right, *mutants = [load_backend(plugin, name) for name, plugin in entries]
        backends = [right, *mutants[::step]]
        plain = iter([each for each in backends if not each.hides_from_samples and not each.needs_further_data])
        told = []
        while group := list(islice(plain, TOGETHER)):
            told += _check("mutants.toml", group, Path(folder) / group[0].name)
        hiding = [right, *(each for each in backends if each.needs_further_data)]
        told += _check("mutants.toml", hiding, Path(folder) / "further", data="all")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sampled, "MOST_ELEMENTS", FEW_ELEMENTS)
            hiding = [backend for backend in backends if backend.hides_from_samples]
            if hiding:
                told += _check("mutants_sampled.toml", hiding, Path(folder) / "sampled")
        return told


def _check(workload: str, group: list, folder: Path, data: str = "none") -> list[Outcome]:
    names, sizes = [backend.name for backend in group], [3]
    run = convbench.check(
        workload, plugins=["mutants"], backends=names, batch_sizes=sizes, data=data, threads=1, output=folder
    )
    return [_outcome(backend, run) for backend in group]


def table(told: list[Outcome]) -> str:
    """The page."""
    rows = [
        (
            each.name,
            each.slip[0].lower() + each.slip[1:],
            ", ".join(each.wrong),
            ", ".join(each.found_by),
            _explained(each),
        )
        for each in told
        if each.wrong
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return HEAD.format(share=_share(told)) + "\n".join(lines) + "\n" + TAIL


def explained(told: list[Outcome]) -> list[Outcome]:
    """The mutants whose wrong results are explained, rightly or not."""
    return [each for each in told if each.hypotheses]


def _share(told: list[Outcome]) -> str:
    """How many of the mutants are named, as a sentence."""
    all_of_them = explained(told)
    named = sum(each.is_named for each in all_of_them)
    return (
        f"Of {len(all_of_them)} mutants whose results are wrong, and not only untrusted, **{named} "
        f"({100 * named / len(all_of_them):.0f} %)** are named: what was planted is told first of most of their wrong "
        "results."
    )


def _explained(outcome: Outcome) -> str:
    """The hypotheses of a mutant, the most frequent first."""
    planted = PLANTED.get(outcome.name, ())
    return ", ".join(
        f"{f'**{name}**' if name in planted else name} {count}" for name, count in outcome.hypotheses.most_common()
    )


def _outcome(backend, run) -> Outcome:
    cells = run.measurements[run.measurements["backend"] == backend.name]
    off = run.agreement[(run.agreement["left"] == backend.name) & (run.agreement["verdict"] != "agrees")]
    rows, broken = off[off["right"] == "oracle"], off[off["right"].isin(IDENTITIES)]
    findings = cells[cells["finding"] != ""]
    found_by = [check for data, check in CHECKS.items() if (rows["data"] == data).any()]
    found_by += [name for name in IDENTITIES if (broken["right"] == name).any()]
    found_by += [f"{kind} data" for kind in DATA_KINDS if (rows["data"] == kind).any()]
    return Outcome(
        name=backend.name,
        slip=type(backend).__doc__.rstrip("."),
        wrong=backend.wrong,
        tensors=frozenset(rows["tensor"]) | frozenset(findings["tensor"]) or frozenset(broken["tensor"]),
        found_by=(*found_by, *sorted(set(findings["finding"]))),
        statuses=frozenset(cells["status"].where(cells["verdict"] != DIFFERS_ON_NAN, DIFFERS_ON_NAN)),
        differs_on_nan=backend.differs_on_nan,
        hypotheses=_told_first(rows),
    )


def _told_first(rows: pd.DataFrame) -> Counter[str]:
    """The first hypothesis of each result; of a result that had none on integers that on random numbers."""
    first: dict[tuple[Any, ...], str] = {}
    for row in rows[rows["hypothesis"] != ""].itertuples():
        key = row.case, row.dtype, row.tensor, row[rows.columns.get_loc("pass") + 1]
        if first.get(key, UNEXPLAINED) == UNEXPLAINED:
            first[key] = row.hypothesis.split(", ")[0]
    return Counter(first.values())


if __name__ == "__main__":
    TABLE.write_text(table(outcomes()), encoding="utf-8")
