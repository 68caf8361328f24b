"""JAX: functions compiled by XLA. This module imports no JAX; engine.py does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from convbench_backends.shared.cuda_driver import no_cuda_device
from convbench_backends.shared.installed import installed_version
from convbench_backends.shared.options import choices
from convbench_specs import (
    APPROACH,
    Available,
    Backend,
    Case,
    Device,
    FrameworkVariables,
    MemoryCounter,
    Option,
    Prepared,
    Settings,
    Tensors,
    Unavailable,
    hookimpl,
)

if TYPE_CHECKING:
    from convbench_backends.jax.engine import Engine

CUDA_PLUGINS = ("jax_cuda13_plugin", "jax_cuda12_plugin")
"""What makes JAX run on a GPU; the newest first."""


class Jax(Backend):
    """jax.lax compiled by XLA; gradients by jax.vjp."""

    name = "jax"
    summary = "JAX: jax.lax compiled by XLA, gradients by jax.vjp"
    contract = (1, 2)
    devices = ("cpu", "cuda")
    display_order = 6
    packages = ("jax", "jaxlib")
    framework_variables = FrameworkVariables(
        threads=("NPROC",),  # which is read by XLA
        passed_prefixes=("XLA_", "JAX_"),
    )
    options = (Option("layout", default="NHWC", choices=("NHWC", "NCHW"), meaning="Order of axes of the arrays."),)

    _engine: Engine

    def availability(self, device: Device) -> Available | Unavailable:
        """Whether JAX is installed, and for "cuda" its plug-in and a GPU there."""
        version = installed_version("jax", "jax")
        if version is None or installed_version("jaxlib", "jaxlib") is None:
            return Unavailable("JAX is not installed: pip install 'convbench[jax]'")
        if device == "cpu":
            return Available(version)
        if not any(installed_version(plugin) for plugin in CUDA_PLUGINS):
            return Unavailable("JAX is installed for the CPU alone: pip install 'jax[cuda13]' or 'jax[cuda12]'")
        return no_cuda_device() or Available(version)

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """What XLA reads when it starts: NPROC is its number of threads. All that it compiles is kept for the run."""
        environment = {
            "JAX_PLATFORMS": settings.device,
            "JAX_ENABLE_X64": "1",
            "NPROC": str(settings.threads),
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        }
        if settings.scratch_folder:
            environment |= {
                "JAX_COMPILATION_CACHE_DIR": str(Path(settings.scratch_folder, "jax")),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            }
        return environment

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Import JAX, allow float64 and set full precision."""
        from convbench_backends.jax.engine import Engine  # noqa: PLC0415  # imports jax, so in a worker only

        self._engine = Engine(settings, **choices(self.options, settings))
        return {**self._engine.facts(), APPROACH: "framework"}

    def memory_counter(self) -> MemoryCounter | None:
        """JAX's own count on a GPU; on the CPU it has none."""
        return self._engine.memory_counter()

    def prepare(self, case: Case, tensors: Tensors) -> Prepared:
        """Copy the tensors; a pass is compiled at its first call and kept for the same case and batch."""
        return self._engine.prepare(case, tensors)


@hookimpl
def convbench_backends() -> list[type[Backend]]:
    """The backend of this plug-in."""
    return [Jax]
