"""The small file that says what to ask a queueing system for: a table for each kind of machine.

    [epyc]
    machines = 2                            # jobs of the queue, each with a machine to itself
    memory = "16GB"
    queue = "compute"
    walltime = "04:00:00"
    job_extra_directives = ["--exclusive"]

All keys but `machines` are keywords of dask-jobqueue's clusters, where they are documented.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from convbench.errors import UsageError, unknown_name

System = Literal["slurm", "pbs", "lsf"]
MACHINES = "machines"
WHOLE_NUMBERS = ("cores", "job_cpu", "ncpus", "mem", "death_timeout")
TEXTS = (
    "memory",
    "queue",
    "walltime",
    "python",
    "interface",
    "log_directory",
    "local_directory",
    "job_name",
    "shebang",
)
LISTS = ("job_extra_directives", "job_directives_skip", "job_script_prologue", "worker_extra_args")
OWN_TEXTS: Mapping[System, tuple[str, ...]] = {
    "slurm": ("account", "job_mem"),
    "pbs": ("account", "resource_spec"),
    "lsf": ("project",),
}
SCHEDULER_HOST = "scheduler_host"
"""The address under which the machines of the queue reach the one where the sweep is started."""
ALONE: Mapping[System, tuple[str, ...]] = {"slurm": ("--exclusive",), "pbs": ("-l place=excl",), "lsf": ("-x",)}
"""How a job of the queue gets a machine to itself, where the file has no job_extra_directives."""
Keyword = int | str | list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedKind:
    """What to ask the queue for, for one kind of machine."""

    kind: str
    machines: int
    scheduler_host: str
    keywords: Mapping[str, Keyword]


def read_queue_config(path: Path, system: System) -> tuple[QueuedKind, ...]:
    """The kinds of machine of a file; UsageError says file, kind, key and what is wrong."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error
    if not table or not all(isinstance(entry, dict) for entry in table.values()):
        raise UsageError(f'{path} must have a table for each kind of machine: [machine], memory = "8GB"')
    return tuple(_kind(kind, entry, system, f"{path}: [{kind}]") for kind, entry in table.items())


def _kind(kind: str, entry: Mapping[str, object], system: System, where: str) -> QueuedKind:
    texts = (*TEXTS, *OWN_TEXTS[system])
    known = (MACHINES, SCHEDULER_HOST, *WHOLE_NUMBERS, *texts, *LISTS)
    keywords: dict[str, Keyword] = {"cores": 1}
    for key, value in entry.items():
        if key not in known:
            raise UsageError(f"{where}: {unknown_name('key', key, known)}")
        if key in {MACHINES, *WHOLE_NUMBERS}:
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"{where}: {key} must be a whole number of at least 1, not {value!r}")
            keywords[key] = value
        elif key in LISTS:
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise UsageError(f"{where}: {key} must be a list of texts, not {value!r}")
            keywords[key] = list(value)
        elif not isinstance(value, str) or not value:
            raise UsageError(f"{where}: {key} must be text, not {value!r}")
        else:
            keywords[key] = value
    if "memory" not in keywords:
        raise UsageError(f'{where}: memory is missing: memory = "8GB"')
    keywords.setdefault("job_extra_directives", list(ALONE[system]))
    machines, host = keywords.pop(MACHINES, 1), keywords.pop(SCHEDULER_HOST, "")
    assert isinstance(machines, int)
    return QueuedKind(kind=kind, machines=machines, scheduler_host=str(host), keywords=keywords)
