"""Reads Keras models; keras is imported when the first one is there."""

from __future__ import annotations

import sys
from typing import Any

from convbench_backends.extraction.failure import no_shape, not_installed, one_line, shape_text
from convbench_backends.extraction.recorder import Recorder
from convbench_specs import Extraction, ExtractionError, Extractor

Shapes = tuple[tuple[int, ...], ...]


class KerasExtractor(Extractor):
    """Models and layers of Keras 3, on whatever backend it runs."""

    name = "keras"
    prefixes = ("keras",)
    suffixes = (".keras", ".h5")
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # noqa: RUF012  # nobody changes it

    def open(self, source: str) -> object:
        """A model of keras.applications, with random weights, or one from a file."""
        try:
            import keras  # noqa: PLC0415  # it takes seconds
        except Exception as error:  # its own backend may be missing
            raise not_installed(source, "keras", error) from error
        prefix, colon, name = source.partition(":")
        if colon and prefix in self.prefixes:
            build = getattr(keras.applications, name, None)
            if not callable(build):
                raise ExtractionError(f"keras.applications has no {name!r}")
            return build(weights=None)
        try:
            return keras.models.load_model(source, compile=False)
        except Exception as error:
            raise ExtractionError(f"{source} cannot be read as a model of Keras: {one_line(error)}") from error

    def takes(self, model: object) -> bool:
        """Whether it is a layer or a model."""
        keras = sys.modules.get("keras")
        return keras is not None and hasattr(keras, "layers") and isinstance(model, keras.layers.Layer)

    def extract(self, model: object, shapes: Shapes) -> Extraction:
        """Call the model once on one instance and record the calls of its layers."""
        import keras  # noqa: PLC0415  # as above

        failure: Exception | None = None
        for layout in _layouts(model, shapes):
            try:
                recorder = _trace(model, layout)
            except Exception as error:  # noqa: BLE001  # a model may raise anything
                failure = failure or error
                continue
            return recorder.extraction(f"Keras {keras.__version__} on {keras.backend.backend()}")
        assert failure is not None
        said = f"{type(model).__name__} does not run on an input of {shape_text(shapes or _own_shapes(model))}"
        raise ExtractionError(f"{said}: {one_line(failure)}") from failure


def _trace(model: Any, shapes: Shapes) -> Recorder:
    import numpy as np  # noqa: PLC0415  # beside keras only

    from convbench_backends.extraction.keras.trace import LayerCalls  # noqa: PLC0415  # it needs keras

    recorder = Recorder(batch_size=1)
    inputs = [np.zeros((1, *shape), np.float32) for shape in shapes]
    with LayerCalls(recorder):
        model(inputs[0] if len(inputs) == 1 else inputs, training=False)
    return recorder


def _own_shapes(model: Any) -> Shapes:
    """The shapes of one instance of the inputs, as the model states them; empty where it does not, 0 where any fits."""
    try:
        stated = model.input_shape
    except (AttributeError, ValueError):
        return ()
    several = stated if isinstance(stated, list) else [stated]
    if not all(isinstance(each, tuple) for each in several):
        return ()
    return tuple(tuple(size or 0 for size in each[1:]) for each in several)


def _layouts(model: Any, shapes: Shapes) -> list[Shapes]:
    """The shapes as the model may want them, the likeliest first: channels may be its first or its last axis."""
    import keras  # noqa: PLC0415  # as above

    own = _own_shapes(model)
    if not shapes:
        if not own or not all(all(shape) for shape in own):
            raise no_shape("this Keras model")
        return [own]
    last = tuple((*shape[1:], shape[0]) for shape in shapes)
    fitting = [each for each in (shapes, last) if len(each) == len(own) and all(map(_fits, own, each))]
    if own and not fitting:
        raise ExtractionError(
            f"the model wants an input of {shape_text(own)} (0 is any), --input says {shape_text(shapes)}"
        )
    if len(fitting) == 1:
        return fitting
    return [last, shapes] if keras.config.image_data_format() == "channels_last" else [shapes, last]


def _fits(stated: tuple[int, ...], given: tuple[int, ...]) -> bool:
    return len(stated) == len(given) and all(a in (0, b) for a, b in zip(stated, given, strict=True))
