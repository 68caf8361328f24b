"""The nodes of an ONNX graph whose shapes are inferred, as layers; see ONNX's Operators.md for their attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from onnx import TensorProto, helper, numpy_helper

from convbench_backends.extraction.recorder import RANKS, Recorder, convolution_words, pool_words
from convbench_specs import Conv, ExtractionError, Flatten, Pool, same_padding
from convbench_specs.padding import Padding

Pads = tuple[tuple[int, int], ...]
DEFAULT_DOMAINS = ("", "ai.onnx")
SUBGRAPHS = ("If", "Loop", "Scan")


class GraphTrace:
    """Records the nodes of a graph in their order, which is that of the computation."""

    def __init__(self, model: Any, recorder: Recorder) -> None:
        self.recorder = recorder
        self._graph = model.graph
        self._constants = {each.name: each for each in self._graph.initializer}
        self._makers: dict[str, Any] = {}
        self._types: dict[str, Any] = {
            each.name: each.type.tensor_type
            for each in (*self._graph.input, *self._graph.value_info, *self._graph.output)
        }

    def record(self) -> None:
        """Record every node."""
        for node in self._graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                self._constants[node.output[0]] = node.attribute[0].t
            self._makers.update(dict.fromkeys(node.output, node))
            record = RECORDED.get(node.op_type) if node.domain in DEFAULT_DOMAINS else None
            if record is not None:
                record(self, node)
            elif "Conv" in node.op_type or "Pool" in node.op_type:
                self._leave_out(node, f"operation {node.op_type}", "convbench does not know it")
            elif node.op_type in SUBGRAPHS:
                self._leave_nested(node)

    def convolution(self, node: Any) -> None:
        """Conv."""
        x, w = self._shape(node.input[0]), self._shape(node.input[1])
        if x is None or w is None:
            self._leave_out(node, "convolution", "its shape is not known before it runs")
            return
        rank, y = len(w) - 2, self._shape(node.output[0])
        flops = 2 * x[0] * prod(w) * prod(y[2:]) if y is not None else 0
        if rank not in RANKS:
            what = convolution_words(w[0], w[2:], f"{rank}-D convolution")
            self._leave_out(node, what, "convbench has 1-D and 2-D ones", flops=flops)
            return
        given = _attributes(node)
        if x[1] != w[1] * given.get("group", 1):
            wants = w[1] * given.get("group", 1)
            raise ExtractionError(f"{_name(node)} wants {wants} channels, and its input has {x[1]}")
        stride, dilation = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
        padding = _padding(given, x[2:], w[2:], stride, dilation)
        source, padding, mode = self._with_pad(node.input[0], x, padding)
        operation = Conv(
            in_channels=source[1],
            out_channels=w[0],
            kernel_size=tuple(w[2:]),
            stride=tuple(stride),
            padding=padding,
            dilation=tuple(dilation),
            groups=given.get("group", 1),
            bias=len(node.input) > 2 and node.input[2] != "",
            padding_mode="edge" if mode == "edge" else "zeros",
        )
        self.recorder.layer(_name(node), operation, source, self._dtype(node.input[0]), flops=flops)

    def transposed(self, node: Any) -> None:
        """ConvTranspose."""
        x, w = self._shape(node.input[0]), self._shape(node.input[1])
        if x is None or w is None:
            self._leave_out(node, "transposed convolution", "convbench has no transposed ones")
            return
        what = convolution_words(w[1] * _attributes(node).get("group", 1), w[2:], "transposed convolution")
        self._leave_out(node, what, "convbench has no transposed ones", flops=2 * x[0] * prod(x[2:]) * prod(w))

    def pool(self, node: Any) -> None:
        """MaxPool and AveragePool."""
        kind = "max" if node.op_type == "MaxPool" else "average"
        given, x = _attributes(node), self._shape(node.input[0])
        kernel = given["kernel_shape"]
        if x is None:
            self._leave_out(node, pool_words(kind, kernel), "its shape is not known before it runs")
            return
        rank, y = len(kernel), self._shape(node.output[0])
        flops = prod(y) * prod(kernel) if y is not None else 0
        if rank not in RANKS:
            self._leave_out(node, f"{rank}-D pool", "convbench has 1-D and 2-D ones", flops=flops)
            return
        stride, dilation = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
        padding = _padding(given, x[2:], kernel, stride, dilation)
        operation = Pool(
            kind="max" if kind == "max" else "average",
            kernel_size=tuple(kernel),
            stride=tuple(stride),
            padding=padding,
            dilation=tuple(dilation),
            ceil_mode=bool(given.get("ceil_mode", 0)),
            count_include_pad=kind == "max" or bool(given.get("count_include_pad", 0)) or not _pads_anything(padding),
        )
        self.recorder.layer(_name(node), operation, x, self._dtype(node.input[0]), flops=flops)

    def global_pool(self, node: Any) -> None:
        """GlobalAveragePool and GlobalMaxPool."""
        self._global(node, "max" if node.op_type == "GlobalMaxPool" else "average")

    def reduction(self, node: Any) -> None:
        """ReduceMean and ReduceMax over just the spatial axes are global pools."""
        x = self._shape(node.input[0])
        axes = _attributes(node).get("axes")
        if axes is None and len(node.input) > 1:
            axes = self._values(node.input[1])
        if x is None or axes is None or len(x) != 4 or sorted(axis % 4 for axis in axes) != [2, 3]:
            return
        self._global(node, "max" if node.op_type == "ReduceMax" else "average")

    def _global(self, node: Any, kind: str) -> None:
        x = self._shape(node.input[0])
        if x is None:
            self._leave_out(node, pool_words(kind, "global"), "its shape is not known before it runs")
        elif len(x) - 2 not in RANKS:
            self._leave_out(node, f"{len(x) - 2}-D pool", "convbench has 1-D and 2-D ones", flops=prod(x))
        else:
            operation = Pool(kind="max" if kind == "max" else "average", kernel_size="global")
            self.recorder.layer(_name(node), operation, x, self._dtype(node.input[0]), flops=prod(x))

    def flatten(self, node: Any) -> None:
        """Flatten, and a Reshape that makes one row of each instance."""
        x, y = self._shape(node.input[0]), self._shape(node.output[0])
        if x is None or y is None:
            if node.op_type == "Flatten":
                self._leave_out(node, "flatten", "its shape is not known before it runs")
            return
        if len(x) < 3 or len(y) != 2 or y[0] != x[0]:
            return
        if len(x) - 2 not in RANKS:
            self._leave_out(node, f"flatten of {len(x) - 2} axes", "convbench has 1-D and 2-D ones")
            return
        before = self._makers.get(node.input[0])
        moved = _attributes(before).get("perm") if before is not None and before.op_type == "Transpose" else None
        source = self._shape(before.input[0]) if before is not None and moved in ([0, 2, 1], [0, 2, 3, 1]) else None
        if source is not None:
            self.recorder.layer(_name(node), Flatten(order="channels_last"), source, self._dtype(node.input[0]))
        else:
            self.recorder.layer(_name(node), Flatten(), x, self._dtype(node.input[0]))

    def product(self, node: Any) -> None:
        """Gemm and MatMul."""
        a, b, y = (self._shape(name) for name in (node.input[0], node.input[1], node.output[0]))
        if a is None or b is None or y is None:
            self._leave_out(node, "product of matrices", "its shape is not known before it runs", in_scope=False)
            return
        given = _attributes(node) if node.op_type == "Gemm" else {}
        inner = a[-2] if given.get("transA") else a[-1]
        is_layer = len(a) == len(b) == 2 and y[0] == self.recorder.batch_size
        self.recorder.product(inner, y[-1], 2 * prod(y) * inner, is_layer=is_layer)

    def _with_pad(self, name: str, x: Sequence[int], padding: Padding) -> tuple[Sequence[int], Padding, str]:
        """The input before a Pad that only this convolution's geometry needs, and the padding of both."""
        node = self._makers.get(name)
        if node is None or node.op_type != "Pad":
            return x, padding, "zeros"
        given = _attributes(node)
        pads = given.get("pads") or (self._values(node.input[1]) if len(node.input) > 1 else None)
        source, mode = self._shape(node.input[0]), given.get("mode", "constant")
        fill = self._values(node.input[2]) if len(node.input) > 2 and node.input[2] else [given.get("value", 0.0)]
        if source is None or pads is None or padding == "same" or len(node.input) > 3 or len(pads) != 2 * len(source):
            return x, padding, "zeros"
        half = len(pads) // 2
        pairs = list(zip(pads[:half], pads[half:], strict=True))
        if any(map(any, pairs[:2])) or min(pads) < 0:
            return x, padding, "zeros"
        own = tuple(pairs[2:])
        if mode == "constant" and fill is not None and not any(fill):
            return source, _sum(own, padding), "zeros"
        if mode == "edge" and not _pads_anything(padding):
            return source, own, "edge"
        return x, padding, "zeros"

    def _shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a tensor; None where it, or a size of it, is not known."""
        if name in self._constants:
            return tuple(self._constants[name].dims)
        known = self._types.get(name)
        if known is None or not known.HasField("shape"):
            return None
        sizes = tuple(size.dim_value for size in known.shape.dim)
        return sizes if all(sizes) else None

    def _values(self, name: str) -> list[Any] | None:
        constant = self._constants.get(name)
        return None if constant is None else list(numpy_helper.to_array(constant).ravel().tolist())

    def _dtype(self, name: str) -> str:
        known = self._types.get(name)
        number = self._constants[name].data_type if known is None else known.elem_type
        return DTYPES.get(number) or str(TensorProto.DataType.Name(number)).lower()

    def _leave_out(self, node: Any, what: str, reason: str, *, flops: int = 0, in_scope: bool = True) -> None:
        self.recorder.leave_out(_name(node), what, reason, flops=flops, in_scope=in_scope)

    def _leave_nested(self, node: Any) -> None:
        """Layers inside a condition or a loop: how often they run is not known."""
        for attribute in node.attribute:
            for nested in attribute.g.node:
                if nested.op_type in RECORDED and nested.op_type not in {"Reshape", "ReduceMean", "ReduceMax"}:
                    self._leave_out(nested, f"{nested.op_type} inside {node.op_type}", "how often it runs is not known")


RECORDED: Mapping[str, Callable[[GraphTrace, Any], None]] = {
    "Conv": GraphTrace.convolution,
    "ConvTranspose": GraphTrace.transposed,
    "MaxPool": GraphTrace.pool,
    "AveragePool": GraphTrace.pool,
    "GlobalAveragePool": GraphTrace.global_pool,
    "GlobalMaxPool": GraphTrace.global_pool,
    "ReduceMean": GraphTrace.reduction,
    "ReduceMax": GraphTrace.reduction,
    "Flatten": GraphTrace.flatten,
    "Reshape": GraphTrace.flatten,
    "Gemm": GraphTrace.product,
    "MatMul": GraphTrace.product,
}
"""What is done with a node, by its operation."""
DTYPES: Mapping[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
}


def _attributes(node: Any) -> dict[str, Any]:
    found = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def _padding(
    given: Mapping[str, Any],
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Padding:
    """What auto_pad and pads ask for; SAME_LOWER has the odd one before."""
    auto = given.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return "valid"
    if auto == "SAME_UPPER":
        return "same"
    if auto == "SAME_LOWER":
        pairs = map(same_padding, sizes, kernel, stride, dilation)
        return tuple((after, before) for before, after in pairs)
    pads, rank = given.get("pads", [0] * 2 * len(kernel)), len(kernel)
    return tuple(zip(pads[:rank], pads[rank:], strict=True))


def _pads_anything(padding: Padding) -> bool:
    return padding == "same" or (padding != "valid" and any(map(any, padding)))


def _sum(one: Pads, other: Padding) -> Pads:
    if isinstance(other, str):
        return one
    return tuple((a + c, b + d) for (a, b), (c, d) in zip(one, other, strict=True))


def _name(node: Any) -> str:
    """The path of a node without its slashes at the ends, and without the operation where an exporter put it behind."""
    name = (node.name or node.output[0]).strip("/")
    return str(name.removesuffix(f"/{node.op_type}") or node.op_type)
