"""Slips in what is kept from one call to the next: right when a case is computed once, wrong when it is used."""

import numpy as np

from convbench_specs import Conv, Pool, Prepared
from mutants.correct import Correct


class WeightsPackedOnce(Correct):
    """The weights are packed when a case is prepared and never again: an update does not reach them."""

    wrong = ("y", "dx")
    can_update = True

    def put(self, held, given):
        w = None if held[1] is None else held[1].copy()
        super().put(held, given)
        if w is not None:
            held[1][...] = w


class MaximaOfTheFirstForward(Correct):
    """The places of the maxima are found once: later gradients go to where the first maxima were."""

    wrong = ("dx",)
    can_update = True

    def prepare(self, case, tensors):
        self.places_of = {}
        return super().prepare(case, tensors)

    def shares(self, values):
        return self.places_of.setdefault(values.shape, super().shares(values))


class ResultBuffersOfTwoLayers(Correct):
    """Results lie in buffers by shape, in turn: two layers of one shape overwrite each other's."""

    wrong = ("y",)

    def __init__(self):
        self.buffers = {}

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        if not isinstance(prepared, Prepared):
            return prepared
        turns = iter(range(10**9))
        return Prepared(
            forward=lambda: self.in_buffer(prepared.forward(), next(turns) % 2),
            backward=prepared.backward,
        )

    def in_buffer(self, y, turn):
        buffer = self.buffers.setdefault((y.shape, y.dtype, turn), np.empty_like(y))
        buffer[...] = y
        return buffer


class ColumnsOfAnotherLayer(Correct):
    """Dw is computed from the columns of the last forward pass, which may be another layer's of the same shape."""

    wrong = ("dw",)

    def __init__(self):
        self.columns = {}

    def conv(self, case, x, w, b):
        self.columns[x.shape, case.operation] = x.copy()
        return super().conv(case, x, w, b)

    def conv_dw(self, case, x, w, dy):
        return super().conv_dw(case, self.columns.get((x.shape, case.operation), x), w, dy)


class FirstResultRemembered(Correct):
    """What the first call returns is kept, and later calls hand out copies of it; an update has it computed again."""

    wrong = ("y",)
    can_update = True
    takes_large = True

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        if not isinstance(prepared, Prepared) or not isinstance(case.operation, Conv):
            return prepared
        known = {}

        def forward():
            if "y" not in known:
                known["y"] = prepared.forward()
            return known["y"].copy()

        def update(given):
            known.clear()
            prepared.update(given)

        return Prepared(forward=forward, backward=prepared.backward, update=update)


class ThirdUpdateIsTheLast(Correct):
    """New values are put in three times; later updates do nothing, and results stay those of the third."""

    wrong = ("y", "dx")
    can_update = True

    def prepare(self, case, tensors):
        self.updates = 0
        return super().prepare(case, tensors)

    def put(self, held, given):
        self.updates += 1
        if self.updates < 4:
            super().put(held, given)


class ComputedInPrepare(Correct):
    """Everything is computed when a case is prepared; calls hand out copies."""

    wrong = ("y", "dx")
    takes_large = True

    def prepare(self, case, tensors):
        prepared = super().prepare(case, tensors)
        if not isinstance(prepared, Prepared) or not isinstance(case.operation, Conv):
            return prepared
        y, gradients = prepared.forward(), prepared.backward()
        return Prepared(forward=y.copy, backward=lambda: copies(gradients))


class TiresAfterTenCalls(Correct):
    """The eleventh call of a prepared case, and each one after it, returns something else."""

    wrong = ("y",)

    def prepare(self, case, tensors):
        self.calls = 0
        return super().prepare(case, tensors)

    def forward(self, case, x, w, b):
        self.calls += 1
        y = super().forward(case, x, w, b)
        return y if self.calls <= 10 else y * y.dtype.type(1.5)


class LosesAnUpdateInOneOfFiftyCalls(Correct):
    """A race: in one call of fifty a tap is not added to the last element."""

    wrong = ("y",)

    def prepare(self, case, tensors):
        self.random = np.random.default_rng(0)
        return super().prepare(case, tensors)

    def finish(self, case, tensor, result):
        if tensor == "y" and not isinstance(case.operation, Pool) and self.random.random() < 0.02:
            result.reshape(-1)[-1:] *= result.dtype.type(0.5)
        return result


def copies(arrays):
    return tuple(None if array is None else array.copy() for array in arrays)
