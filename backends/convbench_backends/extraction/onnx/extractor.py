"""Reads ONNX files: the shapes of all tensors are inferred from that of the input, and nothing is run.

Data of an external file are not read, for only shapes matter. The package onnx is imported when the first file comes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convbench_backends.extraction.failure import no_shape, not_installed, one_line, shape_text
from convbench_backends.extraction.recorder import Recorder
from convbench_specs import Extraction, ExtractionError, Extractor

LARGEST_BYTES = 2**31
"""Of a file: protobuf reads no larger message."""
LARGEST_CONSTANT = 4096
"""Elements of the constants that are kept: shapes and pads, whose values matter. Of weights only the shape does."""
BATCH_SIZES = (2, 1)
"""Of the inferences, one after the other until one succeeds; a model may be exported for one instance only."""


class OnnxExtractor(Extractor):
    """Files of ONNX."""

    name = "onnx"
    suffixes = (".onnx",)

    def open(self, source: str) -> object:
        """The ModelProto of a file, without its external data."""
        path = Path(source)
        size = path.stat().st_size
        if size >= LARGEST_BYTES:
            said = f"{source} has {size / 2**30:.1f} GiB, and no ONNX file has 2 or more"
            raise ExtractionError(f"{said}: export the weights as external data, which are not read")
        try:
            import onnx  # noqa: PLC0415  # only where it is asked for
        except ImportError as error:
            raise not_installed(source, 'onnx (pip install "convbench[onnx]")', error) from error
        try:
            model = onnx.load_model(path, load_external_data=False)
        except Exception as error:
            raise ExtractionError(f"{source} is no ONNX file: {one_line(error)}") from error
        if not model.graph.node:
            raise ExtractionError(f"{source} is no ONNX file, or its graph is empty")
        return model

    def takes(self, model: object) -> bool:
        """Whether it is an onnx.ModelProto."""
        return type(model).__name__ == "ModelProto" and type(model).__module__.startswith("onnx")

    def extract(self, model: object, shapes: tuple[tuple[int, ...], ...]) -> Extraction:
        """Infer all shapes and record the nodes."""
        import onnx  # noqa: PLC0415  # as above

        from convbench_backends.extraction.onnx.graph import GraphTrace  # noqa: PLC0415  # it needs onnx

        failure: Exception | None = None
        for batch_size in BATCH_SIZES:
            sized, known = _with_shapes(model, shapes, batch_size)
            try:
                inferred = onnx.shape_inference.infer_shapes(sized, strict_mode=True, data_prop=True)
            except Exception as error:  # noqa: BLE001  # it raises several kinds of its own
                failure = error
                continue
            trace = GraphTrace(inferred, Recorder(known))
            trace.record()
            return trace.recorder.extraction(f"onnx {onnx.__version__}")
        assert failure is not None
        given = f" on an input of {shape_text(shapes)}" if shapes else ""
        raise ExtractionError(f"the shapes of the model cannot be inferred{given}: {one_line(failure)}") from failure


def _with_shapes(model: Any, shapes: tuple[tuple[int, ...], ...], batch_size: int) -> tuple[Any, int]:
    """A copy for shape inference, whose inputs have numbers as their shapes; and its batch size.

    The weights go, for only their shapes matter: inference would copy them. ExtractionError where a shape is unknown.
    """
    from onnx import ModelProto, helper, inliner  # noqa: PLC0415  # as above

    copy = ModelProto()
    copy.CopyFrom(model)
    if copy.functions:
        copy = inliner.inline_local_functions(copy)
    graph = copy.graph
    constants = {each.name for each in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    if shapes and len(shapes) != len(inputs):
        names = ", ".join(each.name for each in inputs)
        raise ExtractionError(f"the model has {len(inputs)} inputs ({names}), and --input names {len(shapes)}")
    batch = batch_size
    for number, each in enumerate(inputs):
        sizes = [size.dim_value for size in each.type.tensor_type.shape.dim]
        rest = list(shapes[number]) if shapes else sizes[1:]
        if not rest or min(rest) < 1:
            raise no_shape(f"input {each.name} of the model")
        if sizes and len(sizes) != len(rest) + 1:
            raise ExtractionError(
                f"input {each.name} has {len(sizes) - 1} axes without the batch, --input names {len(rest)}"
            )
        for axis, (stated, asked) in enumerate(zip(sizes[1:], rest, strict=False), start=1):
            if stated not in (0, asked):
                raise ExtractionError(
                    f"axis {axis} of input {each.name} is {stated} in the model, --input says {asked}"
                )
        if number == 0:
            batch = sizes[0] if sizes and sizes[0] > 0 else batch_size
        dtype = each.type.tensor_type.elem_type
        each.CopyFrom(helper.make_tensor_value_info(each.name, dtype, [batch, *rest]))
    _drop_weights(graph)
    for each in graph.output:
        each.type.tensor_type.ClearField("shape")
    del graph.value_info[:]
    return copy, batch


def _drop_weights(graph: Any) -> None:
    from onnx import helper  # noqa: PLC0415  # as above

    named = {each.name for each in graph.input}
    kept = []
    for each in graph.initializer:
        elements = 1
        for size in each.dims:
            elements *= size
        if elements <= LARGEST_CONSTANT and each.data_location == 0:
            kept.append(each)
        elif each.name not in named:
            graph.input.append(helper.make_tensor_value_info(each.name, each.data_type, list(each.dims)))
    del graph.initializer[:]
    graph.initializer.extend(kept)
