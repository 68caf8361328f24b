"""Whether results stay right: called again and again, on other values, and beside another case of the same shape.

What is compared is the bits of a result, by its digest. Where they differ and may, as on the second data set or for a
backend whose order of summation is one of chance, a result must differ clearly to be held against the backend: state
that is kept where it must not be spoils a result by far more than rounding does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.measure import timing
from convbench.measure.clock import now_ns, seconds_since, used_ns
from convbench.verify.data_sets import DATA_SETS, DataSet, result_of_set, tensors_of_set
from convbench.verify.digest import digest
from convbench.verify.plausibility import CallTimes, precomputed, remembered
from convbench.verify.trust import Reason, Untrusted
from convbench.workers.contract import arrays_of
from convbench.workers.resident import Resident, touch
from convbench_specs import DType, Native, PassName, Prepared, TensorName, Tensors, Unsupported

MOST_CALLS = 250
"""Calls of a pass in a row: a fault that shows in one call of fifty is missed by 0.6 % of such rows."""
LONGEST_PAUSE_S = 0.008
"""Two slices of a scheduler, about."""
CALLS_BEFORE = 2
"""Calls on the same inputs in the check of a result, see Worker.run."""
CLEARLY: dict[DType, float] = {"float64": 1e-9, "float32": 1e-3, "bfloat16": 0.05, "float16": 0.05}
"""Difference, as a share of the largest value, that no rounding explains."""
TURNS: tuple[DataSet, ...] = (1, 2)
"""Data sets that are put into a case, one after the other; none comes twice, so that a cache of results does not help.
Then come the values that it had."""
CONFIRMING_TURNS: tuple[DataSet, ...] = (3, -1, -2, -3)
"""And those by which it is confirmed that a result is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exerciser:
    """Calls the passes of a resident case. `data_sets` are its tensors in each of verify.data_sets.

    `peak_flops_per_s` is what the cores of the run can do at most; None where that is not known.
    """

    held: Resident
    data_sets: Sequence[Tensors]
    is_deterministic: bool
    peak_flops_per_s: float | None
    limit_s: float

    def findings(self, passes: Sequence[PassName]) -> dict[PassName, list[Untrusted]]:
        """What is wrong with each pass by itself, the first of it."""
        found: dict[PassName, list[Untrusted]] = {}
        for name in passes:
            wrong = self._repeated(name) or self._changed(name)
            if wrong:
                found[name] = [wrong]
        return found

    def beside(
        self, passes: Sequence[PassName], prepare: Callable[[Tensors], Prepared | Unsupported]
    ) -> dict[PassName, list[Untrusted]]:
        """What is wrong when another case of the same shape takes turns; every result is held until the end."""
        other = prepare(self.data_sets[1])
        if isinstance(other, Unsupported):
            return {}
        results: list[tuple[PassName, DataSet, Prepared, Native]] = []
        for name in passes:
            for number, prepared in zip(DATA_SETS, (self.held.prepared, other), strict=True):
                results.append((name, number, prepared, _called(prepared, name)[0]))
        found: dict[PassName, list[Untrusted]] = {}
        for name, number, prepared, result in results:
            tensor = self._wrong_tensor(name, number, self._arrays(name, result, prepared), strictly=False)
            if tensor and name not in found:
                found[name] = [Untrusted("shared_state", tensor)]
        return found

    def _repeated(self, name: PassName) -> Untrusted | None:
        """Calls on the values that were checked, until the time is up."""
        begin = now_ns()
        for number in range(1, MOST_CALLS + 1):
            result, _ = _called(self.held.prepared, name)
            tensor = self._wrong_tensor(name, 0, self._arrays(name, result), strictly=self.is_deterministic)
            if tensor:
                return Untrusted("changes_after_calls", tensor, f"call {number + CALLS_BEFORE} on them")
            if seconds_since(begin) > self.limit_s:
                break
        return None

    def _changed(self, name: PassName) -> Untrusted | None:
        """Calls on values that change, and whether the time of these calls can be true.

        What looks remembered is looked at once more, after pauses of all lengths: on a busy machine the scheduler may
        stop every first call, if they come in its own rhythm.
        """
        times = CallTimes(prepare_s=self.held.renewal_s)
        if self.held.prepared.update is None:
            return self._turn(name, 0, times) or self._precomputed(name, times)
        wrong = self._turns(name, TURNS, times) or self._remembered(name, times)
        self._update(self.data_sets[0])
        return wrong or self._at_last(name) or self._precomputed(name, times)

    def _turns(self, name: PassName, numbers: Sequence[DataSet], times: CallTimes) -> Untrusted | None:
        """What is wrong on any of the data sets."""
        found = (self._turn(name, number, times) for number in numbers)
        return next((wrong for wrong in found if wrong), None)

    def _at_last(self, name: PassName) -> Untrusted | None:
        """A call on the values that were checked, when they have come back."""
        result, _ = _called(self.held.prepared, name)
        arrays = self._arrays(name, result)
        tensor = self._wrong_tensor(name, 0, arrays, strictly=False)
        return Untrusted("remembered", tensor, _OTHER_VALUES) if tensor else None

    def _remembered(self, name: PassName, times: CallTimes) -> Untrusted | None:
        case, batch_size = self.held.case, len(self.held.tensors.x)
        if remembered(case, batch_size, name, times) is None:
            return None
        confirmed, pauses = CallTimes(prepare_s=times.prepare_s), random.Random(0)  # noqa: S311  # lengths, no secret
        for number in CONFIRMING_TURNS:
            confirmed.pause_s = pauses.uniform(0.0, LONGEST_PAUSE_S)
            if wrong := self._turn(name, number, confirmed):
                return wrong
        return remembered(case, batch_size, name, confirmed)

    def _turn(self, name: PassName, number: DataSet, times: CallTimes) -> Untrusted | None:
        """Two calls on a data set, the first one right after it was put in; before each the backend has paused."""
        values = tensors_of_set(self.data_sets[0], number)
        if self.held.prepared.update is not None:
            times.renewals.append(self._update(values))
        for seconds, used in ((times.firsts, times.firsts_used), (times.nexts, times.nexts_used)):
            _pause(times.next_pause_s)
            touch(values)
            begin_used = used_ns()
            result, taken = _called(self.held.prepared, name)
            used.append(seconds_since(begin_used, used_ns))
            seconds.append(taken)
            arrays = self._arrays(name, result)
            begin = now_ns()
            copies = [array.copy() for array in arrays.values()]
            times.copies.append(seconds_since(begin))
            del copies, result
            tensor = self._wrong_tensor(name, number, arrays, strictly=False)
            if tensor:
                return Untrusted(self._why(name, tensor, number, arrays[tensor]), tensor, _OTHER_VALUES)
        return None

    def _update(self, values: Tensors) -> float:
        update = self.held.prepared.update
        assert update is not None
        begin = now_ns()
        update(values)
        return seconds_since(begin)

    def _precomputed(self, name: PassName, times: CallTimes) -> Untrusted | None:
        if self.peak_flops_per_s is None:
            return None
        return precomputed(self.held.case, len(self.held.tensors.x), name, times, self.peak_flops_per_s)

    def _why(self, name: PassName, tensor: TensorName, number: DataSet, array: NDArray[Any]) -> Reason:
        """Whether a wrong result is that of the other data set."""
        other = result_of_set(tensor, self._right(name, tensor), _before(number))
        return "changes_after_calls" if _clearly_differs(array, other, self.held.case.dtype) else "remembered"

    def _wrong_tensor(
        self, name: PassName, number: DataSet, arrays: Mapping[TensorName, NDArray[Any]], *, strictly: bool
    ) -> TensorName | None:
        """The first result that is not that of the data set; `strictly`: by any bit."""
        known = self.held.digests.get(name, {}).get(number, {})
        for tensor, array in arrays.items():
            if known.get(tensor) == digest(array):
                continue
            right = result_of_set(tensor, self._right(name, tensor), number)
            differs = not _same(array, right) if strictly else _clearly_differs(array, right, self.held.case.dtype)
            if differs:
                return tensor
        return None

    def _right(self, name: PassName, tensor: TensorName) -> NDArray[Any]:
        right: NDArray[Any] = np.load(self.held.outputs[name][tensor], mmap_mode="r", allow_pickle=False)
        return right

    def _arrays(
        self, name: PassName, result: Native, prepared: Prepared | None = None
    ) -> dict[TensorName, NDArray[Any]]:
        return arrays_of(self.held.case, prepared or self.held.prepared, name, result)


