"""The values that complete a word, found in so short a time that a shell can wait for it.

Neither a plug-in nor a framework nor NumPy is imported: names of backends are those of entry points, and workloads are
read as plain TOML. An entry point whose plug-in has no backend has a name that begins with an underscore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

Completions = list[CompletionItem[str]]
Complete = Callable[[click.Context, click.Parameter, str], Completions]

DTYPES = ("float64", "float32", "bfloat16", "float16")
PASSES = ("forward", "backward", "both")
DEVICES = ("cpu", "cuda")
DATA = (
    "all", "none", "constant", "offset", "tiny", "huge", "denormal", "wide", "negative", "tied", "signed-zero",
    "not-a-number", "infinite",
)  # fmt: skip
"""These are written down in convbench_specs, too, which imports NumPy."""
DEFAULT_WORKLOAD = "quick"
LIST = "list"
"""The type of a completion behind which no space belongs: a comma and another name may follow."""


def backend_names() -> list[str]:
    """The installed backends, as their entry points are called."""
    from importlib.metadata import entry_points  # noqa: PLC0415  # it takes a while, and most calls complete nothing

    return sorted({entry.name for entry in entry_points(group="convbench") if not entry.name.startswith("_")})


def workload_files() -> dict[str, Path]:
    """The shipped workloads by name."""
    from importlib.util import find_spec  # noqa: PLC0415

    found = find_spec("convbench_specs")  # which does not import it
    folders = (found.submodule_search_locations or ()) if found else ()
    return {file.stem: file for folder in folders for file in sorted(Path(folder, "workloads").glob("*.toml"))}


def case_names(workloads: Sequence[str]) -> list[str]:
    """The cases of some workloads, each a shipped one or a TOML file; what cannot be read has none."""
    import tomllib  # noqa: PLC0415

    shipped = workload_files()
    names: list[str] = []
    for workload in workloads:
        with suppress(OSError, ValueError):
            table = tomllib.loads(shipped.get(workload, Path(workload)).read_text(encoding="utf-8-sig"))
            names += [name for case in table.get("cases", ()) if isinstance(name := case.get("name"), str)]
    return list(dict.fromkeys(names))


def complete_list(context: click.Context, parameter: click.Parameter, begin: str) -> Completions:
    """The last of several names between commas; a name that is there already is not offered again."""
    find = _LISTS.get(str(parameter.name))
    names = () if find is None else find(context)
    *given, last = begin.split(",")
    before = "".join(f"{name}," for name in given)
    return [
        CompletionItem(f"{before}{name}", type=LIST)
        for name in names
        if name.startswith(last) and name not in given and not {",", " "} & set(name)
    ]


def complete_backend(_context: click.Context, _parameter: click.Parameter, begin: str) -> Completions:
    """One backend."""
    return _beginning(backend_names(), begin)


def complete_workload(_context: click.Context, _parameter: click.Parameter, begin: str) -> Completions:
    """A shipped workload; a file where none begins so."""
    return [*_beginning(workload_files(), begin), CompletionItem(begin, type="file")]


def complete_framework(_context: click.Context, _parameter: click.Parameter, begin: str) -> Completions:
    """What a new backend may be written with."""
    templates = Path(__file__).parents[2] / "testing" / "scaffold" / "templates"
    return _beginning(sorted(file.parent.name for file in templates.glob("*/about.toml")), begin)


def complete_words(*words: str) -> Complete:
    """One of some words."""

    def complete(_context: click.Context, _parameter: click.Parameter, begin: str) -> Completions:
        return _beginning(words, begin)

    return complete


def _beginning(names: Iterable[str], begin: str) -> Completions:
    return [CompletionItem(name) for name in names if name.startswith(begin)]


def _cases(context: click.Context) -> list[str]:
    """Those of the workloads that the call names; click leaves these in `args` while the last option has no value."""
    given: Any = context.params.get("workloads") or context.args
    return case_names(given or (DEFAULT_WORKLOAD,))


_LISTS: Mapping[str, Callable[[click.Context], Iterable[str]]] = {
    "backends": lambda _: backend_names(),
    "cases": _cases,
    "dtypes": lambda _: DTYPES,
    "passes": lambda _: PASSES,
    "data": lambda _: DATA,
}
"""By parameter, the names that it takes."""
