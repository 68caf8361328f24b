"""What a backend hands over, held to the contract of convbench_specs; a fault is told in the author's words and place.

Pure functions; TypeError or ValueError where the contract is broken.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench_specs import Backend, Case, Native, PassName, Prepared, TensorName, Unsupported, tensors_of

SLOTS: Mapping[PassName, tuple[TensorName, ...]] = {
    "backward": ("dx", "dw", "db"),
    "both": ("y", "dx", "dw", "db"),
}
"""What the passes return that return several tensors."""
LONGEST = 500
"""Characters of a reason."""


def prepared_or_unsupported(given: object) -> Prepared | Unsupported:
    """What `prepare` returned; TypeError for anything else than it may."""
    if isinstance(given, (Prepared, Unsupported)):
        return given
    raise TypeError(f"prepare must return Prepared or Unsupported, not {_kind(given)}")


def arrays_of(case: Case, prepared: Prepared, pass_name: PassName, result: Native) -> dict[TensorName, NDArray[Any]]:
    """What a pass returned, by tensor; ValueError where one that the case has is None, TypeError for no numbers."""
    leaves = _leaves(pass_name, result)
    names = tensors_of(case, pass_name)
    missing = [name for name in names if leaves[name] is None]
    if missing:
        raise ValueError(f"{pass_name} returned None for {', '.join(missing)}")
    arrays = {name: np.asarray(prepared.to_numpy(name, leaves[name])) for name in names}
    for name, array in arrays.items():
        if array.dtype.kind not in "biufc":  # objects, text or bytes: nothing can be compared
            raise TypeError(f"{name} has dtype {array.dtype}; to_numpy must return an array of numbers")
    return arrays


def fault_line(error: BaseException, backend: Backend | None) -> str:
    """An exception in one line, with the last place in the backend's own source that it came through."""
    text = " ".join(str(error).split())
    line = f"{type(error).__name__}: {text}"[:LONGEST]
    place = None if backend is None else _place(error, type(backend))
    return f"{line} ({place})" if place else line


def is_lack_of_memory(error: BaseException) -> bool:
    """MemoryError, or what frameworks and GPU drivers raise in its place."""
    if isinstance(error, MemoryError) or type(error).__name__ in {"OutOfMemoryError", "ResourceExhaustedError"}:
        return True
    text = str(error).lower()
    return any(words in text for words in ("out of memory", "out_of_memory", "resource_exhausted", "t allocate memory"))


def _leaves(pass_name: PassName, result: Native) -> dict[TensorName, Native]:
    slots = SLOTS.get(pass_name)
    if slots is None:
        return {"y": result}
    given = _kind(result)
    if isinstance(result, (tuple, list)):
        if len(result) == len(slots):
            return dict(zip(slots, result, strict=True))
        given = f"{len(result)} value{'' if len(result) == 1 else 's'}"
    raise TypeError(f"{pass_name} must return ({', '.join(slots)}), not {given}")


def _place(error: BaseException, cls: type[Backend]) -> str | None:
    """The innermost frame in the file of the backend, or in the folder of its module where that is in a package."""
    try:
        source = Path(inspect.getfile(cls)).resolve()
    except (TypeError, OSError):  # typed in at a prompt
        return None
    own = source.parent if "." in cls.__module__ else source
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename).resolve()
        if path.is_relative_to(own):
            return f"{path.name}:{frame.lineno}, in {frame.name}"
    return None


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
