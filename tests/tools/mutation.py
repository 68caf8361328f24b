"""What `convbench check` says of every mutant in plugins/mutants, and the table of it in docs/mutants.md.

python tests/tools/mutation.py      writes the table again
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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

How can you know that the checks find faults? Each *mutant* on this page is a right NumPy backend with one planted
fault ([tests/plugins/mutants](../tests/plugins/mutants)). `convbench check` runs all of them on small cases
([tests/plugins/mutants.toml](../tests/plugins/mutants.toml)) at batch size 3. It must call each of them wrong or
untrusted for the tensors that the fault affects, and for no other tensor.

*Found by* names the checks that found the fault. *exact* is the comparison with the oracle on integers, and *random*
is the comparison within the bound. *adjoint*, *batch additivity* and *finite differences* need no oracle. The others
are names of [reasons not to trust a result](verification.md#what-untrusted-means). One fault appears only in cases
that are too large for a complete oracle; here the oracle samples from 10,000 elements on. The last faults appear only
on [further kinds of data](verification.md#further-kinds-of-data), and every kind that finds them is named. A backend
that differs on NaN gets that verdict and is not called wrong.

*Explained as* lists the first [explanation](verification.md#why-a-result-is-wrong) of each wrong result, with the
number of results. The planted fault is in bold. `python tests/tools/mutation.py` writes this page from the results of
the checks.

{share}

| mutant | its slip | tensors | found by | explained as |
|---|---|---|---|---|
"""

TAIL = """
One fault cannot be found by any check of results: a `wait` that does not wait, if reading the result does. The result
is right then, but the time of the call is wrong. Therefore a backend for a lazy framework must block in `wait` until
every result exists.
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


def names(module: str = "") -> list[str]:
    """The mutants, those of a module such as "geometry" or all, in the order of the table."""
    return [each.name for each in _backends() if each.wrong and type(each).__module__.endswith(module)]


def outcomes(chosen: Collection[str]) -> list[Outcome]:
    """Check these backends, the mutants or "correct"; in the order of the table, but those last that need more."""
    with chdir(PLUGINS), tempfile.TemporaryDirectory() as folder:
        backends = [each for each in _backends() if each.name in chosen]
        plain = iter([each for each in backends if not each.hides_from_samples and not each.needs_further_data])
        told = []
        while group := list(islice(plain, TOGETHER)):
            told += _check("mutants.toml", group, Path(folder) / group[0].name)
        if further := [each for each in backends if each.needs_further_data or not each.wrong]:
            told += _check("mutants.toml", further, Path(folder) / "further", data="all")
        if sampled_only := [each for each in backends if each.hides_from_samples]:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sampled, "MOST_ELEMENTS", FEW_ELEMENTS)
                told += _check("mutants_sampled.toml", sampled_only, Path(folder) / "sampled")
        return told


def _backends() -> list:
    """The right backend, which comes first, and the mutants."""
    with chdir(PLUGINS):
        found = find_backends(["mutants"]).backends
        ours = ((name, entry.plugin) for name, entry in found.items() if entry.plugin.module == "mutants")
        return [load_backend(plugin, name) for name, plugin in ours]


def _check(workload: str, group: list, folder: Path, data: str = "none") -> list[Outcome]:
    run = convbench.check(
        workload,
        plugins=["mutants"],
        backends=[backend.name for backend in group],
        batch_sizes=[3],
        data=data,
        threads=1,
        output=folder,
    )
    return [_outcome(backend, run) for backend in group]


def page(rows: Sequence[str]) -> str:
    """The page with these rows. How many mutants are named is counted in them."""
    return HEAD.format(share=_share(rows)) + "\n".join(rows) + "\n" + TAIL


def row(outcome: Outcome) -> str:
    """The line of a mutant."""
    slip = outcome.slip[0].lower() + outcome.slip[1:]
    cells = outcome.name, slip, ", ".join(outcome.wrong), ", ".join(outcome.found_by), _explained(outcome)
    return f"| {' | '.join(cells)} |"


def rows_of(text: str) -> dict[str, str]:
    """The lines of a page by their mutants."""
    found = (line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| mutant |"))
    return {line.split(" | ")[0].removeprefix("| "): line for line in found}


def named(rows: Iterable[str]) -> dict[str, bool]:
    """Of the mutants whose wrong results are explained, rightly or not, whether most of them by what was planted."""
    return {name: 2 * planted > every for name, planted, every in map(_counted, rows) if every}


def _counted(line: str) -> tuple[str, int, int]:
    """A mutant, and how many of its results are explained: by what was planted, which is bold, and by anything."""
    name, *_, hypotheses = line.removeprefix("| ").removesuffix(" |").split(" | ")
    counts = [(words.startswith("**"), int(words.rpartition(" ")[2])) for words in hypotheses.split(", ") if words]
    return name, sum(count for is_planted, count in counts if is_planted), sum(count for _, count in counts)


def _share(rows: Sequence[str]) -> str:
    """How many of the mutants are named, as a sentence."""
    found = named(rows).values()
    return (
        f"Of {len(found)} mutants whose results are wrong, and not only untrusted, **{sum(found)} "
        f"({100 * sum(found) / len(found):.0f} %)** are named: what was planted is told first of most of their wrong "
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
    TABLE.write_text(page([row(outcome) for outcome in outcomes(names())]), encoding="utf-8")
