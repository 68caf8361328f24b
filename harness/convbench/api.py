"""What a script or notebook calls, and the command line too: compare, check, and loading a run.

import convbench

run = convbench.compare("quick", backends=["numpy-im2col", "pytorch"], batch_sizes=[1, 32])
run.measurements            # a pandas DataFrame, a row a cell; its columns: docs/results.md
convbench.load_run(run.folder)
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from convbench.doctor import cached_floor, core_facts, read_facts, thread_warnings, warnings
from convbench.errors import UsageError
from convbench.machine.facts import machine_facts, package_versions
from convbench.plan.items import Plan, make_plan
from convbench.plan.settings import RunSettings
from convbench.report.files import write_reports
from convbench.results.journal import HEADER, Journal
from convbench.results.run import Run, load_run
from convbench.run.observer import Observer, Silent
from convbench.run.runner import Runner
from convbench.workers.plugins import Registered, Registry, availability, find_backends, only_available
from convbench_specs import Available, Unavailable, Workload, case_table

DEFAULT_FOLDER = Path("results")
SEVERAL = ("backends", "batch_sizes", "passes", "dtypes", "cases")
"""Settings of several values, where one may stand for itself."""


def compare(
    *workloads: str,
    backends: Sequence[str] | None = None,
    batch_sizes: Sequence[int] | None = None,
    effort: str | None = None,
    output: str | Path | None = None,
    plugins: Iterable[str] = (),
    observer: Observer | None = None,
    **settings: Any,
) -> Run:
    """Check and measure backends on workloads; returns the run, with its reports written in its folder.

    `workloads` are names of shipped ones or paths of TOML files, "quick" without any. `effort`
    is glance, quick (default) or thorough. Further keywords are the fields of RunSettings: passes, dtypes, cases, case,
    threads, device, seed, blocks, rounds, budget_s, timeout_s, timing, memory and the others.
    Raises ConvbenchError where the call or a file is at fault, before anything runs.
    """
    if not all(isinstance(name, (str, Path)) for name in workloads):
        raise UsageError("workloads are names or paths, each an argument of its own")
    plugins = _several(plugins)
    unknown = sorted(set(settings) - set(RunSettings.names()))
    if unknown:
        raise TypeError(
            f"compare() got an unexpected keyword {unknown[0]!r}; there are: {', '.join(RunSettings.names())}"
        )
    if workloads and settings.get("case") is not None:
        raise UsageError(f"--case takes the place of workloads: leave out {', '.join(workloads)} or --case")
    given: dict[str, Any] = {
        "workloads": tuple(workloads) or None,
        "batch_sizes": batch_sizes,
        "backends": backends,
        **settings,
    }
    plain = {key: _several(value) if key in SEVERAL else value for key, value in given.items()}
    chosen = RunSettings.of_effort(effort, **{key: value for key, value in plain.items() if value is not None})
    registry = find_backends(plugins).demand(plugins)
    return execute(chosen, registry, output=output, observer=observer or Silent())


def _several(value: Any) -> Any:
    """A tuple of a list, or of a single name or number."""
    if isinstance(value, (str, int)):
        return (value,)
    return value if value is None else tuple(value)


def check(*workloads: str, **arguments: Any) -> Run:
    """As compare, but only whether the backends are right: nothing is timed."""
    return compare(*workloads, **{"timing": False, "memory": False, **arguments})


def execute(
    settings: RunSettings,
    registry: Registry,
    *,
    output: str | Path | None,
    observer: Observer,
    told: Sequence[str] | None = None,
) -> Run:
    """Make the run that the settings ask for. Ctrl-C passes through, with the folder left as far as it came.

    `told` are warnings of this machine that its user has read: the run carries them and does not look again.
    """
    plan = make_plan(settings)
    selected = registry.select(settings.backends)
    usable, _ = only_available(selected, settings.device)
    folder = new_folder(output)
    with Journal(folder, _header(settings, plan)) as journal:
        for entry in selected:
            _tell_backend(journal, entry, availability(entry, settings.device), settings)
        for failed in registry.failed:
            journal.write("backend", name=failed.plugin.label, status="failed", reason=failed.reason)
        for text in _new_warnings(settings, observer) if told is None else told:
            journal.write("warning", text=text)
        Runner(plan, settings, usable, journal, observer).run()
    run = load_run(folder)
    write_reports([run], folder)
    return run


def new_folder(output: str | Path | None) -> Path:
    """The folder of a new run: the named one, or results/run-DATE-TIME; UsageError where another run is in it."""
    if output is None:
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        return DEFAULT_FOLDER / f"run-{stamp}"
    folder = Path(output)
    if (folder / HEADER).exists():
        raise UsageError(f"{folder} holds a run already; name another --output or remove it")
    return folder


def _tell_backend(journal: Journal, entry: Registered, found: Available | Unavailable, settings: RunSettings) -> None:
    journal.write(
        "backend",
        name=entry.backend.name,
        summary=entry.backend.summary,
        plugin=entry.plugin.label,
        device=settings.device,
        status="available" if isinstance(found, Available) else "unavailable",
        version=found.version if isinstance(found, Available) else "",
        reason=found.reason if isinstance(found, Unavailable) else "",
    )


def _new_warnings(settings: RunSettings, observer: Observer) -> tuple[str, ...]:
    """What would spoil the numbers, or of a run without times the threads; it is said before anything is computed."""
    if settings.timing:
        found = warnings(read_facts(settings.threads, allocator=settings.allocator))
    else:
        found = thread_warnings(core_facts(settings.threads))
    for text in found:
        observer.note(f"warning: {text}")
    return found


def _header(settings: RunSettings, plan: Plan) -> dict[str, Any]:
    return {
        "command": _command(),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "settings": settings.as_dict(),
        "floor": cached_floor(settings.threads) if settings.timing else None,
        "machine": machine_facts(),
        "packages": package_versions(),
        "workloads": [_workload_table(workload) for workload in plan.workloads],
    }


def _command() -> str:
    """The command line, or what stands for it where a script or notebook made the run."""
    called = Path(sys.argv[0]).name
    return shlex.join(["convbench", *sys.argv[1:]]) if called == "convbench" else f"convbench.compare in {called}"


def _workload_table(workload: Workload) -> dict[str, Any]:
    layers = [{"case": case_table(layer.case), "count": layer.count} for layer in workload.layers]
    named = {"name": workload.name, "title": workload.title, "source": workload.source, "network": workload.network}
    return {**named, "layers": layers}
