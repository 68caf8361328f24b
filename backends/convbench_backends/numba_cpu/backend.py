"""The backend numba-cpu: which path a case takes, and the calls that run it.

Native form is the canonical layout, channels first; no conversion is needed but a copy. Kernels and Numba itself are
imported in `start` or `prepare`, by then in the worker.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

from convbench_backends.numba_cpu.cache_key import cache_key
from convbench_backends.shared.options import choices
from convbench_specs import (
    APPROACH,
    Available,
    Backend,
    Case,
    Device,
    FrameworkVariables,
    Option,
    Prepared,
    Settings,
    Supports,
    Tensors,
    Unavailable,
    Unsupported,
    hookimpl,
)


class NumbaCpu(Backend):
    """Own kernels in Python, compiled by Numba for this machine and run on all threads."""

    name: ClassVar[str] = "numba-cpu"
    summary: ClassVar[str] = "kernels in Python, compiled by Numba: parallel loops, register blocks, no framework"
    short_name: ClassVar[str] = "numba"
    contract: ClassVar[tuple[int, int]] = (1, 2)
    supports: ClassVar[Supports] = Supports(dtypes=("float64", "float32", "bfloat16"))
    display_order: ClassVar[int | None] = 2
    packages: ClassVar[tuple[str, ...]] = ("numba", "llvmlite", "scipy")
    framework_variables: ClassVar[FrameworkVariables] = FrameworkVariables(
        threads=("NUMBA_NUM_THREADS",), passed_prefixes=("NUMBA_",)
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option(
            "level",
            default="fast",
            choices=("fast", "readable"),
            meaning="Convolutions by the fast kernels, or by im2col as an engineer would write it in an afternoon.",
        ),
        Option(
            "algorithm",
            default="auto",
            choices=("auto", "implicit_gemm", "panels", "columns", "winograd", "depthwise", "few_places"),
            meaning="Formulation of convolutions on the fast level: by the rule, or this one where it can do the case.",
        ),
    )

    def __init__(self) -> None:
        self._chosen = choices(self.options, Settings())

    def availability(self, device: Device) -> Available | Unavailable:
        """Whether Numba and SciPy, whose BLAS it calls, are installed."""
        try:
            found = version("numba")
            version("scipy")
        except PackageNotFoundError as missing:
            return Unavailable(f"{missing.name} is not installed: pip install 'convbench[numba]'")
        return Available(version=found)

    def availability_with(self, settings: Settings) -> Available | Unavailable:
        """The same; the readable level has one formulation, so none can be chosen with it."""
        chosen = choices(self.options, settings)
        if chosen["level"] == "readable" and chosen["algorithm"] != "auto":
            return Unavailable(f"algorithm={chosen['algorithm']} is one of level=fast: choose one of the two options")
        return self.availability(settings.device)

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """OpenMP threads bound to cores, a BLAS of one thread, since each of ours calls it, and a folder for kernels.

        Unbound OpenMP threads that share a core with another process wait for its whole time slice: 0.55 ms kernels
        took 16 ms. The layer is a wish: Numba falls back to workqueue where it has no OpenMP. Compiled kernels are kept
        in the folder that the user names, else for the run, where it has a folder: there in one of this code, these
        versions and this processor alone, see cache_key.py.
        """
        cache = os.environ.get("NUMBA_CACHE_DIR") or (settings.scratch_folder and f"{settings.scratch_folder}/numba")
        return {
            **({"NUMBA_CACHE_DIR": f"{cache}/{cache_key()}"} if cache else {}),
            "NUMBA_NUM_THREADS": str(settings.threads),
            "NUMBA_THREADING_LAYER_PRIORITY": "omp tbb workqueue",
            "OMP_NUM_THREADS": str(settings.threads),
            "OMP_PROC_BIND": "TRUE",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Set the number of threads; the facts are those on which speed depends."""
        from convbench_backends.numba_cpu.compiler.facts import facts  # noqa: PLC0415  # imports Numba: worker only

        self._chosen = choices(self.options, settings)
        return {**facts(settings.threads), **self._chosen, APPROACH: "compiled kernels"}

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """Choose the path of a case and compile it."""
        if refusal := self.supports.refusal(case):
            return Unsupported(refusal)
        from convbench_backends.numba_cpu.prepare import prepare  # noqa: PLC0415  # imports Numba: worker only

        return prepare(case, tensors, **self._chosen)


@hookimpl
def convbench_backends() -> list[type[Backend]]:
    """The one backend of this plug-in."""
    return [NumbaCpu]
