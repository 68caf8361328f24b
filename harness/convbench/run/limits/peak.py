"""The best rate that any backend reaches, measured in the workers of a run like any other cell.

- Forward only. A backend that would take long is not asked: by its own prediction, or by its rate on a smaller case.
- What it returned is checked at some places, before it is timed and after: a wrong result is no limit of the machine.
- A rate above what the processor can do at most is no limit either.
- An algorithm that does fewer multiplications than are counted (Winograd, FFT) tells nothing of the machine either.
- The best sample counts, as noise only adds; whether others used the machine meanwhile is kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np

from convbench.machine.array_file import open_array
from convbench.machine.pressure import is_contended
from convbench.machine.processor_peak import peak_flops_per_s
from convbench.plan.items import Item
from convbench.results.roofline import CONFIRMS, Bandwidth, Limits, Peak
from convbench.run.limits.ladder import LEAST_FLOPS, copy_item, ladder
from convbench.run.progress import Doing
from convbench.verify import make_tensors
from convbench.verify.check import check_against
from convbench.verify.reference.sampled import Sample, sampled_oracle
from convbench.workers import protocol
from convbench.workers.arrays import made_folder, write_tensors
from convbench.workers.failure import Failure
from convbench.workers.session import BackendSession
from convbench_specs import DTYPES, Device, DType, cost

MOST_CALL_S = 1.0
"""A case of which a call would take longer is not tried."""
SAMPLE_S = 0.02
SAMPLES_S = 0.2
"""For each case and each backend that comes near the best, in samples of SAMPLE_S."""
NEAR = 0.8
"""Share of the best rate that is worth more than a first look."""
HOPE = 0.75
"""Share of the best rate so far that a backend must have reached to be asked for the next large case: it may compile
for seconds."""
PLACES = 64
"""Of each result, where it is checked."""
SHORTCUTS = ("winograd", "fft")


@dataclass(slots=True)
class _Climber:
    """A backend on the ladder: work a second on the last rung, in FLOPs or bytes; 0 before the first."""

    session: BackendSession
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class _Best:
    """The shortest call of a backend at an item."""

    seconds: float
    contended: bool

    def or_better(self, other: _Best) -> _Best:
        """The shorter of two; an undisturbed one that is near confirms it, as for limits."""
        shorter, longer = sorted((self, other), key=lambda best: best.seconds)
        confirmed = not longer.contended and shorter.seconds >= CONFIRMS * longer.seconds
        return _Best(shorter.seconds, shorter.contended and not confirmed)


def measure_peak(
    sessions: Sequence[BackendSession],
    dtype: DType,
    limits: Limits,
    *,
    scratch: Path,
    left_s: Callable[[], float] = lambda: inf,
) -> Generator[Doing, None, Peak | None]:
    """The peak of a dtype, on the ladder of the device; yields what it is doing. `limits` say for what threads.

    None where `left_s` seconds are over before everybody was asked: what was reached by then is no limit.
    """
    device: Device = "cuda" if limits.device == "cuda" else "cpu"
    highest = peak_flops_per_s(dtype, limits.threads) / 1e9 if device == "cpu" else inf
    peak = Peak(dtype=dtype, gflops_per_s=None, considered=tuple(session.name for session in sessions))
    climbers = [_Climber(session) for session in sessions]
    for item in ladder(device, dtype):
        work = cost(item.case, item.batch_size, "forward").flops
        if work < LEAST_FLOPS:
            yield from _race(climbers, item, work, scratch=scratch, left_s=left_s)
            continue
        climbers = [climber for climber in climbers if climber.rate >= HOPE * (peak.gflops_per_s or 0.0) * 1e9]
        raced = yield from _race(climbers, item, work, scratch=scratch, left_s=left_s)
        for backend, best in raced.items():
            rate, case = work / best.seconds / 1e9, item.case.name
            if rate > highest:
                continue
            found = Peak(dtype=dtype, gflops_per_s=rate, backend=backend, case=case, contended=best.contended)
            peak = peak.or_better(found)
    return None if left_s() <= 0 else peak


def measure_device_bandwidth(
    sessions: Sequence[BackendSession], *, scratch: Path
) -> Generator[Doing, None, Bandwidth | None]:
    """The best bandwidth at which a backend copies on a device that NumPy does not reach; None where none can."""
    item = copy_item()
    moved = cost(item.case, item.batch_size, "forward").bytes
    found = yield from _race([_Climber(session) for session in sessions], item, moved, scratch=scratch)
    if not found:
        return None
    backend, best = min(found.items(), key=lambda entry: entry[1].seconds)
    return Bandwidth(
        gbytes_per_s=moved / best.seconds / 1e9,
        way=f"{backend}, average pooling of single elements",
        array_bytes=int(np.prod(item.case.x_shape(item.batch_size))) * DTYPES[item.case.dtype],
        contended=best.contended,
    )


def _race(
    climbers: list[_Climber], item: Item, work: int, *, scratch: Path, left_s: Callable[[], float] = lambda: inf
) -> Generator[Doing, None, dict[str, _Best]]:
    """The best of each backend that came near the best of all; `climbers` loses those that cannot do the item."""
    if left_s() <= 0:
        return {}
    tensors = make_tensors(item.case, item.batch_size, seed=0)
    paths = write_tensors(scratch, tensors)
    right = sampled_oracle(item.case, tensors, seed=0, places=PLACES)
    found: dict[str, _Best] = {}
    for climber in list(climbers):
        if left_s() <= 0:
            break
        yield Doing(f"the machine's limit: {climber.session.name}, {item.case.dtype}, {item.case.name}")
        seconds = _first_look(climber, item, work, paths=paths, right=right, scratch=scratch)
        if seconds is None:
            climbers.remove(climber)
        elif seconds:
            climber.rate = max(climber.rate, work / seconds)
            least = min((best.seconds for best in found.values()), default=seconds)
            best = _sampled(climber.session, seconds, least, spend_s=SAMPLES_S if work >= LEAST_FLOPS else 0.0)
            if best is not None and _is_timed_right(climber.session, right, scratch):
                found[climber.session.name] = best
                climber.rate = max(climber.rate, work / best.seconds)
        climber.session.release()
        climber.session.suspend()
    return found


def _first_look(
    climber: _Climber, item: Item, work: int, *, paths: dict[str, str], right: Sample, scratch: Path
) -> float | None:
    """Seconds of a warm call; None where the backend goes no further, 0 where only this case tells nothing."""
    session = climber.session
    predicted = session.predict(item, ("forward",))
    if isinstance(predicted, Failure):
        return None
    expected = predicted["forward"] or (work / climber.rate if climber.rate else 0.0)
    if expected > MOST_CALL_S:
        return None
    ready = session.prepare(item, paths)
    if isinstance(ready, Failure):
        return None
    if any(name in ready.algorithm.lower() for name in SHORTCUTS):
        return 0.0
    folder = made_folder(scratch / session.name)
    reply = session.ask(protocol.Run(pass_name="forward", folder=str(folder)))
    if isinstance(reply, Failure) or not _is_right(right, reply.outputs["y"]):
        return None
    again = session.ask(protocol.Sample(pass_name="forward", loops=1))
    return None if isinstance(again, Failure) else _seconds(again)


def _is_timed_right(session: BackendSession, right: Sample, scratch: Path) -> bool:
    """Whether the last timed call returned what it must."""
    reply = session.ask(protocol.WriteLast(folder=str(scratch / session.name)))
    return not isinstance(reply, Failure) and _is_right(right, reply.outputs["y"])


def _is_right(right: Sample, path: str) -> bool:
    try:
        result = open_array(path)
    except (OSError, ValueError):  # it was removed meanwhile
        return False
    (deviation,) = check_against(right, {"y": result})
    return deviation.verdict == "agrees"


def _sampled(session: BackendSession, call_s: float, least_s: float, *, spend_s: float) -> _Best | None:
    """The best of some samples; of one, where it is far from the least seconds so far."""
    best, spent = None, 0.0
    while best is None or (spent < spend_s and best.seconds * NEAR <= least_s):
        loops = max(1, round(SAMPLE_S / (best.seconds if best else call_s)))
        reply = session.ask(protocol.Sample(pass_name="forward", loops=loops, digest=True))
        if isinstance(reply, Failure):
            return best
        found = _Best(_seconds(reply), is_contended(reply.waited_s, reply.elapsed_s))
        best = found.or_better(best) if best else found
        spent += reply.elapsed_s
    return best


def _seconds(sample: protocol.Sampled) -> float:
    return max(sample.elapsed_s / sample.loops, 1e-9)
