"""What a backend declares to support is shown with it."""

from __future__ import annotations

import pytest

from convbench.cli.listing import supports_text
from convbench_specs import Supports


@pytest.mark.parametrize(
    ("supports", "text"),
    [
        (Supports(), "every case"),
        (Supports(operations=("conv", "pool"), ranks=(2,)), "operations conv, pool; ranks 2"),
        (Supports(groups=False, dilation=False), "not groups, dilation"),
        (Supports(dtypes=("float32",), ceil_mode=False), "dtypes float32; not ceil_mode"),
    ],
)
def test_what_is_less_than_everything_is_named(supports, text):
    assert supports_text(supports) == text
