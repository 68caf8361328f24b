"""Layers of JAX functions are what their jaxprs compute, in whichever layout they are written."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")
from jax import lax  # noqa: E402  # behind the skip
from jax import numpy as jnp  # noqa: E402  # as above

from convbench_backends.extraction.jax import JaxExtractor  # noqa: E402  # as above
from convbench_specs import Conv, ExtractionError, Flatten, Pool  # noqa: E402  # as above

pytestmark = pytest.mark.slow  # for the import of jax, which no other test of the ordinary run needs

LAST = ("NHWC", "HWIO", "NHWC")
FIRST = ("NCHW", "OIHW", "NCHW")


def extract(function, shape=(4, 9, 8)):
    return JaxExtractor().extract(function, (shape,))


def only(function, shape=(4, 9, 8)):
    found = extract(function, shape)
    assert not found.left_out, found.left_out
    (layer,) = found.layers
    return layer.case


def convolve(x, filters=6, kernel=(3, 3), strides=(1, 1), padding="VALID", numbers=LAST, groups=1, **others):
    inner = 4 // groups
    shape = (*kernel, inner, filters) if numbers is LAST else (filters, inner, *kernel)
    weights = jnp.zeros(shape)
    return lax.conv_general_dilated(
        x, weights, strides, padding, dimension_numbers=numbers, feature_group_count=groups, **others
    )


def conv(out_channels=6, kernel_size=(3, 3), *, bias=False, **others):
    return Conv(in_channels=4, out_channels=out_channels, kernel_size=kernel_size, bias=bias, **others)


def window(x, operation, size, strides, padding):
    start = -jnp.inf if operation is lax.max else 0.0
    return lax.reduce_window(x, start, operation, (1, *size, 1), (1, *strides, 1), padding)


def counted_average(x):
    ones = jnp.ones((1, *x.shape[1:3], 1))
    total, taps = (window(each, lax.add, (3, 3), (1, 1), "SAME") for each in (x, ones))
    return total / taps


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda x: convolve(x) + jnp.zeros(6), conv(bias=True)),
        (lambda x: convolve(x, numbers=FIRST) + jnp.zeros((6, 1, 1)), conv(bias=True)),
        (lambda x: jax.jit(convolve)(x) * 2, conv()),
        (lambda x: convolve(x, strides=(2, 2), padding="SAME"), conv(stride=(2, 2), padding=((1, 1), (0, 1)))),
        (lambda x: convolve(x, 8, groups=4, rhs_dilation=(2, 2)), conv(8, groups=4, dilation=(2, 2))),
        (lambda x: convolve(jnp.pad(x, ((0, 0), (0, 1), (2, 0), (0, 0)))), conv(padding=((0, 1), (2, 0)))),
        (lambda x: window(x, lax.max, (3, 2), (2, 1), "VALID"),
         Pool(kind="max", kernel_size=(3, 2), stride=(2, 1))),
        (lambda x: window(x, lax.add, (3, 3), (1, 1), "SAME") / 9,
         Pool(kind="average", kernel_size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)))),
        (counted_average, Pool(kind="average", kernel_size=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)),
                               count_include_pad=False)),
        (lambda x: x.mean((1, 2)), Pool(kind="average", kernel_size="global")),
        (lambda x: x.max((1, 2)), Pool(kind="max", kernel_size="global")),
        (lambda x: x.reshape(x.shape[0], -1), Flatten(order="channels_last")),
    ],
)  # fmt: skip
def test_each_equation_is_its_case(function, operation):
    is_first = "FIRST" in function.__code__.co_names
    case = only(function, (4, 9, 8) if is_first else (9, 8, 4))
    assert case.operation == operation
    assert case.input_shape == (4, 9, 8)


def test_a_shape_with_the_channels_first_is_tried_with_them_last():
    assert only(convolve).input_shape == (4, 9, 8)


def test_a_pool_is_read_in_the_layout_of_the_convolution_before_it():
    def function(x):
        y = convolve(x, numbers=FIRST)
        return y.reshape(y.shape[0], -1)

    conv_layer, flat = extract(function).layers
    assert flat.case.operation == Flatten()
    assert flat.case.input_shape == conv_layer.case.output_shape


def test_a_layer_in_a_scan_counts_once_a_step():
    def function(x):
        step = lambda carry, _: (convolve(carry, 4, padding="SAME"), None)  # noqa: E731
        return lax.scan(step, x, None, length=3)[0]

    (layer,) = extract(function).layers
    assert layer.count == 3


@pytest.mark.parametrize(
    ("function", "what", "reason"),
    [
        (lambda x: convolve(x, padding=((0, 0), (0, 0)), lhs_dilation=(2, 2)), "convolution, 6 filters of 3 x 3",
         "transposed"),
        (lambda x: window(x, lax.add, (3, 3), (1, 1), "SAME"), "pool, a sum", "not divided"),
        (lambda x: lax.while_loop(lambda y: y.sum() < 0, lambda y: convolve(y, 4, padding="SAME"), x), "conv",
         "inside a loop"),
        (lambda x: lax.reduce_window(x, 1.0, lax.mul, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"), "pool", "does not know"),
        (lambda x: x @ jnp.zeros((4, 5)), "1 product of matrices", "convolutions, pools and flattens"),
    ],
)  # fmt: skip
def test_what_no_case_can_express_is_left_out(function, what, reason):
    found = extract(function, (9, 8, 4))
    assert not found.layers
    (left_out,) = found.left_out
    assert left_out.what == what
    assert reason in left_out.reason


def test_fully_connected_layers_are_dense():
    found = extract(lambda x: x.reshape(x.shape[0], -1) @ jnp.zeros((288, 10)), (9, 8, 4))
    assert (found.dense, found.dense_flops) == ((10,), 2 * 288 * 10)


def test_scopes_are_the_names():
    def function(x):
        with jax.named_scope("stem"):
            return convolve(x)

    assert extract(function, (9, 8, 4)).layers[0].case.name == "stem"


def test_weights_may_be_arrays_of_numpy():
    weights = np.zeros((3, 3, 4, 6), np.float32)
    case = only(lambda x: lax.conv_general_dilated(x, weights, (1, 1), "VALID", dimension_numbers=LAST), (9, 8, 4))
    assert case.operation == conv()


def test_an_input_that_does_not_fit_is_said_in_one_line():
    with pytest.raises(ExtractionError) as raised:
        extract(convolve, (3, 9, 8))
    assert str(raised.value).startswith("convolve cannot be traced on an input of 3,9,8, nor with the channels last")
    assert "\n" not in str(raised.value)
