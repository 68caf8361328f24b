"""Jobs: each is one call of `convbench compare`, for one kind of machine."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from convbench.errors import UsageError
from convbench.sweep.plan.file import SweepPlan
from convbench.sweep.plan.settings import Value, in_short, words_of

LONGEST_SLUG = 48
DIGITS = 8
"""Of the hash in an id: of 10,000 jobs, two have the same once in 80 sweeps, which is refused."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run to make.

    `arguments` are those of `convbench compare` without --output. `files` are texts that the job brings along, by the
    name under which the arguments know them. The id is made of all that, and of the kind of machine: it stays when
    other jobs are added to the plan, and changes with what is measured.
    """

    id: str
    label: str
    kind: str
    arguments: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict, hash=False)


def jobs_of(plan: SweepPlan) -> tuple[Job, ...]:
    """Every job of a plan, in its order; UsageError where two are the same, or a file cannot be read."""
    texts = {path: _text(path) for path in plan.files}
    jobs = [
        _job(plan, workload, kind, dict(zip(plan.vary, combination, strict=True)), texts)
        for workload in plan.workloads
        for combination in product(*plan.vary.values())
        for kind in plan.machines
    ]
    by_id: dict[str, Job] = {}
    for job in jobs:
        if job.id in by_id:
            raise UsageError(f"{plan.origin}: {job.label} occurs twice: name each value once")
        by_id[job.id] = job
    return tuple(jobs)


def _job(plan: SweepPlan, workload: str, kind: str, varied: Mapping[str, Value], texts: Mapping[Path, str]) -> Job:
    carried: dict[str, str] = {}

    def brought(name: str) -> str:
        """A file of the user's under the name that it has beside the job; anything else as it is."""
        path = plan.folder / name
        if path not in texts:
            return name
        carried[path.name] = texts[path]
        return f"./{path.name}"

    settings = {**plan.settings, **varied}
    if isinstance(plugins := settings.get("plugin"), tuple):
        settings["plugin"] = tuple(brought(str(name)) for name in plugins)
    arguments = (brought(workload), *words_of(settings))
    parts = [Path(workload).stem, *(in_short(key, value) for key, value in varied.items())]
    if len(plan.machines) > 1:
        parts.append(kind)
    slug = re.sub(r"[^a-z0-9]+", "-", " ".join(parts).lower()).strip("-")[:LONGEST_SLUG].rstrip("-")
    return Job(f"{slug}-{_digest(arguments, kind, carried)}", " ".join(parts), kind, arguments, carried)


def _digest(arguments: Sequence[str], kind: str, files: Mapping[str, str]) -> str:
    whole = json.dumps([list(arguments), kind, sorted(files.items())])
    return hashlib.sha256(whole.encode()).hexdigest()[:DIGITS]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read {path}: it is not UTF-8: {error}") from error
