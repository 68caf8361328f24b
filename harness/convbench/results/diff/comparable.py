"""Which runs may be compared: finished, timed, two of them, on one machine with the same settings; and what differs."""

from __future__ import annotations

from convbench.errors import UsageError, unknown_name
from convbench.results.diff.result import VersionChange
from convbench.results.events.header import Header
from convbench.results.events.state import BackendRecord
from convbench.results.run import Run

SETTINGS = {"device": "cpu", "threads": None, "allocator": "default", "cache": "hot"}
"""Settings that times depend on, with what runs have that do not tell."""
IDENTITY = ("id", "microarchitecture", "gpu", "driver")
"""What the header's identity says beside the name, which its user may choose anew."""
VARYING = ("load at start", "python")
"""Facts in the header's machine that are not the machine's: Python is a version like others."""


def check_run(run: Run, *, force: bool) -> list[str]:
    """Notes on a run that is compared although it was interrupted; UsageError where it cannot be compared."""
    if not run.header["settings"].get("timing", True) or run.samples.empty:
        raise UsageError(f"{run.folder} has no times: it only checked. Compare runs of `convbench compare`")
    if not run.interrupted:
        return []
    if not force:
        raise UsageError(
            f"{run.folder} was interrupted: go on with `convbench compare --resume {run.folder}`, or add --force"
        )
    return [f"{run.folder} was interrupted: only what it had measured is compared."]


def check_two(base: Run, new: Run, *, force: bool) -> list[str]:
    """Notes on what differs although it should not; UsageError where it does and nothing is forced."""
    if base.folder.resolve() == new.folder.resolve() or (
        base.header == new.header and base.state.samples == new.state.samples
    ):
        raise UsageError(f"{base.folder} and {new.folder} are the same run: name two runs, or --left and --right")
    found = circumstances(base.header, new.header)
    if found and not force:
        raise UsageError(f"the runs cannot be compared, as {'; '.join(found)}. --force compares them all the same")
    return [f"Compared all the same (--force): {difference}." for difference in found]


def machine_of(header: Header) -> dict[str, str]:
    """The facts of a run that are its machine's, and stay as they are from run to run; older runs tell no identity."""
    facts = {name: str(text) for name, text in header["machine"].items() if name not in VARYING}
    identity = header.get("identity", {})
    return facts | {name: str(identity[name]) for name in IDENTITY if identity.get(name)}


def circumstances(base: Header, new: Header) -> list[str]:
    """What differs of machine and settings, a phrase each."""
    before, after = machine_of(base), machine_of(new)
    told = [name for name in {**before, **after} if name not in IDENTITY or (name in before and name in after)]
    pairs = [(f"machine's {name}", before.get(name, "not told"), after.get(name, "not told")) for name in told]
    for name, usual in SETTINGS.items():
        pairs.append((name, *(header["settings"].get(name, usual) for header in (base, new))))
    return [f"the {what} was {old} and is {present}" for what, old, present in pairs if old != present]


def check_entrants(run: Run, left: str, right: str) -> None:
    """UsageError where one of two entrants is not in the run, or both are one."""
    timed = set(run.samples["backend"])
    for option, name in (("--left", left), ("--right", right)):
        if name not in timed:
            error = unknown_name(f"entrant of {option}", name, timed)
            raise UsageError(f"{error} in {run.folder}")
    if left == right:
        raise UsageError(f"--left and --right are both {left}: name two entrants of {run.folder}")


def version_changes(base: Run, new: Run) -> tuple[VersionChange, ...]:
    """Python, packages of the host and backends whose versions differ between two runs."""
    tables = [{"python": run.header["machine"].get("python", ""), **run.header["packages"]} for run in (base, new)]
    tables = [
        table | {f"backend {each.name}": _said(each) for each in run.backends}
        for table, run in zip(tables, (base, new), strict=True)
    ]
    return tuple(
        VersionChange(what=name, base=str(tables[0][name]), new=str(tables[1][name]))
        for name in tables[0]
        if name in tables[1] and tables[0][name] != tables[1][name]
    )


def entrant_changes(run: Run, left: str, right: str) -> tuple[VersionChange, ...]:
    """What differs between two entrants: version, interpreter, packages, options."""
    records = {each.name: each for each in run.backends}
    if left not in records or right not in records:
        return ()
    said = [_said(records[name]) for name in (left, right)]
    return (VersionChange(what="entrant", base=said[0], new=said[1]),) if said[0] != said[1] else ()


def unchanged_backends(base: Run, new: Run) -> set[str]:
    """The backends of both runs whose code is the same as far as their versions and options tell.

    Each must have its own version, packages and options as before; Python and convbench, which run all of them, too.
    """
    if _foundations(base) != _foundations(new):
        return set()
    before, after = ({each.name: _identity(each) for each in run.backends} for run in (base, new))
    return {name for name, identity in before.items() if after.get(name) == identity}


def _foundations(run: Run) -> tuple[object, ...]:
    return run.header["machine"].get("python"), run.header["packages"].get("convbench")


def _identity(record: BackendRecord) -> tuple[object, ...]:
    options = tuple(sorted(record.options.items()))
    packages = tuple(sorted(record.packages.items()))
    return record.backend or record.name, record.version, record.python_version, packages, options


def _said(record: BackendRecord) -> str:
    """Version, interpreter and options of an entrant in one line."""
    options = [f"{name}={value}" for name, value in sorted(record.options.items())]
    python = [f"Python {record.python_version}"] if record.python_version else []
    packages = [f"{name} {version}" for name, version in sorted(record.packages.items())]
    return ", ".join([record.version, *python, *packages, *options])
