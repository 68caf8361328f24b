"""What a script or notebook calls, and the command line too: compare, check, and loading a run.

run = convbench.compare("quick", backends=["numpy-im2col", "pytorch"], batch_sizes=[1, 16])
run.measurements            # a pandas DataFrame, one row per cell; its columns: docs/results.md
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convbench.doctor.before_a_run import warn
from convbench.errors import RunInterrupted, UsageError
from convbench.extraction.asking import Shape, shapes_of, workloads_of_models
from convbench.machine.facts import versions_of
from convbench.machine.last_run import keep_last_run
from convbench.plan.entrants import Entrant, located
from convbench.plan.items import Plan, make_plan
from convbench.plan.settings import Allocator, Cache, RunSettings
from convbench.plan.status import BackendStatus
from convbench.report.files import REPORT, write_reports
from convbench.report.shown.run import Run, load_run
from convbench.results.events.header import Header
from convbench.results.events.journal import Journal
from convbench.results.events.schema import BackendFound, ItemChecked, ItemTimed, Recorded, WarningGiven
from convbench.results.events.state import RunState
from convbench.run.checking.pictures import Picture
from convbench.run.folders import new_folder
from convbench.run.header import make_header, stored_settings
from convbench.run.notebook import usual_observer
from convbench.run.observer import Observer, tell
from convbench.run.resume import StoredRun, refuse_differences, resumption, stored_run
from convbench.run.runner import Ledger, run_events
from convbench.workers.entrants import Entry
from convbench.workers.environment import allocator_environment
from convbench.workers.plugins import Registered, Registry, able, availabilities, find_backends
from convbench_specs import DATA_KINDS, Available, DataKind, Device, DType, PassName, Unavailable

DEFAULT_FOLDER = Path("results")


def compare(
    *workloads: str | Path,
    inputs: Shape | Sequence[Shape] | None = None,
    backends: str | Sequence[str] | None = None,
    batch_sizes: int | Sequence[int] | None = None,
    passes: PassName | Sequence[PassName] | None = None,
    entrants: str | Entrant | Sequence[str | Entrant] | None = None,
    against: str | Path | None = None,
    dtypes: DType | Sequence[DType] | None = None,
    cases: str | Sequence[str] | None = None,
    case: str | None = None,
    effort: str | None = None,
    threads: int | None = None,
    device: Device | None = None,
    seed: int | None = None,
    data: Sequence[DataKind] | None = None,
    blocks: int | None = None,
    most_blocks: int | None = None,
    within_s: float | None = None,
    rounds: int | None = None,
    sample_s: float | None = None,
    budget_s: float | None = None,
    timeout_s: float | None = None,
    timing: bool | None = None,
    memory: bool | None = None,
    allocator: Allocator | None = None,
    cache: Cache | None = None,
    find_largest_batch: bool | None = None,
    memory_limit_bytes: int | None = None,
    search_s: float | None = None,
    machine: str | None = None,
    output: str | Path | None = None,
    resume: str | Path | None = None,
    plugins: str | Iterable[str] = (),
    observer: Observer | None = None,
) -> Run:
    """Check and measure backends on workloads. Returns the run; its reports are written into its folder.

    `workloads` are names of included workloads or of those of plug-ins, paths of TOML files, or sources of models, as
    extract() takes them. For a model, `inputs` is the shape of one instance, such as (3, 224, 224), or several of them.
    The default is the workload "quick".

    A setting that takes several values also takes a single one. A setting that is None has the default of `effort`,
    which is "glance", "quick" (default) or "thorough". RunSettings explains every setting.

    `entrants` are backends under names of their own, with options or in other Python environments:
    Entrant("torch-nhwc", "pytorch", {"layout": "channels_last"}), or texts as --entrant takes them. With entrants, only
    they and the named `backends` take part. `against` is the interpreter of another environment. Each chosen backend
    then takes part a second time, as it is installed there, under the name NAME-base.

    `output` is the folder for the run. It must not contain a run yet; the default is a new folder,
    results/run-DATE-TIME. `plugins` are modules or .py files with backends. `machine` is the name of this machine in
    the results; the default is its host name. `observer` is notified of the progress; the default is a bar in a
    notebook and nothing elsewhere. `resume` is the folder of a run that was killed or interrupted. This run continues
    with its own settings; settings that are given must be the same.

    Raises ConvbenchError if the call or a file is at fault, before anything runs.
    """
    if not all(isinstance(name, (str, Path)) for name in workloads):
        raise UsageError("each workload must be a name or a path, given as an argument of its own")
    if workloads and case is not None:
        names = ", ".join(map(str, workloads))
        raise UsageError(f"--case takes the place of workloads: leave out {names} or --case")
    asked: dict[str, Any] = {  # each has the type of its setting, which RunSettings checks
        "workloads": tuple(map(str, workloads)) or None,
        "inputs": None if inputs is None else shapes_of(inputs),
        "backends": _several(backends),
        "batch_sizes": _several(batch_sizes),
        "passes": _several(passes),
        "entrants": None if entrants is None else tuple(map(_entrant_text, _several(entrants))),
        "against": None if against is None else located(str(against)),
        "dtypes": _several(dtypes),
        "cases": _several(cases),
        "case": case,
        "threads": threads,
        "device": device,
        "seed": seed,
        "data": data,
        "blocks": blocks,
        "most_blocks": most_blocks,
        "within_s": within_s,
        "rounds": rounds,
        "sample_s": sample_s,
        "budget_s": budget_s,
        "timeout_s": timeout_s,
        "timing": timing,
        "memory": memory,
        "allocator": allocator,
        "cache": cache,
        "find_largest_batch": find_largest_batch,
        "memory_limit_bytes": memory_limit_bytes,
        "search_s": search_s,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    named, told = _several(plugins) or (), observer or usual_observer()
    if resume is None:
        settings = RunSettings.of_effort(effort, **given)
        registry = find_backends(named).demand(named)
        return execute(settings, registry, output=output, observer=told, machine=machine)
    if output is not None:
        raise UsageError("--resume continues in the folder of the run: leave out --output")
    if machine is not None:
        raise UsageError("--resume keeps the name that the machine had: leave out --machine")
    return go_on(stored_run(Path(resume)), effort, given, named, observer=told)


def check(
    *workloads: str | Path,
    inputs: Shape | Sequence[Shape] | None = None,
    backends: str | Sequence[str] | None = None,
    batch_sizes: int | Sequence[int] | None = None,
    passes: PassName | Sequence[PassName] | None = None,
    entrants: str | Entrant | Sequence[str | Entrant] | None = None,
    against: str | Path | None = None,
    dtypes: DType | Sequence[DType] | None = None,
    cases: str | Sequence[str] | None = None,
    case: str | None = None,
    threads: int | None = None,
    device: Device | None = None,
    seed: int | None = None,
    data: str | Sequence[str] | None = None,
    budget_s: float | None = None,
    timeout_s: float | None = None,
    machine: str | None = None,
    output: str | Path | None = None,
    resume: str | Path | None = None,
    plugins: str | Iterable[str] = (),
    observer: Observer | None = None,
) -> Run:
    """Check whether backends are right. Nothing is timed, and no memory is measured.

    The arguments are those of compare(). `data` names further kinds of data on which small cases are checked, at the
    smallest batch size: names of convbench_specs.DATA_KINDS, "all" (default) or "none".
    """
    return compare(
        *workloads,
        inputs=inputs,
        backends=backends,
        batch_sizes=batch_sizes,
        passes=passes,
        entrants=entrants,
        against=against,
        dtypes=dtypes,
        cases=cases,
        case=case,
        threads=threads,
        device=device,
        seed=seed,
        data=None if data is None and resume is not None else kinds_of(data),
        budget_s=budget_s,
        timeout_s=timeout_s,
        timing=False,
        memory=False,
        machine=machine,
        output=output,
        resume=resume,
        plugins=plugins,
        observer=observer,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A run that can begin: everything about it was checked."""

    settings: RunSettings
    plan: Plan
    selected: list[Registered]
    found: Mapping[str, Available | Unavailable]
    usable: list[Registered]
    header: Header
    packages: tuple[str, ...]


