"""The contract of convbench: operations, cases, workloads, and what a backend must offer."""

from convbench_specs.axis import Axis
from convbench_specs.backend import (
    Available,
    Backend,
    Device,
    Gradients,
    KeptMemoryCounter,
    MemoryCounter,
    Native,
    Prepared,
    Settings,
    Step,
    Unavailable,
    Unsupported,
)
from convbench_specs.case import DTYPES, PASSES, Case, DType, PassName, TensorName, Tensors, tensors_of
from convbench_specs.cost import Cost, cost, multiply_adds
from convbench_specs.errors import ConvbenchError, SpecError, WorkloadError
from convbench_specs.hooks import hookimpl, hookspec
from convbench_specs.memory import input_bytes, output_bytes
from convbench_specs.operations import Conv, Flatten, Operation, Pool
from convbench_specs.padding import Padding, PaddingMode, pad_array, same_padding, unpad_gradient
from convbench_specs.workload import (
    Layer,
    Workload,
    case_table,
    load_workload,
    parse_layer,
    parse_workload,
    shipped_workloads,
)

__all__ = [
    "DTYPES",
    "PASSES",
    "Available",
    "Axis",
    "Backend",
    "Case",
    "Conv",
    "ConvbenchError",
    "Cost",
    "DType",
    "Device",
    "Flatten",
    "Gradients",
    "KeptMemoryCounter",
    "Layer",
    "MemoryCounter",
    "Native",
    "Operation",
    "Padding",
    "PaddingMode",
    "PassName",
    "Pool",
    "Prepared",
    "Settings",
    "SpecError",
    "Step",
    "TensorName",
    "Tensors",
    "Unavailable",
    "Unsupported",
    "Workload",
    "WorkloadError",
    "case_table",
    "cost",
    "hookimpl",
    "hookspec",
    "input_bytes",
    "load_workload",
    "multiply_adds",
    "output_bytes",
    "pad_array",
    "parse_layer",
    "parse_workload",
    "same_padding",
    "shipped_workloads",
    "tensors_of",
    "unpad_gradient",
]
