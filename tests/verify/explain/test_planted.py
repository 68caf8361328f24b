"""A mistake that is planted by scalar loops, or in a right result, is told by its name; of right ones nothing is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from verify_cases import scalar_results

from convbench.verify import make_tensors, round_to
from convbench.verify.check import allowed
from convbench.verify.explain import UNEXPLAINED, explain
from convbench.verify.reference.full import oracle
from convbench_specs import Case, Conv, Flatten, Pool, Tensors

BATCH = 3
CONV = Conv(in_channels=4, out_channels=6, kernel_size=(3, 3), padding=((2, 0), (0, 1)), bias=True)
PLAIN = Case(name="plain", operation=CONV, input_shape=(4, 6, 5))
SQUARE = replace(PLAIN, operation=replace(CONV, out_channels=4, padding=1), input_shape=(4, 5, 5))
UNEVEN = replace(PLAIN, operation=replace(CONV, stride=(2, 1), dilation=(1, 2)), input_shape=(4, 9, 8))
DENSE = replace(UNEVEN.operation, dilation=(1, 1))
GROUPS = replace(PLAIN, operation=replace(CONV, groups=2))
EDGE = replace(PLAIN, operation=replace(CONV, padding_mode="edge"))
WIDE = replace(PLAIN, operation=replace(CONV, in_channels=6), input_shape=(6, 6, 5))
ALONG = replace(PLAIN, operation=replace(CONV, out_channels=4, padding="same"), input_shape=(4, 5, 4))
MAX = Case(name="max", operation=Pool(kind="max", kernel_size=(3, 3), stride=(2, 2), padding=1), input_shape=(3, 7, 8))
AVERAGE = replace(MAX, operation=replace(MAX.operation, kind="average"))
UNCOUNTED = replace(AVERAGE, operation=replace(AVERAGE.operation, count_include_pad=False))
CHANNELS = Case(name="over", operation=Pool(kind="max", kernel_size=(2,), over="channels"), input_shape=(6, 4, 3))
FLAT = Case(name="flat", operation=Flatten(order="channels_last"), input_shape=(3, 4, 5))


@dataclass(frozen=True)
class Given:
    """What a planted mistake starts from: the case, its tensors and the right results of scalar loops."""

    case: Case
    tensors: Tensors

    @property
    def right(self) -> dict[str, Any]:
        return scalar_results(self.case, self.tensors)

    def computed(self, tensor: str, *, operation: Any = None, shape: Any = None, **tensors: Any) -> Any:
        """The result of scalar loops with an altered operation, input shape or tensors."""
        case = replace(
            self.case, operation=operation or self.case.operation, input_shape=shape or self.case.input_shape
        )
        return scalar_results(case, replace(self.tensors, **tensors))[tensor]

    @property
    def bias(self) -> Any:
        return self.tensors.b.reshape(-1, 1, 1).astype(np.float64)


def changed(values, place, value=0):
    other = np.array(values)
    other[place] = value
    return other


def channels_last(values):
    return np.moveaxis(values, 1, -1).reshape(values.shape)


def shifted(values):
    other = np.roll(values, 1, axis=2)
    other[:, :, 0] = 0.5
    return other


def neighbour(values):
    other = values.copy()
    other.flat[17] = other.flat[16]
    return other


def tap_only(given, tap, tensor="dx"):
    """Gradient dx of one tap alone."""
    w = np.zeros_like(given.tensors.w)
    w[(..., *tap)] = given.tensors.w[(..., *tap)]
    return given.computed(tensor, w=w)


def overwritten(given):
    """Gradient dx where the taps overwrite each other in turn."""
    dx = np.zeros(given.tensors.x.shape)
    for tap in np.ndindex(3, 3):
        reached = scalar_results(
            given.case,
            replace(
                given.tensors,
                w=changed(np.zeros_like(given.tensors.w), (..., *tap), 1),
                dy=np.ones_like(given.tensors.dy),
            ),
        )["dx"]
        dx = np.where(reached != 0, tap_only(given, tap), dx)
    return dx


def tied(given, share):
    """Gradient dx of a maximum of 3 x 3 windows with stride 2 and padding 1; `share` splits dy over the equal ones."""
    x, dy = given.tensors.x.astype(np.float64), given.tensors.dy.astype(np.float64)
    padded, dx = (
        np.pad(each, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=f) for each, f in ((x, -np.inf), (0 * x, 0))
    )
    for n, c, i, j in np.ndindex(*dy.shape):
        window = padded[n, c, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        dx[n, c, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += dy[n, c, i, j] * share(window == window.max())
    return dx[:, :, 1:-1, 1:-1]


def last_of(equal):
    return changed(np.zeros(equal.shape), tuple(np.argwhere(equal)[-1]), 1)


def padding(before, after):
    return replace(CONV, padding=(before, after))


w_flip = lambda g: np.flip(g.tensors.w, (2, 3))  # noqa: E731
all_of = np.s_[:]

PLANTED = [
    ("kernel_flipped", "y", PLAIN, lambda g: g.computed("y", w=w_flip(g))),
    ("kernel_not_flipped", "dx", PLAIN, lambda g: g.computed("dx", w=w_flip(g))),
    ("kernel_flipped", "dw", PLAIN, lambda g: np.flip(g.right["dw"], (2, 3))),
    ("kernel_transposed", "dx", PLAIN, lambda g: g.computed("dx", w=g.tensors.w.swapaxes(2, 3))),
    ("kernel_axis_flipped", "y", PLAIN, lambda g: g.computed("y", w=g.tensors.w[..., ::-1])),
    ("filters_and_channels_exchanged", "y", SQUARE, lambda g: g.computed("y", w=g.tensors.w.swapaxes(0, 1))),
    ("last_tap_missing", "y", PLAIN, lambda g: g.computed("y", w=changed(g.tensors.w, np.s_[:, :, -1, -1]))),
    ("last_tap_missing", "dw", PLAIN, lambda g: changed(g.right["dw"], np.s_[:, :, -1, -1])),
    ("first_tap_missing", "dx", PLAIN, lambda g: g.computed("dx", w=changed(g.tensors.w, np.s_[:, :, 0, 0]))),
    ("last_kernel_row_missing", "y", PLAIN, lambda g: g.computed("y", w=changed(g.tensors.w, np.s_[:, :, -1]))),
    ("last_kernel_column_missing", "dx", PLAIN, lambda g: g.computed("dx", w=changed(g.tensors.w, np.s_[..., -1]))),
    ("last_channel_missing", "y", PLAIN, lambda g: g.computed("y", w=changed(g.tensors.w, np.s_[:, -1]))),
    ("last_channel_missing", "y", GROUPS, lambda g: g.computed("y", x=changed(g.tensors.x, np.s_[:, -1]))),
    ("last_filter_missing", "dx", PLAIN, lambda g: g.computed("dx", w=changed(g.tensors.w, -1))),
    ("block_tail_missing", "y", WIDE, lambda g: g.computed("y", x=changed(g.tensors.x, np.s_[:, 4:]))),
    ("block_tail_missing", "dx", PLAIN, lambda g: g.computed("dx", dy=changed(g.tensors.dy, np.s_[:, 4:]))),
    ("block_tail_missing", "dw", PLAIN, lambda g: changed(g.right["dw"], np.s_[4:])),
    ("channels_reversed", "y", PLAIN, lambda g: g.computed("y", x=g.tensors.x[:, ::-1])),
    ("groups_crossed", "y", GROUPS, lambda g: g.computed("y", x=np.roll(g.tensors.x, 2, axis=1))),
    ("groups_crossed", "dx", GROUPS, lambda g: np.roll(g.right["dx"], 2, axis=1)),
    ("channels_interleaved", "dw", GROUPS, lambda g: g.computed("dw", x=g.tensors.x[:, [0, 2, 1, 3]])),
    (
        "filters_interleaved",
        "dw",
        GROUPS,
        lambda g: g.computed("dw", dy=g.tensors.dy[:, [0, 2, 4, 1, 3, 5]])[[0, 3, 1, 4, 2, 5]],
    ),
    ("bias_missing", "y", PLAIN, lambda g: g.right["y"] - g.bias),
    ("bias_twice", "y", PLAIN, lambda g: g.right["y"] + g.bias),
    ("bias_subtracted", "y", PLAIN, lambda g: g.right["y"] - 2 * g.bias),
    ("bias_along_another_axis", "y", ALONG, lambda g: g.right["y"] - g.bias + g.tensors.b),
    ("bias_only", "y", PLAIN, lambda g: 0 * g.right["y"] + g.bias),
    ("padding_sides_swapped", "y", PLAIN, lambda g: g.computed("y", operation=padding((0, 2), (1, 0)))),
    ("padding_all_behind", "dx", PLAIN, lambda g: g.computed("dx", operation=padding((0, 2), (0, 1)))),
    ("padding_all_before", "dw", PLAIN, lambda g: g.computed("dw", operation=padding((2, 0), (1, 0)))),
    ("padding_off_by_one", "y", PLAIN, lambda g: g.computed("y", operation=padding((1, 1), (0, 1)))),
    (
        "stride_axes_swapped",
        "dw",
        UNEVEN,
        lambda g: g.computed(
            "dw", operation=replace(UNEVEN.operation, stride=(1, 2), padding=((2, 0), (0, 7))),
            dy=np.pad(g.tensors.dy, [(0, 0), (0, 0), (0, 4), (0, 0)])[:, :, :9, :6],
        ),
    ),
    ("dilation_ignored", "y", UNEVEN, lambda g: g.computed("y", operation=DENSE)[..., :5]),
    ("edge_padding_is_zeros", "y", EDGE, lambda g: g.computed("y", operation=CONV)),
    ("zero_padding_is_edge", "dw", PLAIN, lambda g: g.computed("dw", operation=EDGE.operation)),
    (
        "padding_reflects",
        "y",
        EDGE,
        lambda g: g.computed(
            "y",
            operation=replace(CONV, padding="valid"),
            shape=(4, 8, 6),
            x=np.pad(g.tensors.x, [(0, 0), (0, 0), (2, 0), (0, 1)], mode="reflect"),
        ),
    ),
    ("overlaps_overwritten", "dx", PLAIN, overwritten),
    ("first_instance_only", "dw", PLAIN, lambda g: g.computed("dw", x=g.tensors.x[:1], dy=g.tensors.dy[:1])),
    ("last_instance_only", "dw", PLAIN, lambda g: g.computed("dw", x=g.tensors.x[-1:], dy=g.tensors.dy[-1:])),
    ("last_instance_missing", "db", PLAIN, lambda g: g.computed("db", dy=changed(g.tensors.dy, -1))),
    ("first_instance_missing", "dw", PLAIN, lambda g: g.computed("dw", dy=changed(g.tensors.dy, 0))),
    ("last_row_missing", "dw", PLAIN, lambda g: g.computed("dw", dy=changed(g.tensors.dy, np.s_[:, :, -1]))),
    ("last_column_missing", "db", PLAIN, lambda g: g.computed("db", dy=changed(g.tensors.dy, np.s_[..., -1]))),
    ("last_place_missing", "dw", PLAIN, lambda g: g.computed("dw", dy=changed(g.tensors.dy, np.s_[-1, :, -1, -1]))),
    ("operand_channels_last", "db", PLAIN, lambda g: g.computed("db", dy=channels_last(g.tensors.dy))),
    ("operand_channels_last", "y", PLAIN, lambda g: g.computed("y", x=channels_last(g.tensors.x))),
    ("calls_added_up", "dw", PLAIN, lambda g: 3 * g.right["dw"]),
    ("factor", "dw", PLAIN, lambda g: g.right["dw"] / BATCH),
    ("factor", "dx", PLAIN, lambda g: -g.right["dx"]),
    ("input_scaled", "y", PLAIN, lambda g: g.computed("y", x=4 * g.tensors.x)),
    ("offset", "db", PLAIN, lambda g: g.right["db"] + 8),
    ("channels_last", "y", PLAIN, lambda g: channels_last(g.right["y"])),
    ("axes_exchanged", "dw", SQUARE, lambda g: g.right["dw"].transpose(2, 3, 1, 0).reshape(g.right["dw"].shape)),
    ("axis_reversed", "y", PLAIN, lambda g: g.right["y"][..., ::-1]),
    ("shifted", "y", PLAIN, lambda g: shifted(g.right["y"])),
    ("zeros", "dx", PLAIN, lambda g: 0 * g.right["dx"]),
    ("last_row_missing", "y", PLAIN, lambda g: changed(g.right["y"], np.s_[:, :, -1])),
    ("last_column_missing", "y", PLAIN, lambda g: np.where(np.arange(4) == 3, g.bias, g.right["y"])),
    ("last_instance_missing", "y", PLAIN, lambda g: changed(g.right["y"], -1)),
    ("tail_missing", "y", PLAIN, lambda g: changed(g.right["y"].ravel(), np.s_[-35:]).reshape(BATCH, 6, 6, 4)),
    ("neighbours_value", "y", PLAIN, lambda g: neighbour(g.right["y"])),
    ("not_finite", "y", PLAIN, lambda g: changed(g.right["y"], np.s_[:, 2, 3], np.nan)),
    ("last_row_wrong", "y", PLAIN, lambda g: changed(g.right["y"], np.s_[:, :, -1], 777)),
    ("tail_not_written", "y", PLAIN, lambda g: changed(g.right["y"].ravel(), np.s_[-5:], 777).reshape(BATCH, 6, 6, 4)),
    ("ties_to_the_last", "dx", MAX, lambda g: tied(g, last_of)),
    ("ties_to_all", "dx", MAX, lambda g: tied(g, lambda equal: equal * 1.0)),
    ("ties_split", "dx", MAX, lambda g: tied(g, lambda equal: equal / equal.sum())),
    ("divisor_counts_padding", "y", UNCOUNTED, lambda g: g.computed("y", operation=AVERAGE.operation)),
    ("divisor_leaves_out_padding", "dx", AVERAGE, lambda g: g.computed("dx", operation=UNCOUNTED.operation)),
    ("not_divided", "y", AVERAGE, lambda g: g.right["y"] * 9),
    ("maximum_for_average", "y", AVERAGE, lambda g: g.computed("y", operation=MAX.operation)),
    ("channels_with_a_step", "y", CHANNELS, lambda g: g.computed("y", x=g.tensors.x[:, [0, 3, 1, 4, 2, 5]])),
    ("flatten_order", "y", FLAT, lambda g: g.computed("y", operation=Flatten())),
]  # fmt: skip


@pytest.mark.parametrize("fill", ["integers", pytest.param("random", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("name", "tensor", "case", "plant"), PLANTED, ids=[f"{n} {t}" for n, t, _, _ in PLANTED])
def test_a_planted_mistake_is_told(name, tensor, case, plant, fill):
    given = Given(case, make_tensors(case, BATCH, seed=0, fill=fill))
    if name.startswith("ties") and fill == "random":
        given = Given(case, replace(given.tensors, x=np.round(given.tensors.x)))  # windows without a tie tell nothing
    told = explanations(given, tensor, plant(given))
    assert name in [each.name for each in told], told


@pytest.mark.parametrize("fill", ["integers", "random"])
@pytest.mark.parametrize(
    "case",
    [PLAIN, UNEVEN, GROUPS, EDGE, MAX, UNCOUNTED, CHANNELS, FLAT],
    ids=lambda case: f"{case.name} {case.operation}"[:60],
)
def test_of_a_right_result_nothing_is_told(case, fill):
    given = Given(case, make_tensors(case, BATCH, seed=1, fill=fill))
    for tensor in ("y", *case.gradient_names):
        assert explanations(given, tensor, given.right[tensor]) == ()


def test_where_no_mistake_fits_it_is_told_where_the_result_is_wrong():
    given = Given(PLAIN, make_tensors(PLAIN, BATCH, seed=0))
    y = given.right["y"]
    y[1, 2, 1:3, 0] += [5, 7]
    y[2, 4, 4, 2] -= 6
    (told,) = explanations(given, "y", y)
    assert told.name == UNEXPLAINED
    assert "3 of 432 elements of y are off; instances 1 to 2 of 3; filters 2, 4 of 6" in told.sentence
    assert "by 7 at most" in told.sentence


def test_a_result_of_earlier_data_is_told():
    first, second = (make_tensors(PLAIN, BATCH, seed=seed) for seed in (0, 1))
    stale, given = scalar_results(PLAIN, first), Given(PLAIN, second)
    planted = {
        "previous_data": ("dw", stale["dw"]),
        "added_to_previous": ("dw", stale["dw"] + given.right["dw"]),
        "previous_weights": ("dx", given.computed("dx", w=first.w)),
        "previous_input": ("dw", given.computed("dw", x=first.x)),
    }
    for name, (tensor, wrong) in planted.items():
        (told,) = explanations(given, tensor, wrong, previous=lambda: first)
        assert told.name == name


def test_a_few_wrong_elements_are_told_to_agree_by_chance_perhaps():
    given = Given(PLAIN, make_tensors(PLAIN, BATCH, seed=0))
    y = neighbour(given.right["y"])
    assert all("by chance" in each.sentence for each in explanations(given, "y", y))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_result_in_a_lower_precision_is_told(dtype):
    case = PLAIN.with_dtype("float64")
    given = Given(case, make_tensors(case, BATCH, seed=0))
    told = explanations(given, "y", round_to(given.right["y"], dtype).astype(np.float64))
    assert told[0].name == "result_in_lower_precision"
    assert dtype in told[0].sentence


def explanations(given, tensor, wrong, **options):
    """What is told of a result, which is rounded to the dtype of the case first."""
    case, right = given.case, oracle(given.case, given.tensors)
    exact = all(np.all(np.round(t) == t) for t in (given.tensors.x, given.tensors.dy, given.tensors.w) if t is not None)
    return explain(
        case,
        given.tensors,
        tensor,
        actual=round_to(np.asarray(wrong), case.dtype),
        right=right.values(tensor),
        bound=allowed(right, tensor, exact=exact),
        **options,
    )