def execute(
    settings: RunSettings,
    registry: Registry,
    *,
    output: str | Path | None,
    observer: Observer,
    told: Sequence[str] | None = None,
    machine: str | None = None,
) -> Run:
    """Make the run that the settings ask for. Ctrl-C becomes RunInterrupted, with the folder left as far as it came.

    `told` are warnings of this machine that its user has read: the run carries them and does not look again.
    """
    begin = time.monotonic()
    asked = _asked(settings, registry, observer, machine)
    state = RunState()
    folder = new_folder(DEFAULT_FOLDER, "run") if output is None else Path(output)
    with Journal.begin(folder, asked.header) as journal, _interruptible(folder):
        for event in _beginning(asked, registry):
            _keep(journal, state, event)
        for text in told if told is not None else warn(settings, registry.framework_variables, observer.note):
            _keep(journal, state, WarningGiven(text=text))
        _carry_out(asked, journal, state, observer, begin)
    return _reported(journal.folder)


def go_on(
    stored: StoredRun, effort: str | None, given: dict[str, Any], plugins: Sequence[str], *, observer: Observer
) -> Run:
    """Go on with a run that was cut short; a finished one is loaded, and nothing is measured.

    `given` are settings that the call names; UsageError where they, the machine, packages or workloads differ.
    """
    begin = time.monotonic()
    if stored.is_finished:
        observer.note(f"{stored.folder} is already finished: nothing more is measured")
        # it may have been killed while its files were written
        return load_run(stored.folder) if (stored.folder / REPORT).exists() else _reported(stored.folder)
    settings = RunSettings(**{**stored_settings(stored.header), **given})
    if effort is not None:
        settings = RunSettings.of_effort(effort, **{**stored_settings(stored.header), **given})
    named = tuple(dict.fromkeys([*stored.header.get("plugins", ()), *plugins]))
    registry = find_backends(named).demand(named)
    asked = _asked(settings, registry, observer)
    refuse_differences(stored, asked.header)
    with Journal.go_on(stored.folder) as journal, _interruptible(stored.folder):
        _keep(journal, stored.state, resumption(stored.state))
        for event in _beginning(asked, registry):
            if event.name not in stored.state.backends:  # it was killed before it had told
                _keep(journal, stored.state, event)
        _carry_out(asked, journal, stored.state, observer, begin)
    return _reported(stored.folder)


@contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    """Ctrl-C inside says in which folder the run is."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise RunInterrupted(folder) from error


def _entrant_text(given: str | Entrant) -> str:
    return str((Entrant.parse(given) if isinstance(given, str) else given).located())


def _several(value: Any) -> Any:  # a setting of any type
    """A tuple of a list, or of a single name or number."""
    if isinstance(value, (str, int, Entrant)):
        return (value,)
    return value if value is None else tuple(value)


def kinds_of(data: str | Sequence[str] | None) -> tuple[Any, ...]:
    """The further kinds of data that a check is asked for: their names, "all" (also without any) or "none"."""
    names = tuple(dict.fromkeys(_several("all" if data is None else data)))
    if not names:
        raise UsageError("data must name at least one kind of data, or be all or none")
    if names in {("all",), ("none",)}:
        return tuple(DATA_KINDS) if names == ("all",) else ()
    return names


def _asked(settings: RunSettings, registry: Registry, observer: Observer, machine: str | None = None) -> _Asked:
    allocator_environment(settings.allocator)  # refused before anything runs
    models = workloads_of_models(settings.workloads, settings.inputs, registry, observer.note)
    plan = make_plan(settings, registry.workloads, models)
    entrants = [Entrant.parse(text) for text in settings.entrants]
    selected = Entry(registry).entered(settings.backends, entrants, settings.against, settings.device)
    found = availabilities(selected, settings.device)
    usable, _ = able(selected, found, settings.device)
    header = make_header(plan, settings, selected, registry.packages, machine=machine)
    return _Asked(settings, plan, selected, found, usable, header, registry.packages)


def _beginning(asked: _Asked, registry: Registry) -> list[BackendFound]:
    """The backends that were asked for, and the plug-ins that could not be used."""
    found = [_found(entry, asked.found[entry.backend.name], asked.settings) for entry in asked.selected]
    failed = [
        BackendFound(name=each.plugin.label, status=BackendStatus.FAILED, reason=each.reason)
        for each in registry.failed
    ]
    return found + failed


def _found(entry: Registered, found: Available | Unavailable, settings: RunSettings) -> BackendFound:
    backend, there = entry.backend, entry.interpreter
    return BackendFound(
        name=backend.name,
        summary=backend.summary,
        plugin=entry.plugin.label,
        device=settings.device,
        status=BackendStatus.AVAILABLE if isinstance(found, Available) else BackendStatus.UNAVAILABLE,
        version=found.version if isinstance(found, Available) else "",
        reason=found.reason if isinstance(found, Unavailable) else "",
        short_name=backend.short_name,
        display_order=backend.display_order,
        contract=backend.contract,
        backend=entry.alias_of,
        options=dict(entry.given),
        where=entry.plugin.python or (entry.plugin.path if entry.entered_as.endswith(".py") else ""),
        python_version="" if there is None else there.python,
        packages=versions_of(backend.packages) if there is None else there.versions(backend.packages),
    )


def _carry_out(asked: _Asked, journal: Journal, state: RunState, observer: Observer, begin: float) -> None:
    """Let the run happen: every event into the journal, and to the observer. However it ends, it says how.

    `begin` is the monotonic time at which the run was asked for: its promise counts from there.
    """
    ledger, interrupted = Ledger(), True
    before_s = state.run_s
    events = run_events(
        asked.plan,
        asked.settings,
        asked.usable,
        folder=journal.folder,
        state=state,
        ledger=ledger,
        packages=asked.packages,
        begin=begin,
    )
    try:
        with closing(events):
            for happening in events:
                if isinstance(happening, Picture):
                    journal.keep_picture(happening.made.file, happening.png)
                    journal.write(happening.made)
                elif isinstance(happening, Recorded):
                    journal.write(happening)
                if isinstance(happening, (ItemChecked, ItemTimed)):
                    journal.sync()
                tell(observer, happening)
        interrupted = False
    finally:
        journal.write(ledger.finished(run_s=before_s + time.monotonic() - begin, interrupted=interrupted))
        keep_last_run(asked.settings.threads, time.monotonic() - begin)
        observer.end()


def _keep(journal: Journal, state: RunState, event: Recorded) -> None:
    journal.write(event)
    state.apply(event)


def _reported(folder: Path) -> Run:
    write_reports([run := load_run(folder)], folder)
    return run