_OTHER_VALUES = "after other values had been put in and taken back"


def _before(number: DataSet) -> DataSet:
    """The data set that a case had before this one."""
    order = (0, *TURNS, *CONFIRMING_TURNS)
    return order[order.index(number) - 1] if number else TURNS[-1]


def digests_of_sets(arrays: Mapping[TensorName, NDArray[Any]]) -> Iterator[dict[TensorName, int]]:
    """The digests that results have in each data set, from those of the first."""
    for number in DATA_SETS:
        yield {name: digest(result_of_set(name, array, number)) for name, array in arrays.items()}


def _pause(seconds: float) -> None:
    """Use the processor for a while without calling the backend, so that its threads are at rest before each call."""
    begin = now_ns()
    while seconds_since(begin) < seconds:
        pass


def _called(prepared: Prepared, name: PassName) -> tuple[Native, float]:
    call = prepared.call_of(name)
    if isinstance(call, Unsupported):
        raise TypeError(call.reason)
    return timing.once(call, prepared.wait)


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and bool(np.array_equal(one, other, equal_nan=True))


def _clearly_differs(one: NDArray[Any], other: NDArray[Any], dtype: DType) -> bool:
    """Whether two results differ by more than rounding can explain."""
    if one.shape != other.shape:
        return True
    if not one.size:
        return False
    wide_one, wide_other = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.abs(wide_one - wide_other)
    finite = np.isfinite(wide_other)
    if not np.array_equal(finite, np.isfinite(wide_one)):
        return True
    largest = float(np.max(np.abs(wide_other), where=finite, initial=0.0))
    return bool(np.any(difference[finite] > CLEARLY[dtype] * largest))
