"""ONNX Runtime on the CPU: inference only, one operator of the ONNX standard for each case.

The weights are inputs of the graph, as convbench may change them between calls. In a model for deployment they are
constants, which ONNX Runtime may reorder in advance.
"""

from importlib.metadata import PackageNotFoundError, version

from convbench_specs import Available, Backend, Conv, Flatten, Supports, Unavailable, Unsupported, hookimpl
from convbench_specs.adapters import prepare_function

OPSET, IR_VERSION = 19, 9


class OnnxRuntime(Backend):
    name = "onnxruntime"
    short_name = "ort"
    summary = "ONNX Runtime on the CPU, inference only"
    contract = (1, 2)
    packages = ("onnxruntime", "onnx")
    supports = Supports(
        dtypes=("float32",),
        flatten_orders=("channels_first",),
        edge_padding=False,
        channel_pools=False,
    )

    def availability(self, device):
        try:
            return Available(version("onnxruntime"))
        except PackageNotFoundError:
            return Unavailable("ONNX Runtime is not installed: pip install onnxruntime")

    def start(self, settings):
        import onnxruntime  # here and not above: the host imports this module to list it

        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = settings.threads
        self._options.inter_op_num_threads = 1
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # nothing runs between calls
        self._session = onnxruntime.InferenceSession
        return {"providers": "CPUExecutionProvider"}

    def prepare(self, case, tensors):
        if not isinstance(case.operation, (Conv, Flatten)) and any(
            max(axis.before, axis.after) >= axis.kernel for axis in case.axes
        ):
            return Unsupported("ONNX Runtime refuses pools whose padding reaches the size of the window")
        model = model_of(case, len(tensors.x))
        session = self._session(model, self._options, providers=["CPUExecutionProvider"])

        def run(x, w=None, b=None):
            given = {name: value for name, value in (("x", x), ("w", w), ("b", b)) if value is not None}
            return session.run(["y"], given)[0]

        return prepare_function(run, tensors)


def model_of(case, batch_size):
    """The bytes of a model with one node, for one batch size."""
    from onnx import TensorProto, helper

    shapes = {"x": case.x_shape(batch_size), "w": case.w_shape, "b": case.b_shape}
    inputs = {name: shape for name, shape in shapes.items() if shape is not None}
    operator, attributes = node_of(case)
    graph = helper.make_graph(
        [helper.make_node(operator, list(inputs), ["y"], **attributes)],
        case.name,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, case.y_shape(batch_size))],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION).SerializeToString()


def node_of(case):
    """The operator of a case and its attributes, in the names of ONNX."""
    operation, axes = case.operation, case.axes
    if isinstance(operation, Flatten):
        return "Flatten", {"axis": 1}
    window = {
        "kernel_shape": [axis.kernel for axis in axes],
        "strides": [axis.stride for axis in axes],
        "dilations": [axis.dilation for axis in axes],
        "pads": [*(axis.before for axis in axes), *(axis.after for axis in axes)],
    }
    if isinstance(operation, Conv):
        return "Conv", {**window, "group": operation.groups}
    if operation.kernel_size == "global":
        return ("GlobalMaxPool" if operation.kind == "max" else "GlobalAveragePool"), {}
    window["ceil_mode"] = int(operation.ceil_mode)
    if operation.kind == "max":
        return "MaxPool", window
    return "AveragePool", {**window, "count_include_pad": int(operation.count_include_pad)}


@hookimpl
def convbench_backends():
    return [OnnxRuntime]
