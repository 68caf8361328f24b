"""How a case runs in JAX: one function a pass, compiled by XLA at its first call.

Rules:
- Channels last is the default: the faster layout for XLA on a CPU, for most convolutions and all pools that were tried.
- Compiled functions are kept by case and input shape: neither an update nor preparing the case on other tensors
  compiles anything.
- backward calls a pullback that was derived together with y once and is kept with all that it holds of the forward, as
  a training step keeps it. Pullbacks are pytrees, so the same compiled function takes each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.metadata import version
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
from numpy.typing import NDArray

from convbench_backends.jax.layout import Layout
from convbench_backends.jax.operations import function_of
from convbench_specs import (
    Case,
    Gradients,
    MemoryCounter,
    Native,
    Prepared,
    Settings,
    Step,
    Tensors,
)

KEPT_CASES = 64
"""Cases whose functions are kept, for every batch size: those of a workload, not all that a long session sees."""

config: Any = jax.config
block_until_ready: Any = jax.block_until_ready
"""Untyped in JAX."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is compiled for a case; the inputs are (x, w, b) as far as the case has them.

    forward(*inputs) -> y, derive(*inputs) -> pullback, keep(*inputs) -> (y, pullback), pull(pullback, dy) -> gradients,
    both(inputs, dy).
    """

    algorithm: str
    forward: Callable[..., Any]
    derive: Callable[..., Any]
    keep: Callable[..., Any]
    pull: Callable[..., Any]
    both: Callable[..., Any]


class Engine:
    """JAX on one device."""

    def __init__(self, settings: Settings, *, layout: str) -> None:
        """`layout` is "NHWC" or "NCHW"."""
        # Without x64 JAX makes float32 of float64 in silence; without "highest" a GPU computes float32 in TF32.
        config.update("jax_enable_x64", True)  # noqa: FBT003  # JAX's signature
        config.update("jax_default_matmul_precision", "highest")
        self._is_cuda = settings.device == "cuda"
        self._device = jax.devices(settings.device)[0]
        self._layout = Layout(is_channels_last=layout == "NHWC")
        self._compiled = lru_cache(maxsize=KEPT_CASES)(_compiled)

    def facts(self) -> dict[str, str]:
        """What is worth recording of the build and the settings."""
        facts = {"version": jax.__version__, "jaxlib": version("jaxlib"), "layout": self._layout.order}
        return facts | {"gpu": self._device.device_kind, "TF32": "off"} if self._is_cuda else facts

    def memory_counter(self) -> MemoryCounter | None:
        """The allocator's own count, on a GPU."""
        return CudaMemory(self._device) if self._is_cuda else None

    def prepare(self, case: Case, tensors: Tensors) -> Prepared:
        """The three passes of a case on copies of the tensors."""
        begin = perf_counter()
        inputs, dy = self._native(tensors, case)
        convert_s = perf_counter() - begin
        compiled = self._compiled(replace(case, name=""), self._layout)

        @cache
        def pullback() -> Any:
            return compiled.derive(*inputs)

        kept: Any = None
        keeps = False

        def kept_forward() -> Any:
            nonlocal kept, keeps
            y, kept = compiled.keep(*inputs)
            keeps = True
            return y

        def update(new: Tensors) -> None:
            nonlocal inputs, dy, kept
            inputs, dy = self._native(new, case)
            has_pullback = pullback.cache_info().currsize > 0
            pullback.cache_clear()
            kept = None
            if has_pullback and not keeps:  # derived here, so that the next backward contains no forward
                block_until_ready(pullback())

        def update_dy(new: NDArray[Any]) -> None:
            nonlocal dy
            dy = block_until_ready(self._array(self._layout.dy_of(new), case))

        def backward() -> Gradients:
            return _three(compiled.pull(pullback() if kept is None else kept, dy))

        def both() -> Step:
            y, gradients = compiled.both(inputs, dy)
            return (y, *_three(gradients))

        return Prepared(
            forward=lambda: compiled.forward(*inputs),
            backward=backward,
            both=both,
            forward_for_training=lambda: jax.vjp(compiled.forward, *inputs),  # y and a pullback that shares x and w
            wait=_wait,
            to_numpy=lambda name, native: self._layout.canonical(name, _to_numpy(case, native)),
            algorithm=compiled.algorithm,
            phases_s={"convert": convert_s},
            update=update,
            layout=self._layout.name(case),
            # XLA's client of a GPU hands programs to one stream of it, in the order of the calls, so the last result
            # exists after all others
            runs_in_order=self._is_cuda,
            kept_forward=kept_forward,
            update_dy=update_dy,
        )

    def _native(self, tensors: Tensors, case: Case) -> tuple[list[Any], Any]:
        """([x, w, b], dy). Arrays cannot be written: no result changes when others take their place."""
        arrays, dy_array = self._layout.arrays_of(tensors)
        inputs, dy = [self._array(array, case) for array in arrays], self._array(dy_array, case)
        return block_until_ready((inputs, dy))  # type: ignore[no-any-return]  # untyped in JAX

    def _array(self, array: NDArray[Any], case: Case) -> Any:
        native = jax.device_put(jnp.asarray(array, dtype=case.dtype), self._device)
        assert native.dtype == case.dtype, f"JAX made {native.dtype} of {case.dtype}"
        return native


class CudaMemory:
    """What JAX's allocator has handed out on the GPU.

    Its peak cannot be reset: it is that of the process so far, so a call can look larger than it is, never smaller.
    """

    source = "JAX CUDA allocator (peak of the process: an upper bound)"

    def __init__(self, device: Any) -> None:
        self._device = device
        self._base = 0

    def reset(self) -> None:
        """Note what is in use now."""
        self._base = self._device.memory_stats()["bytes_in_use"]

    def peak_bytes(self) -> int:
        """Bytes of the process's peak, above what was in use at `reset`."""
        return int(self._device.memory_stats()["peak_bytes_in_use"]) - self._base

    def kept_bytes(self) -> int:
        """Bytes in use now, above what was in use at `reset`."""
        return int(self._device.memory_stats()["bytes_in_use"]) - self._base


def _compiled(case: Case, layout: Layout) -> Compiled:
    function, algorithm = function_of(case, layout)

    def both(inputs: list[Any], dy: Any) -> tuple[Any, tuple[Any, ...]]:
        y, pullback = jax.vjp(function, *inputs)
        return y, pullback(dy)

    return Compiled(
        algorithm=algorithm,
        forward=jax.jit(function),
        derive=jax.jit(lambda *inputs: jax.vjp(function, *inputs)[1]),
        keep=jax.jit(lambda *inputs: jax.vjp(function, *inputs)),
        pull=jax.jit(lambda pullback, dy: pullback(dy)),
        both=jax.jit(both),
    )


def _three(gradients: tuple[Any, ...]) -> Gradients:
    dx, dw, db = (*gradients, None, None)[:3]
    return dx, dw, db


def _wait(native: Native) -> None:
    """Every leaf: they become ready on their own."""
    block_until_ready(native)


def _to_numpy(case: Case, native: Native) -> NDArray[Any]:
    array: NDArray[Any] = jax.device_get(native.astype("float32") if case.dtype == "bfloat16" else native)
    return array
