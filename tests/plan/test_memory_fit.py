"""An item whose tensors alone cannot fit is known before anything runs, with the numbers."""

from __future__ import annotations

import pytest

from convbench.plan.items import Item
from convbench.plan.memory_fit import least_bytes, too_large
from convbench_specs import Case, Pool

CASE = Case(name="pool", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(4, 100, 100))


def item(batch_size):
    return Item("mine", CASE, batch_size)


def test_every_backend_holds_its_own_inputs_and_leaves_its_outputs():
    x, y = 4 * 100 * 100 * 4, 4 * 50 * 50 * 4
    assert least_bytes(item(1), 3) == 5 * (x + y) + 4 * (y + x)


@pytest.mark.parametrize("free", [10**6, 10**8])
def test_what_does_not_fit_says_how_much_it_needs_and_how_much_there_is(free):
    items = [item(size) for size in (1, 10, 1000)]
    reasons = too_large(items, 2, free)
    assert set(reasons) == {item for item in items if least_bytes(item, 2) > free}
    assert "1.40 GB on 2 backends and the host" in reasons[item(1000)]
    assert f"{free // 10**6}" in reasons[item(1000)]
