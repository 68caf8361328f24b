"""Products of panels: the same bits for any number of threads."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from convbench_backends.numba_cpu.convolution.panels.level import PanelProduct, PanelWeightGradients
from convbench_backends.numba_cpu.geometry import ConvShape
from convbench_specs import Axis

SHAPES = {
    "images share panels": ConvShape(5, 17, 19, 1, Axis(size=7, kernel=1), Axis(size=5, kernel=1)),
    "1 x 1 at stride 2": ConvShape(3, 33, 24, 1, Axis(size=15, kernel=1, stride=2), Axis(size=21, kernel=1, stride=2)),
    "chunks of taps": ConvShape(2, 12_000, 40, 1, Axis(size=4, kernel=1), Axis(size=40, kernel=1)),
    "chunks of places": ConvShape(3, 70, 9, 1, *(Axis(size=n, kernel=3, before=1, after=1) for n in (19, 33))),
}


@pytest.fixture
def number_of_threads():
    """Sets how many there are, as far as the machine has them."""
    before = numba.get_num_threads()
    yield lambda threads: numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    numba.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SHAPES)
def test_results_do_not_depend_on_the_number_of_threads(name, dtype, number_of_threads):
    shape, generator = SHAPES[name], np.random.default_rng(0)
    x, w, dy = (generator.standard_normal(np.prod(size)).astype(dtype) for size in (shape.x, shape.w, shape.y))
    b = generator.standard_normal(shape.out_channels).astype(dtype)
    is_pointwise = shape.vertical.kernel == shape.horizontal.kernel == 1

    def bits(threads):
        number_of_threads(threads)
        of = shape, np.dtype(dtype), threads
        results = [PanelProduct.forward(*of)(x, w, b), *PanelWeightGradients(*of)(x, dy)]
        results += [PanelProduct.gradient(*of)(dy, w, None)] if is_pointwise else []
        return [result.tobytes() for result in results]

    right = bits(1)
    for threads in (2, 3, 7):
        assert bits(threads) == right, threads
