"""How a case runs in PyTorch.

Rules:
- forward runs on tensors that need no gradient; backward differentiates a graph that was built once and is kept, so it
  contains no forward; both builds a graph and uses it up, as a training step does.
- What a call costs is what a user pays: of eager PyTorch, where nothing is compiled, or with the option mode=compile of
  a function that torch.compile has made; see compiled.py.
- update writes into the resident tensors, which the kept graph holds too: the graph is then made anew. A flatten gets
  other tensors in their place, for its results are views of them.
"""

from __future__ import annotations

from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from convbench_backends.pytorch.compiled import CompiledFunctions, compile_passes, why_not_compiled
from convbench_backends.pytorch.operations import function_of
from convbench_specs import (
    Case,
    DType,
    Flatten,
    Gradients,
    MemoryCounter,
    Native,
    Prepared,
    PreparePhase,
    Settings,
    Step,
    TensorName,
    Tensors,
    Unsupported,
)

settings_of: Any = torch.backends  # whose functions have no types


class Engine:
    """PyTorch on one device, with threads and precision set."""

    def __init__(self, settings: Settings, *, layout: str, mode: str) -> None:
        """`layout` is "NCHW", PyTorch's default, or "channels_last"; `mode` "eager" or "compile"."""
        self._device = settings.device
        self._is_channels_last = layout == "channels_last"
        self._compiled = CompiledFunctions(self._device) if mode == "compile" else None
        torch.set_num_threads(settings.threads)
        # NNPACK steps in where oneDNN is off, and loses digits: its transforms are not even exact on integers.
        settings_of.nnpack.set_flags(_enabled=False)
        settings_of.cuda.matmul.allow_tf32 = False
        settings_of.cudnn.allow_tf32 = False

    def facts(self) -> dict[str, str]:
        """What is worth recording of the build and the settings."""
        facts = {
            "version": torch.__version__,
            "threads": str(torch.get_num_threads()),
            "oneDNN": "on" if settings_of.mkldnn.is_available() else "off",
            "layout": "channels last" if self._is_channels_last else "channels first",
            "mode": "torch.compile" if self._compiled else "eager",
        }
        if self._device == "cuda":
            facts |= {"gpu": torch.cuda.get_device_name(), "cuDNN": str(settings_of.cudnn.version()), "TF32": "off"}
        return facts

    def memory_counter(self) -> MemoryCounter | None:
        """The caching allocator's count, on a GPU."""
        return CudaMemory() if self._device == "cuda" else None

    def prepare(self, case: Case, tensors: Tensors) -> Prepared | Unsupported:
        """The three passes of a case on copies of the tensors."""
        if self._compiled and (reason := why_not_compiled(case)):
            return Unsupported(f"mode=compile: {reason}")
        begin = perf_counter()
        *inputs, dy = (self._native(array, case.dtype) for array in _arrays(tensors))
        self._wait(dy)
        phases_s: dict[PreparePhase, float] = {"convert": perf_counter() - begin}
        leaves = _leaves(inputs)
        if self._compiled is None:
            function, algorithm = function_of(case, inputs[0])
        else:
            function, algorithm = self._compiled.function_of(case, len(inputs[0]))
            begin = perf_counter()
            compile_passes(function, inputs, leaves, dy)
            self._wait(dy)
            phases_s["compile"] = perf_counter() - begin

        @cache
        def kept_graph() -> Any:
            return function(*leaves)

        keeps = False

        def kept_forward() -> Any:
            nonlocal keeps
            keeps = True
            return kept_graph()

        def update(new: Tensors) -> None:
            nonlocal inputs, dy, leaves
            has_graph = kept_graph.cache_info().currsize > 0
            kept_graph.cache_clear()
            if isinstance(case.operation, Flatten):
                *inputs, dy = (self._native(array, case.dtype) for array in _arrays(new))
                leaves = _leaves(inputs)
            else:
                for own, array in zip([*inputs, dy], _arrays(new), strict=True):
                    own.copy_(_unshared(array))
            if has_graph and not keeps:  # made here, so that the next backward contains no forward
                kept_graph()
            self._wait(dy)

        def update_dy(new: NDArray[Any]) -> None:
            nonlocal dy
            if isinstance(case.operation, Flatten):
                dy = self._native(new, case.dtype)
            else:
                dy.copy_(_unshared(new))
            self._wait(dy)

        def both() -> Step:
            y = function(*leaves)
            return (y, *gradients(y, leaves, dy))

        return Prepared(
            forward=lambda: function(*inputs),
            backward=lambda: gradients(kept_graph(), leaves, dy, retain_graph=True),
            both=both,
            forward_for_training=lambda: function(*leaves),  # y, whose graph holds the rest
            wait=self._wait,
            to_numpy=self._to_numpy,
            algorithm=algorithm,
            phases_s=phases_s,
            update=update,
            layout="NCW" if case.rank == 1 else "NHWC" if self._is_channels_last else "NCHW",
            runs_in_order=self._device == "cuda",  # every call goes to the current stream, which takes them in order
            kept_forward=kept_forward,
            update_dy=update_dy,
        )

    def _native(self, array: NDArray[Any], dtype: DType) -> Any:
        tensor = _unshared(array).to(self._device, getattr(torch, dtype))
        if self._is_channels_last and tensor.ndim == 4:  # this format exists for four axes alone
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _to_numpy(self, tensor: TensorName, native: Native) -> NDArray[Any]:
        """The layout is canonical already; bfloat16, which NumPy lacks, comes as float32."""
        leaf = native.detach().cpu()
        array: NDArray[Any] = (leaf.float() if leaf.dtype == torch.bfloat16 else leaf).numpy()
        return array

    def _wait(self, native: Native) -> None:
        """On the CPU a call returns when its result exists; on a GPU the queue must run empty."""
        if self._device == "cuda":
            torch.cuda.synchronize()


class CudaMemory:
    """What PyTorch's caching allocator has handed out on the GPU."""

    source = "PyTorch CUDA allocator"

    def __init__(self) -> None:
        self._base = 0

    def reset(self) -> None:
        """Start a new peak."""
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        self._base = torch.cuda.memory_allocated()

    def peak_bytes(self) -> int:
        """Bytes of the peak since `reset`, above what was in use then."""
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - self._base

    def kept_bytes(self) -> int:
        """Bytes in use now, above what was in use at `reset`."""
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated() - self._base


def _arrays(tensors: Tensors) -> list[NDArray[Any]]:
    """[x, w, b, dy], as far as the case has them."""
    return [array for array in (tensors.x, tensors.w, tensors.b, tensors.dy) if array is not None]


def _unshared(array: NDArray[Any]) -> Any:
    # from_numpy shares memory, and the harness's arrays are not ours to keep.
    return torch.from_numpy(np.array(array, order="C"))


def _leaves(inputs: list[Any]) -> list[Any]:
    """The same memory, as tensors to differentiate by."""
    return [tensor.detach().requires_grad_() for tensor in inputs]


def gradients(y: Any, leaves: list[Any], dy: Any, *, retain_graph: bool = False) -> Gradients:
    """(dx, dw, db), None for those that there are not; nothing accumulates in .grad."""
    dx, dw, db = (*torch.autograd.grad(y, leaves, dy, retain_graph=retain_graph), None, None)[:3]
    return dx, dw, db
