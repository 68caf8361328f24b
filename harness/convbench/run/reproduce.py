"""The command that shows a cell again."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from convbench.machine.facts import usable_cores
from convbench.plan.settings import RunSettings
from convbench.text.cases import case_text
from convbench.workers.plugins import PluginRef
from convbench_specs import Case


def check_command(
    what: Case | str,
    batch_size: int,
    backends: Iterable[str],
    settings: RunSettings,
    plugins: Iterable[PluginRef] = (),
) -> str:
    """The shell command that checks a case, or a workload by name or path, again on the same numbers.

    It names the threads where they are not all cores of this machine: how work is split may be what is wrong.
    """
    named = [what] if isinstance(what, str) else ["--case", case_text(what)]
    parts = ["convbench", "check", *named, "--backends", ",".join(backends)]
    parts += ["--batch-sizes", str(batch_size), "--seed", str(settings.seed)]
    if settings.threads != len(usable_cores()):
        parts += ["--threads", str(settings.threads)]
    if settings.device != "cpu":
        parts += ["--device", settings.device]
    for ref in dict.fromkeys(plugins):
        if ref.option:
            parts += ["--plugin", ref.option]
    return shlex.join(parts)
