"""What a backend answers, held to the contract of convbench_specs; a fault is told in the author's words and place.

Every answer of every hook passes through here. Pure functions; TypeError or ValueError where the contract is broken.
"""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from convbench.text.foreign import LONGEST, clean
from convbench_specs import (
    Available,
    Backend,
    Case,
    Native,
    PassName,
    Prepared,
    PreparePhase,
    TensorName,
    Unavailable,
    Unsupported,
    tensors_of,
)

SLOTS: Mapping[PassName, tuple[TensorName, ...]] = {
    "backward": ("dx", "dw", "db"),
    "both": ("y", "dx", "dw", "db"),
}
"""What the passes return that return several tensors."""
MOST_SECONDS = 1e9
"""30 years: no call takes longer, and whoever predicts it has divided by zero."""
MOST_FACTS = 100
PHASES: tuple[PreparePhase, ...] = get_args(PreparePhase)
MOST_VARIABLES = 200
LONGEST_VARIABLE = 100_000
"""Characters; the system takes 128 KiB."""


def availability_of(given: object) -> Available | Unavailable:
    """What `availability` returned, with its text as text."""
    if isinstance(given, Available):
        return Available("" if given.version is None else text_of(given.version))
    if isinstance(given, Unavailable):
        return Unavailable(text_of(given.reason))
    raise TypeError(f"availability() must return Available or Unavailable, not {shown(given)}")


def variables_of(given: object) -> dict[str, str]:
    """What `environment` returned: names and values that a process can have as its variables."""
    if not isinstance(given, Mapping):
        raise TypeError(f"environment() must return variables by name, {{}} for none, not {shown(given)}")
    variables = dict(islice(given.items(), MOST_VARIABLES))
    for name, value in variables.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"environment() must return text by name, not {shown(name)}: {shown(value)}")
        if not name.isidentifier() or not name.isascii() or not _can_be_value(value):
            raise ValueError(f"environment() returned what no variable can be: {shown(name)}: {shown(value)}")
    return {text_of(name): _plain(value) for name, value in variables.items()}


def _can_be_value(text: str) -> bool:
    try:
        return len(os.fsencode(text)) <= LONGEST_VARIABLE and "\0" not in text
    except UnicodeEncodeError:  # half of a pair
        return False


def facts_of(given: object) -> dict[str, str]:
    """What `start` returned: the first MOST_FACTS facts, as text."""
    if not isinstance(given, Mapping):
        raise TypeError(f"start() must return facts by name, {{}} for none, not {shown(given)}")
    return {text_of(name): text_of(value) for name, value in islice(given.items(), MOST_FACTS)}


def prediction_of(given: object, pass_name: PassName) -> float | None:
    """What `predict_s` returned for a pass: seconds, or None."""
    if given is None:
        return None
    seconds = _seconds(given)
    if seconds is not None:
        return seconds
    raise ValueError(f"predict_s() must return the seconds of a call or None, not {shown(given)} ({pass_name})")


def phases_of(given: object) -> dict[PreparePhase, float]:
    """What `Prepared.phases_s` holds: seconds by phase."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"Prepared.phases_s must be seconds by phase, not {shown(given)}")
    for name, seconds in given.items():
        if name not in PHASES:
            raise ValueError(f"Prepared.phases_s has {shown(name)}; the phases are {', '.join(PHASES)}")
        if _seconds(seconds) is None:
            raise ValueError(f"Prepared.phases_s has {shown(seconds)} for {name}, which is no time in seconds")
    return {name: float(seconds) for name, seconds in given.items()}


def _seconds(given: object) -> float | None:
    """A number that can be a time; None for all else."""
    if isinstance(given, bool) or not isinstance(given, (int, float, np.integer, np.floating)):
        return None
    with suppress(OverflowError):  # an integer that no float can hold
        seconds = float(given)
        if 0 <= seconds <= MOST_SECONDS:
            return seconds
    return None


def text_of(value: object) -> str:
    """The text of any object, plain and not too long; what stands for it where it has none."""
    try:
        return _plain(str(value))[: 2 * LONGEST]
    except BaseException:  # noqa: BLE001  # a stranger's __str__
        return f"<{type(value).__name__} without text>"


def _plain(text: str) -> str:
    """The same text as str itself: a class that is derived from it may have methods of its own."""
    return str.join("", [text])


def shown(value: object) -> str:
    """A value in a message: as it would be typed in if that is short, else its type."""
    if value is None or isinstance(value, (bool, float, int, str)):
        try:
            text = repr(value)
        except BaseException:  # noqa: BLE001  # as above; and integers of many thousand digits have none
            return _kind(value)
        return clean(text, longest=60)
    return _kind(value)


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
        if array.dtype.kind not in "biuf":  # objects, text, complex numbers: nothing can be compared
            raise TypeError(f"{name} has dtype {array.dtype}; to_numpy must return an array of numbers")
    return arrays


def fault_line(error: BaseException, backend: Backend | None) -> str:
    """An exception in one line, with the last place in the backend's own source that it came through.

    One without text has the place where it was raised, which is all that it tells.
    """
    text = text_of(error)
    line = clean(f"{type(error).__name__}: {text}".removesuffix(": "))
    place = None if backend is None else _place(error, type(backend))
    if not text.strip():
        place = _innermost(error) or place
    return f"{line} ({place})" if place else line


def is_lack_of_memory(error: BaseException) -> bool:
    """MemoryError, or what frameworks and GPU drivers raise in its place."""
    if isinstance(error, MemoryError) or type(error).__name__ in {"OutOfMemoryError", "ResourceExhaustedError"}:
        return True
    text = text_of(error).lower()
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


def _innermost(error: BaseException) -> str | None:
    """The frame that raised it."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        return clean(f"{Path(frame.filename).name}:{frame.lineno}, in {frame.name}")
    return None


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
