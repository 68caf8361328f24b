"""PyTorch: torch.nn.functional and autograd, eager or compiled. This module imports no torch; engine.py does."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from convbench_backends.pytorch.compiler import compile_environment, no_compiler
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
    Unsupported,
    hookimpl,
)

if TYPE_CHECKING:
    from convbench_backends.pytorch.engine import Engine


class PyTorch(Backend):
    """torch.nn.functional and autograd."""

    name = "pytorch"
    short_name = "torch"
    summary = "PyTorch, eager: torch.nn.functional and autograd, on oneDNN or cuDNN"
    contract = (1, 2)
    devices = ("cpu", "cuda")
    display_order = 4
    is_deterministic = False  # oneDNN's products for a map of one place differ in their last bit from call to call
    packages = ("torch",)
    framework_variables = FrameworkVariables(passed_prefixes=("TORCH_",))
    options = (
        Option(
            "layout",
            default="NCHW",
            choices=("NCHW", "channels_last"),
            meaning="Order of axes in memory of tensors with four axes.",
        ),
        Option(
            "mode",
            default="eager",
            choices=("eager", "compile"),
            meaning="Call PyTorch's operators one by one, or a function made of them by torch.compile.",
        ),
    )

    _engine: Engine

    def availability(self, device: Device) -> Available | Unavailable:
        """Whether torch is installed, and for "cuda" built for it and a GPU there."""
        version = installed_version("torch", "torch")
        if version is None:
            return Unavailable("PyTorch is not installed: pip install 'convbench[pytorch]'")
        if device == "cpu":
            return Available(version)
        if not _is_cuda_build():
            return Unavailable(f"PyTorch {version} is built for the CPU alone: install a CUDA build, see pytorch.org")
        return no_cuda_device() or Available(version)

    def availability_with(self, settings: Settings) -> Available | Unavailable:
        """The same, and for mode=compile whether there is a compiler."""
        found = self.availability(settings.device)
        if isinstance(found, Unavailable) or choices(self.options, settings)["mode"] == "eager":
            return found
        return no_compiler(settings.device) or found

    def environment(self, settings: Settings) -> Mapping[str, str]:
        """What torch.compile reads, where it is asked for."""
        return compile_environment(settings) if choices(self.options, settings)["mode"] == "compile" else {}

    def start(self, settings: Settings) -> Mapping[str, str]:
        """Import torch, set threads and full precision."""
        from convbench_backends.pytorch.engine import Engine  # noqa: PLC0415  # imports torch, so in a worker only

        self._engine = Engine(settings, **choices(self.options, settings))
        return {**self._engine.facts(), APPROACH: "framework"}

    def memory_counter(self) -> MemoryCounter | None:
        """PyTorch's own count on a GPU; on the CPU the process's memory tells the truth."""
        return self._engine.memory_counter()

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """Copy the tensors to the device; eager PyTorch can do every case, torch.compile nearly every one."""
        return self._engine.prepare(case, tensors)


def _is_cuda_build() -> bool:
    spec = find_spec("torch")
    folders = (spec.submodule_search_locations if spec else None) or ()
    return any(any(Path(folder, "lib").glob("*torch_cuda*")) for folder in folders)


@hookimpl
def convbench_backends() -> list[type[Backend]]:
    """The backend of this plug-in."""
    return [PyTorch]
