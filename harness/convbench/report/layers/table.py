"""A workload as a layer table: shapes, parameters, arithmetic, memory and receptive fields, and their totals.

- The numbers of a row are those of one instance and one occurrence. Totals count each layer as often as it occurs.
- FLOPs are those of the forward pass and are counted as in convbench_specs.cost: 2 for each multiply-add, with taps on
  padding included.
- Memory is that of activations. Inference needs the input and the output of one layer at a time. Training keeps every
  output until the backward pass has used it. Weights and their gradients need more memory in both cases.
- A flatten in the order of memory is a view and needs no memory.
- Dense layers are shown but never measured. Each of them reads the flattened output of the layer before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from convbench.errors import UsageError
from convbench.report.layers.dense_comparison import DenseComparison, dense_comparison
from convbench.report.layers.receptive_field import Chain, chains
from convbench.text.operations import operation_text
from convbench_specs import DTYPES, Case, Conv, Flatten, Layer, Workload, cost, multiply_adds


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer. Shapes are (C, *spatial), and a receptive field has one number for each spatial axis.

    `input_bytes` and `output_bytes` are those of one instance. `is_view` says that the output uses the memory of the
    input.
    """

    name: str
    operation: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    flops: int
    input_bytes: int
    output_bytes: int
    is_view: bool = False
    count: int = 1
    receptive_field: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over layers, where each layer counts as often as it occurs.

    `parameters`, `multiply_adds` and `flops` are those of one instance. The memory is that of a whole batch:
    `inference_bytes` is the largest input and output that exist at once, and `training_bytes` all outputs.
    """

    parameters: int
    multiply_adds: int
    flops: int
    inference_bytes: int
    training_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTable:
    """The rows and totals of a workload at one batch size; `network` holds the totals of cases and dense layers."""

    name: str
    title: str
    source: str
    batch_size: int
    rows: tuple[LayerRow, ...]
    dense_rows: tuple[LayerRow, ...]
    chains: tuple[Chain, ...]
    convolutional: Totals
    network: Totals
    dense_comparison: DenseComparison | None


def layer_table(workload: Workload, *, batch_size: int) -> LayerTable:
    """The table of a workload; UsageError for a batch size below 1."""
    if batch_size < 1:
        raise UsageError(f"the batch size must be at least 1, not {batch_size}")
    found = chains(workload.layers)
    fields = {chain.start + n: field for chain in found for n, field in enumerate(chain.fields)}
    rows = tuple(_case_row(layer, fields.get(number)) for number, layer in enumerate(workload.layers))
    dense_rows = tuple(_dense_rows(workload.dense, workload.cases[-1]))
    return LayerTable(
        name=workload.name,
        title=workload.title,
        source=workload.source,
        batch_size=batch_size,
        rows=rows,
        dense_rows=dense_rows,
        chains=found,
        convolutional=_totals(rows, batch_size),
        network=_totals(rows + dense_rows, batch_size),
        dense_comparison=dense_comparison(workload.layers),
    )


def _case_row(layer: Layer, receptive_field: tuple[int, ...] | None) -> LayerRow:
    case = layer.case
    forward, size = cost(case, 1, "forward"), DTYPES[case.dtype]
    return LayerRow(
        name=case.name,
        operation=operation_text(case.operation),
        input_shape=case.input_shape,
        output_shape=case.output_shape,
        parameters=case.operation.parameter_count if isinstance(case.operation, Conv) else 0,
        multiply_adds=multiply_adds(case),
        flops=forward.flops,
        input_bytes=prod(case.input_shape) * size,
        output_bytes=prod(case.output_shape) * size,
        is_view=isinstance(case.operation, Flatten) and forward.bytes == 0,
        count=layer.count,
        receptive_field=receptive_field,
    )


def _dense_rows(widths: Sequence[int], last: Case) -> Iterator[LayerRow]:
    in_features, size = prod(last.output_shape), DTYPES[last.dtype]
    for number, width in enumerate(widths, start=1):
        yield LayerRow(
            name=f"dense{number}",
            operation=f"Dense {width}",
            input_shape=(in_features,),
            output_shape=(width,),
            parameters=(in_features + 1) * width,
            multiply_adds=in_features * width,
            flops=2 * in_features * width + width,
            input_bytes=in_features * size,
            output_bytes=width * size,
        )
        in_features = width


def _totals(rows: Sequence[LayerRow], batch_size: int) -> Totals:
    kept = [row.count * row.output_bytes for row in rows if not row.is_view]
    at_once = [row.input_bytes + (0 if row.is_view else row.output_bytes) for row in rows]
    return Totals(
        parameters=sum(row.count * row.parameters for row in rows),
        multiply_adds=sum(row.count * row.multiply_adds for row in rows),
        flops=sum(row.count * row.flops for row in rows),
        inference_bytes=batch_size * max(at_once),
        training_bytes=batch_size * sum(kept),
    )
