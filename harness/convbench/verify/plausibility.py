"""Whether the time of a call can be true: has the work been done in the call, or before it?

A result that is right says nothing about when it was computed. Two things do: what the processor can do at most, and
how long the first call takes after new values were put in. Pure functions of seconds; they return a value of
verify.trust where something is wrong, None where all is well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from convbench.verify.trust import Untrusted
from convbench_specs import Case, PassName, TensorName, cost

FASTER = 2.5
"""Times as fast as the first call after new values: no cache of a processor makes so much difference here, as what
caches can explain is taken off before."""
CACHE_S_A_BYTE = 2e-10
"""Seconds that a byte costs at most more in the first call, because it comes from memory: 5 GB/s."""
FIRST_CALL_S = 5e-5
"""Seconds that a first call may take longer for whatever reason."""
LIKE_A_COPY = 1.5
"""Times that copying the result takes: a call that takes no longer has done hardly anything else."""
CALL_OVERHEAD_S = 5e-6
LEAST_PAUSE_S = 0.0005
LONGEST_PAUSE_S = 0.02
WORK_BEFORE = 10
"""Times the call: what putting in new values takes at least, where the work is done there."""
CERTAINLY = 2
"""Times as fast as the processor's peak allows, after the best algorithm that is known is granted."""


@dataclass(slots=True)
class CallTimes:
    """Seconds of the calls of one pass of a prepared case, in the order in which they were made.

    `firsts` are of calls right after new values were put in, `nexts` of those after them, `renewals` of putting values
    in, and `copies` of copying the result. `firsts_used` and `nexts_used` are seconds of processor time. `prepare_s` is
    of preparing the case, for what cannot be updated.
    """

    prepare_s: float
    renewals: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    nexts: list[float] = field(default_factory=list)
    firsts_used: list[float] = field(default_factory=list)
    nexts_used: list[float] = field(default_factory=list)
    copies: list[float] = field(default_factory=list)
    pause_s: float = 0.0
    """A pause before the next call that is given; else it is as long as putting in values takes."""

    @property
    def renewal_s(self) -> float:
        """The least that putting in new values takes."""
        return min(self.renewals, default=self.prepare_s)

    @property
    def next_pause_s(self) -> float:
        """How long a backend is left alone before each call, so that a first one differs in nothing else."""
        return self.pause_s or min(max([LEAST_PAUSE_S, *self.renewals]), LONGEST_PAUSE_S)


def remembered(case: Case, batch_size: int, pass_name: PassName, times: CallTimes) -> Untrusted | None:
    """Calls that are so much faster than the first ones after new values that they cannot do the same work.

    Every first call must have been slower than every other one, and have used more processor time: on a busy machine
    calls wait for a core.
    """
    cached_s = FIRST_CALL_S + CACHE_S_A_BYTE * cost(case, batch_size, pass_name).bytes
    pairs = ((times.firsts, times.nexts), (times.firsts_used, times.nexts_used))
    if any(min(firsts) - cached_s <= FASTER * max(nexts) for firsts, nexts in pairs):
        return None
    first, following = (f"{min(seconds) * 1e6:.4g} us" for seconds in (times.firsts, times.nexts))
    detail = f"the first call on new values takes {first}, the next one {following}"
    return Untrusted("remembered", result_of(pass_name), detail)


def precomputed(
    case: Case, batch_size: int, pass_name: PassName, times: CallTimes, peak_flops_per_s: float
) -> Untrusted | None:
    """Calls that are faster than the processor can compute, and where the work may have been done instead.

    `peak_flops_per_s` is an upper limit of what the cores of the run can do. Winograd's algorithm and Fourier
    transforms multiply less often than is counted, by a factor that stays below the number of taps of a window. A call
    within that factor is only doubted where it takes no longer than copying its result while putting in new values
    takes much longer.
    """
    next_s = min(times.nexts)
    least_s = cost(case, batch_size, pass_name).valid_flops / peak_flops_per_s
    if next_s >= least_s:
        return None
    taps = prod(axis.kernel for axis in case.axes)
    told = f"a call takes {next_s * 1e6:.4g} us, and the processor needs {least_s * 1e6:.4g} us at least"
    if next_s < least_s / taps / CERTAINLY:
        return Untrusted("precomputed", result_of(pass_name), told)
    is_a_copy = next_s <= LIKE_A_COPY * min(times.copies) + CALL_OVERHEAD_S
    if is_a_copy and times.renewal_s >= WORK_BEFORE * next_s:
        detail = f"{told}; putting in new values takes {times.renewal_s * 1e6:.4g} us"
        return Untrusted("precomputed", result_of(pass_name), detail)
    return None


def result_of(pass_name: PassName) -> TensorName:
    """The result that stands for a pass."""
    return "dx" if pass_name == "backward" else "y"
