"""Work that a pass leaves for after its call: in `to_numpy`, in a `wait` that is not called each time, or unfinished.

Only the call and its wait are timed. What brings a result to NumPy may copy it; it may not compute it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import sleep  # bound here: a plug-in may change the module in its own process
from typing import Any

from numpy.typing import NDArray

from convbench.measure import timing
from convbench.measure.clock import now_ns, seconds_since
from convbench.verify import trust
from convbench.verify.digest import digest
from convbench.workers.contract import arrays_of
from convbench.workers.resident import Resident
from convbench_specs import Native, PassName, TensorName

COPIES = 20.0
"""Reading a result may take as long as so many copies of it: a copy from an accelerator takes 2 to 10."""
FREE_S = 0.000_2
"""And so much longer: what a framework's own objects cost."""
SHARE_OF_CALL = 1.0
"""What takes less of a call's time than this gains a backend little, and may be chance."""
READINGS = 10
"""The shortest of so many must still be too long: on a busy machine three of 0.3 ms were slow by chance."""
PAUSE_S = 0.002
"""Between two of them, so that what disturbed one need not disturb the next."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Seconds of a call, of what followed it, and how long that may take."""

    call_s: float
    after_s: float
    allowed_s: float

    @property
    def is_too_long(self) -> bool:
        """Whether more than a copy was done after the call."""
        return self.after_s > max(self.allowed_s, SHARE_OF_CALL * self.call_s)


@dataclass(frozen=True, slots=True)
class Read:
    """A result as it was read at once, by tensor, and what reading it took."""

    digests: Mapping[TensorName, int]
    reading: Reading


def read_at_once(held: Resident, pass_name: PassName, result: Native, call_s: float) -> Read:
    """Bring a result to NumPy, and time it; the digests are what it held then."""
    begin = now_ns()
    arrays = arrays_of(held.case, held.prepared, pass_name, result)
    after_s = seconds_since(begin)
    digests = {name: digest(array) for name, array in arrays.items()}
    allowed_s = FREE_S if after_s <= FREE_S else FREE_S + COPIES * _copy_s(arrays)
    return Read(digests, Reading(call_s, after_s, allowed_s))


def findings(
    held: Resident, pass_name: PassName, call: Callable[[], Native], result: Native, read: Read
) -> list[trust.Untrusted]:
    """What a result that was read at once, and is read again now, shows of work that was left for later."""
    arrays = arrays_of(held.case, held.prepared, pass_name, result)
    found = [
        trust.Untrusted("unfinished", name, "it was read at once and again a little later")
        for name, array in arrays.items()
        if digest(array) != read.digests[name]
    ]
    if not len(held.tensors.x):  # a call on nothing takes no time, and reading its gradients does
        return found
    tensor = next(iter(arrays), "")

    def again() -> Reading:
        fresh, call_s = timing.once(call, held.prepared.wait)
        return read_at_once(held, pass_name, fresh, call_s).reading

    if reading := _confirmed(read.reading, again):
        found.append(_deferred(tensor, "bringing the result to NumPy", reading))
    if held.prepared.runs_in_order and (reading := _confirmed(None, lambda: _waiting(held, call))):
        found.append(_deferred(tensor, "waiting for an earlier result, after a later one existed,", reading))
    return found


def _waiting(held: Resident, call: Callable[[], Native]) -> Reading:
    """What waiting for the first of two results takes after the second has been waited for: both should exist."""
    begin, wait = now_ns(), held.prepared.wait
    first, second = call(), call()
    wait(second)
    call_s = seconds_since(begin) / 2
    begin = now_ns()
    wait(first)
    return Reading(call_s, seconds_since(begin), FREE_S)


def _confirmed(first: Reading | None, again: Callable[[], Reading]) -> Reading | None:
    """The shortest of some readings, if every one is too long."""
    shortest = first
    for _ in range(READINGS):
        if shortest is not None and not shortest.is_too_long:
            return None
        sleep(PAUSE_S if shortest is not None else 0)
        reading = again()
        if shortest is None or reading.after_s < shortest.after_s:
            shortest = reading
    return shortest if shortest is not None and shortest.is_too_long else None


def _deferred(tensor: str, what: str, reading: Reading) -> trust.Untrusted:
    detail = f"{what} took {reading.after_s * 1e3:.3g} ms, the call {reading.call_s * 1e3:.3g} ms"
    return trust.Untrusted("deferred", tensor, detail)


def _copy_s(arrays: Mapping[TensorName, NDArray[Any]]) -> float:
    begin = now_ns()
    for array in arrays.values():
        array.copy()
    return seconds_since(begin)
