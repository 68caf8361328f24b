"""Backends that are right when they are checked, and misbehave while they are timed."""

import time

import numpy as np

from convbench_specs import Available, Backend, Prepared, hookimpl

CHECKED_CALLS = 600
"""More calls than the checks of a run that times make."""


class Steady(Backend):
    """Right, and its time is true."""

    name = "steady"
    can_update = True

    def availability(self, device):
        return Available("1")

    def prepare(self, case, tensors):
        held = [tensors.x.copy(), tensors.w.copy(), tensors.b.copy()]
        self.calls = self.updates = 0

        def update(given):
            self.updates += 1
            self.put(held, (given.x, given.w, given.b))

        return Prepared(forward=lambda: self.forward(*held), update=update if self.can_update else None)

    def put(self, held, given):
        for array, new in zip(held, given, strict=True):
            array[...] = new

    def forward(self, x, w, b):
        self.calls += 1
        windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))
        return self.finish(np.einsum("ncijuv,kcuv->nkij", windows, w) + b[:, None, None])

    def finish(self, y):
        return y


class NoUpdate(Steady):
    """Cannot be updated: it is prepared again."""

    name = "no-update"
    can_update = False


class RoundsDifferently(Steady):
    """In later calls the last bits differ, as those of another thread or process may."""

    name = "rounds-differently"

    def finish(self, y):
        return y if self.calls < CHECKED_CALLS else np.nextafter(y, np.float32(0))


class TiresLate(Steady):
    """Right for a few hundred calls, and wrong from then on."""

    name = "tires-late"

    def finish(self, y):
        return y if self.calls < CHECKED_CALLS else y * np.float32(1.5)


class Stale(Steady):
    """New values that come after a few hundred calls are not taken."""

    name = "stale"

    def put(self, held, given):
        if self.calls < CHECKED_CALLS:
            super().put(held, given)


class SlowClock(Steady):
    """The clock that times it runs slowly, in whatever module it is."""

    name = "slow-clock"

    def start(self, settings):
        from convbench.measure import timing

        begin, now_ns = time.perf_counter_ns(), time.perf_counter_ns

        def slowly():
            return begin + (now_ns() - begin) // 148

        timing.now_ns = slowly
        timing.seconds_since = lambda begin_ns: (slowly() - begin_ns) * 1e-9
        return {}


class ReplacedClock(Steady):
    """The clock of the module time runs slowly."""

    name = "replaced-clock"

    def start(self, settings):
        begin, now_ns = time.perf_counter_ns(), time.perf_counter_ns
        time.perf_counter_ns = lambda: begin + (now_ns() - begin) // 148
        return {}


@hookimpl
def convbench_backends():
    return [Steady, NoUpdate, RoundsDifferently, TiresLate, Stale, SlowClock, ReplacedClock]
