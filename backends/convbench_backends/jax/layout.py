"""The order of axes in JAX's arrays: channels last, (N, *spatial, C), or first, (N, C, *spatial)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_backends.shared import channels_last
from convbench_specs import Axis, Case, Pool, TensorName, Tensors


@dataclass(frozen=True, slots=True)
class Layout:
    """One of the two orders."""

    is_channels_last: bool

    @property
    def order(self) -> str:
        """In words."""
        return "channels last" if self.is_channels_last else "channels first"

    def arrays_of(self, tensors: Tensors) -> tuple[list[NDArray[Any]], NDArray[Any]]:
        """([x, w, b], dy) as far as the case has them; nothing may write into them."""
        if self.is_channels_last:
            return channels_last.channels_last_tensors(tensors)
        return [array for array in (tensors.x, tensors.w, tensors.b) if array is not None], tensors.dy

    def dy_of(self, dy: NDArray[Any]) -> NDArray[Any]:
        """The dy alone; nothing may write into it."""
        return channels_last.channels_last_dy(dy) if self.is_channels_last else dy

    def canonical(self, tensor: TensorName, native: NDArray[Any]) -> NDArray[Any]:
        """A result, channels first."""
        return channels_last.canonical(tensor, native) if self.is_channels_last else np.array(native)

    def name(self, case: Case) -> str:
        """The order of axes in memory, by its name."""
        return channels_last.layout_of(case) if self.is_channels_last else ("NCW", "NCHW")[case.rank - 1]

    def window_axes(self, case: Case) -> list[tuple[int, Axis]]:
        """(dimension of x, axis) of those that the window slides along."""
        if self.is_channels_last:
            return channels_last.window_axes(case)
        if isinstance(case.operation, Pool) and case.operation.over == "channels":
            return [(1, case.axes[0])]
        return list(enumerate(case.axes, start=2))

    def dimension_numbers(self, rank: int) -> tuple[str, str, str]:
        """Of x, w and y, as lax.conv_general_dilated names them."""
        places = "HW"[-rank:]
        return (
            (f"N{places}C", f"{places}IO", f"N{places}C")
            if self.is_channels_last
            else (f"NC{places}", f"OI{places}", f"NC{places}")
        )

    def on_places(self, amounts: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Padding of the spatial axes as padding of all axes of x."""
        none = (0, 0)
        return [none, *amounts, none] if self.is_channels_last else [none, none, *amounts]

    def by_channel(self, b: Any, rank: int) -> Any:
        """One number a channel, to be added to y."""
        return b if self.is_channels_last else b.reshape(-1, *[1] * rank)

    def by_place(self, counts: Any) -> Any:
        """One number a place, or one for all, to divide y by."""
        return counts[..., None] if self.is_channels_last and isinstance(counts, np.ndarray) else counts
