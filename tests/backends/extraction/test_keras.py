"""Layers of Keras models are read with the padding and layout that Keras gives them; keras takes long to import."""

from __future__ import annotations

import pytest

from convbench_backends.extraction.keras import KerasExtractor
from convbench_specs import Conv, ExtractionError, Flatten, Pool

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # those of TensorFlow's import


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def extract(model, shape=(4, 9, 8)):
    return KerasExtractor().extract(model, (shape,))


def conv(out_channels=6, kernel_size=(3, 3), **others):
    return Conv(in_channels=4, out_channels=out_channels, kernel_size=kernel_size, **others)


def test_each_layer_is_its_case(keras):
    layers = keras.layers
    expected = [
        (layers.Conv2D(6, 3), conv()),
        (layers.Conv2D(6, (3, 2), strides=2, padding="same", use_bias=False),
         conv(kernel_size=(3, 2), stride=(2, 2), padding="same", bias=False)),
        (layers.Conv2D(8, 3, dilation_rate=2, groups=4), conv(8, dilation=(2, 2), groups=4)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), conv(8, groups=4)),
        (layers.MaxPooling2D(3, 2, padding="same"),
         Pool(kind="max", kernel_size=(3, 3), stride=(2, 2), padding="same")),
        (layers.AveragePooling2D(3, 1, padding="same"),
         Pool(kind="average", kernel_size=(3, 3), stride=(1, 1), padding="same", count_include_pad=False)),
        (layers.AveragePooling2D(2), Pool(kind="average", kernel_size=(2, 2))),
        (layers.GlobalMaxPooling2D(), Pool(kind="max", kernel_size="global")),
        (layers.GlobalAveragePooling2D(keepdims=True), Pool(kind="average", kernel_size="global")),
        (layers.Flatten(), Flatten(order="channels_last")),
        (layers.Reshape((-1,)), Flatten(order="channels_last")),
    ]  # fmt: skip
    for layer, operation in expected:
        found = extract(keras.Sequential([keras.Input((9, 8, 4)), layer]))
        assert not found.left_out, found.left_out
        (read,) = found.layers
        assert read.case.operation == operation
        assert read.case.input_shape == (4, 9, 8)
        assert read.case.name == layer.name


def test_one_axis_and_causal_padding(keras):
    model = keras.Sequential([
        keras.Input((9, 4)), keras.layers.Conv1D(6, 3, dilation_rate=2, padding="causal"), keras.layers.MaxPooling1D(2)
    ])  # fmt: skip
    first, second = extract(model, (4, 9)).layers
    assert first.case.operation == conv(kernel_size=(3,), dilation=(2,), padding=((4, 0),))
    assert second.case.input_shape == (6, 9)


def test_a_layer_that_only_pads_is_the_padding_of_the_convolution_behind_it(keras):
    layers = keras.layers
    model = keras.Sequential([keras.Input((9, 8, 4)), layers.ZeroPadding2D(((0, 1), (2, 0))), layers.Conv2D(6, 3)])
    (read,) = extract(model).layers
    assert read.case.operation == conv(padding=((0, 1), (2, 0)))
    assert read.case.input_shape == (4, 9, 8)


def test_a_separable_convolution_is_two(keras):
    model = keras.Sequential([keras.Input((9, 8, 4)), keras.layers.SeparableConv2D(6, 3, depth_multiplier=2)])
    first, second = extract(model).layers
    assert first.case.operation == conv(8, groups=4, bias=False)
    assert second.case.operation == Conv(in_channels=8, out_channels=6, kernel_size=(1, 1))
    parameters = first.case.operation.parameter_count + second.case.operation.parameter_count
    assert parameters == model.count_params()


def test_what_no_case_can_express_or_no_layer_of_keras_does_is_left_out(keras):
    class Own(keras.layers.Layer):
        def call(self, x):
            return keras.ops.max_pool(x, 2)

    layers = keras.layers
    model = keras.Sequential([keras.Input((9, 8, 4)), layers.Conv2DTranspose(6, 2), Own(name="own")])
    found = extract(model)
    assert not found.layers
    transposed, own = found.left_out
    assert (transposed.what, transposed.flops) == ("transposed convolution, 6 filters of 2 x 2", 2 * 72 * 4 * 6 * 4)
    assert (own.name, own.what, own.reason) == ("own", "max_pool", "a layer of its own computes it, not one of Keras")


def test_keras_stays_as_it_was(keras):
    before = keras.layers.Layer.__call__, keras.ops.conv
    extract(keras.Sequential([keras.Input((9, 8, 4)), keras.layers.Conv2D(6, 3)]))
    assert (keras.layers.Layer.__call__, keras.ops.conv) == before


def test_a_file_is_read_and_knows_its_input(keras, tmp_path):
    model = keras.Sequential([keras.Input((9, 8, 4)), keras.layers.Conv2D(6, 3), keras.layers.Flatten(),
                              keras.layers.Dense(5)])  # fmt: skip
    model.save(tmp_path / "net.keras")
    (tmp_path / "bad.keras").write_text("garbage")
    extractor = KerasExtractor()
    found = extractor.extract(extractor.open(str(tmp_path / "net.keras")), ())
    assert found.layers[0].case.input_shape == (4, 9, 8)
    assert (found.dense, found.dense_flops) == ((5,), 2 * 5 * 6 * 7 * 6)
    with pytest.raises(ExtractionError, match=r"bad\.keras cannot be read as a model of Keras"):
        extractor.open(str(tmp_path / "bad.keras"))


def test_an_input_that_does_not_fit_is_refused(keras):
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(6, 3)])
    with pytest.raises(ExtractionError, match=r"the model wants an input of 0,0,3 \(0 is any\), --input says 4,9,8"):
        extract(model)
    free = keras.Sequential([keras.layers.Conv2D(6, 30)])
    with pytest.raises(ExtractionError, match="Sequential does not run on an input of 4,9,8"):
        extract(free)


def test_mobilenet_has_the_parameters_and_layers_that_keras_counts(keras):
    model = KerasExtractor().open("keras:MobileNet")
    found = KerasExtractor().extract(model, ((3, 224, 224),))
    convolutions = [layer for layer in found.layers if layer.case.operation_name == "conv"]
    known = [each for each in model.layers if "Conv" in type(each).__name__]
    assert len(convolutions) == len(known)
    assert [layer.case.operation.parameter_count for layer in convolutions] == [each.count_params() for each in known]
    assert [layer.case.output_shape for layer in convolutions] == [
        (each.output.shape[3], *each.output.shape[1:3]) for each in known
    ]
    with pytest.raises(ExtractionError, match=r"keras\.applications has no 'MobileNet9'"):
        KerasExtractor().open("keras:MobileNet9")
