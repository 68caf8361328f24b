"""Random axes for hypothesis, with every way in which windows can lie on them."""

from __future__ import annotations

from hypothesis import strategies as st

from convbench_specs import Axis

SMALL = st.integers(1, 6)


def random_axes(most_padding: int) -> st.SearchStrategy[Axis]:
    """Axes of up to 20 places with so much padding at most on either side; some have no window."""
    amounts = st.integers(0, most_padding)
    return st.builds(
        Axis,
        size=st.integers(1, 20),
        kernel=SMALL,
        stride=SMALL,
        dilation=st.integers(1, 4),
        before=amounts,
        after=amounts,
        ceil_mode=st.booleans(),
    )
