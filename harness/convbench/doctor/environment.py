"""Environment variables that workers inherit, and thread counts that they do not get although the user set them."""

from __future__ import annotations

from convbench.doctor.facts import Facts
from convbench.doctor.finding import Finding
from convbench.workers.environment import PASSED_PREFIXES, THREAD_VARIABLES

HARMLESS_NAMES = (
    "CONVBENCH_", "COVERAGE_", "NVIDIA_", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_PATH", "CUDA_VERSION",
    "OPENBLAS_CORETYPE",
)  # fmt: skip
"""Beginnings of names that the host passes on and that change no time. OPENBLAS_CORETYPE has a check of its own."""
HARMLESS_FOLDERS = ("_CACHE_DIR", "_HOME")
"""Endings of names that only say where a framework keeps its files."""
HARMLESS_SETTINGS = ("CLI_", "CPP_", "LOG", "TOKEN_", "VAR_")
"""What may follow the prefix of a framework in names that change no time: settings of its log, and the variables of
Terraform, which shares its prefix with a framework and keeps secrets in them."""


def thread_variables(facts: Facts) -> Finding:
    """Whether the user set a thread count that workers are not given."""
    topic = "thread settings"
    others = {
        name: facts.environment[name]
        for name in _thread_variables(facts)
        if facts.environment.get(name, "") not in {"", str(facts.threads)}
    }
    if not others:
        return Finding(topic, "ok", f"No environment variable asks for a number of threads other than {facts.threads}.")
    named = ", ".join(f"{name}={value}" for name, value in others.items())
    wanted = sorted(set(others.values()))
    remedy = (
        f"use --threads {wanted[0]} if you want that"
        if len(wanted) == 1
        else "use --threads for the number that you want"
    )
    text = f"{named} has no effect: workers use {facts.threads} threads."
    return Finding(topic, "warning", text, remedy, f"all times: they are those of {facts.threads} threads")


def inherited(facts: Facts) -> Finding:
    """Which settings of a framework or library workers inherit."""
    topic = "inherited settings"
    threads = _thread_variables(facts)
    found = sorted(name for name in facts.environment if _may_change_times(name, facts) and name not in threads)
    if not found:
        return Finding(topic, "ok", "Workers inherit no setting that could change the times.")
    text = f"Workers inherit {', '.join(found)}, which may change the times."  # no values: a run is shown to others
    remedy = "env " + " ".join(f"-u {name}" for name in found) + " convbench ..."
    affects = "the times of the frameworks that read them, in every run alike"
    return Finding(topic, "warning", text, remedy, affects)


def _thread_variables(facts: Facts) -> tuple[str, ...]:
    return (*THREAD_VARIABLES, *facts.framework_variables.threads)


def _may_change_times(name: str, facts: Facts) -> bool:
    """Whether a variable is passed on to workers and is not known to be harmless.

    >>> from convbench.doctor.facts import core_facts
    >>> from convbench_specs import FrameworkVariables
    >>> facts = core_facts(1, framework_variables=FrameworkVariables(passed_prefixes=("TORCH_",)))
    >>> [_may_change_times(name, facts) for name in ("TORCH_SHOW_CPP_STACKTRACES", "TORCH_HOME", "HOME")]
    [True, False, False]
    """
    if name.startswith(PASSED_PREFIXES):
        return not name.startswith(HARMLESS_NAMES)
    for prefix in facts.framework_variables.passed_prefixes:
        if name.startswith(prefix):
            return not (name.endswith(HARMLESS_FOLDERS) or name.removeprefix(prefix).startswith(HARMLESS_SETTINGS))
    return False
