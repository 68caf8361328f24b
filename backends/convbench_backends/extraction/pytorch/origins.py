"""Where a tensor is from, as far as the layer that reads it must know: it was padded, or its axes were moved.

PyTorch's convolutions pad both sides alike. What pads otherwise (padding="same" with an even kernel,
padding_mode="replicate", a model's own F.pad) is a call of its own before them; with its origin at hand the two are
one case, whose padding is exactly that of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

Change = Literal["padded", "edge", "unsqueezed", "channels_last"]
CHANNELS_LAST = {3: [0, 2, 1], 4: [0, 2, 3, 1]}
"""Permutations that move the channels behind the spatial axes, by the number of axes."""
SAME = frozenset({"aten::clone", "aten::contiguous", "aten::detach", "aten::alias"})
"""Operations whose result has the values of their input in the same places."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What was done to a tensor of `shape`; `pads` are (before, after) an axis, filled with `fill`."""

    change: Change
    shape: tuple[int, ...]
    pads: tuple[tuple[int, int], ...] = ()
    fill: float = 0.0


class Origins:
    """The origins of the tensors of one trace."""

    def __init__(self) -> None:
        self._known: Any = WeakTensorKeyDictionary()

    def of(self, tensor: Tensor) -> Origin | None:
        """The origin of a tensor, if anything of interest was done to it."""
        found: Origin | None = self._known.get(tensor)
        return found

    def follow(self, name: str, arguments: Mapping[str, Any], out: Any) -> None:
        """Note what a call did; `name` is that of the operation, arguments are by the names of its schema."""
        source = arguments.get("self")
        if not isinstance(source, Tensor) or not isinstance(out, Tensor):
            return
        origin = self.of(source) if name in SAME else _origin(name, source, arguments)
        if origin is not None:
            self._known[out] = origin


def _origin(name: str, source: Tensor, arguments: Mapping[str, Any]) -> Origin | None:
    shape = tuple(source.shape)
    if name == "aten::constant_pad_nd":
        pads = _pads(arguments["pad"], source.dim() - 2)
        return None if pads is None else Origin("padded", shape, pads, float(arguments["value"]))
    if name in {"aten::replication_pad1d", "aten::replication_pad2d"}:
        pads = _pads(arguments["padding"], source.dim() - 2)
        return None if pads is None else Origin("edge", shape, pads)
    if name == "aten::unsqueeze" and source.dim() == 3 and arguments["dim"] in {-2, 2}:
        return Origin("unsqueezed", shape)
    if name == "aten::permute" and list(arguments["dims"]) == CHANNELS_LAST.get(source.dim()):
        return Origin("channels_last", shape)
    return None


def _pads(flat: list[int], rank: int) -> tuple[tuple[int, int], ...] | None:
    """(before, after) a spatial axis from PyTorch's list, which begins with the last axis.

    None where it crops, or pads other axes.
    """
    pairs = [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]
    if min(flat, default=0) < 0 or any(pair != (0, 0) for pair in pairs[rank:]):
        return None
    spatial = [*pairs[:rank], *([(0, 0)] * (rank - len(pairs)))]
    return tuple(reversed(spatial))
