"""Variables of this environment that workers inherit, or that they do not although somebody may count on it."""

from __future__ import annotations

from convbench.doctor.facts import Facts
from convbench.doctor.finding import Finding
from convbench.workers.environment import PASSED_PREFIXES, THREAD_VARIABLES

NO_MATTER = (
    "CONVBENCH_", "COVERAGE_", "NVIDIA_", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CUDA_PATH", "CUDA_VERSION",
    "JAX_COMPILATION_CACHE_DIR", "NUMBA_CACHE_DIR", "OPENBLAS_CORETYPE", "TF_CLI_", "TF_CPP_", "TF_LOG", "TF_TOKEN_",
    "TF_VAR_", "TORCH_HOME",
)  # fmt: skip
"""Beginnings of names that are passed on but change no time; OPENBLAS_CORETYPE has a check of its own.
TF_ is Terraform's prefix, too."""


def thread_variables(facts: Facts) -> Finding:
    """Whether a thread count is set here that workers are not given."""
    topic = "thread settings"
    others = {
        name: facts.environment[name]
        for name in THREAD_VARIABLES
        if facts.environment.get(name, "") not in {"", str(facts.threads)}
    }
    if not others:
        return Finding(topic, "ok", f"No variable asks for other than {facts.threads} threads.")
    named = ", ".join(f"{name}={value}" for name, value in others.items())
    wanted = sorted(set(others.values()))
    remedy = f"--threads {wanted[0]} if that was meant" if len(wanted) == 1 else "--threads with what was meant"
    return Finding(topic, "warning", f"{named} is not obeyed: workers are given {facts.threads} threads.", remedy)


def inherited(facts: Facts) -> Finding:
    """Which settings of a framework or library workers inherit."""
    topic = "inherited settings"
    found = sorted(
        name
        for name in facts.environment
        if name.startswith(PASSED_PREFIXES) and not name.startswith(NO_MATTER) and name not in THREAD_VARIABLES
    )
    if not found:
        return Finding(topic, "ok", "Workers inherit no setting that could change the times.")
    text = f"Workers inherit {', '.join(found)}, which may change the times."  # no values: a run is shown to others
    remedy = "env " + " ".join(f"-u {name}" for name in found) + " convbench ..."
    return Finding(topic, "warning", text, remedy)
