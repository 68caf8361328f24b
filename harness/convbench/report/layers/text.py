"""A layer table as text that fits into the width of a terminal.

- Parameters are written in full, because they have to be exact. All other numbers have three digits.
- If the table is too wide, columns are left out in this order: the inputs, if they are the outputs of the lines above;
  memory in training; memory; the outputs, if the inputs are shown. On the way long operations and then long names are
  broken over several lines. The columns that were left out are named below the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap

from convbench.report.layers.dense_comparison import DenseComparison
from convbench.report.layers.receptive_field import Chain
from convbench.report.layers.table import LayerRow, LayerTable, Totals
from convbench.text.operations import MARKS, by_x
from convbench.text.units import format_bytes, format_count

COLUMNS = ("layer", "count", "operation", "input", "output", "params", "FLOPs", "memory", "training", "field")
LABEL = ("layer", "count", "operation")
"""Columns of text on the left side. The name of a total covers all of them."""
GAP = "  "
SHORTEST = {"operation": 16, "layer": 12}
"""A column is not made narrower than this: "Conv 128, 3 x 3," stays on one line."""
Styler = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; a column that it does not have is empty."""

    cells: dict[str, str]
    is_total: bool = False


def render_layer_table(table: LayerTable, *, width: int = 80, heading: Styler = str, note: Styler = str) -> str:
    """The title, the source, the table and notes, in lines of at most `width` letters as far as possible.

    `heading` and `note` may add escape codes for bold and faint text to finished lines.
    """
    lines = list(_lines(table))
    widths = _fitting(lines, width, inputs_are_shown=_inputs_are_shown(table))
    ruler = "-" * _width(widths)
    title = f"{table.title} ({table.name})" if table.title else table.name
    text = [heading(line) for line in _wrapped(title, width)]
    if table.source:
        text += [note(line) for line in _wrapped(f"Source: {table.source}", width)]
    text += ["", heading(_header(widths)), ruler]
    for line in lines:
        text += [ruler, heading(_total(line, widths))] if line.is_total else _row(line, widths)
    text.append("")
    for paragraph in _notes(table, lines, widths):
        text += [note(line) for line in _wrapped(paragraph, width)]
    return "\n".join(text)


def _lines(table: LayerTable) -> Iterator[Line]:
    starts = {chain.start: chain for chain in table.chains}
    for number, row in enumerate(table.rows):
        if number in starts:
            field = _field(starts[number].field)
            yield Line({"layer": "input", "output": by_x(row.input_shape, "x"), "field": field})
        yield _layer_line(row, table.batch_size)
    yield _total_line("convolutional part" if table.dense_rows else "total", table.convolutional, table.batch_size)
    for row in table.dense_rows:
        yield _layer_line(row, table.batch_size)
    if table.dense_rows:
        yield _total_line("whole network", table.network, table.batch_size)


def _layer_line(row: LayerRow, batch_size: int) -> Line:
    return Line(
        {
            "layer": row.name,
            "count": f"x{row.count}" if row.count > 1 else "",
            "operation": row.operation,
            "input": by_x(row.input_shape, "x"),
            "output": by_x(row.output_shape, "x"),
            "params": f"{row.parameters:,}",
            "FLOPs": format_count(row.flops),
            "memory": "view" if row.is_view else format_bytes(row.output_bytes),
            "training": "" if row.is_view else format_bytes(batch_size * row.count * row.output_bytes),
            "field": _field(row.receptive_field),
        }
    )


def _field(sizes: tuple[int, ...] | None) -> str:
    if sizes is None:
        return ""
    return "1" if set(sizes) == {1} else by_x(sizes, "x")


def _total_line(label: str, totals: Totals, batch_size: int) -> Line:
    return Line(
        {
            "layer": label,
            "params": f"{totals.parameters:,}",
            "FLOPs": format_count(totals.flops),
            "memory": format_bytes(totals.training_bytes // batch_size),
            "training": format_bytes(totals.training_bytes),
        },
        is_total=True,
    )


def _inputs_are_shown(table: LayerTable) -> bool:
    return any((chain.start, chain.stop) == (0, len(table.rows)) for chain in table.chains)


def _fitting(lines: Sequence[Line], width: int, *, inputs_are_shown: bool) -> dict[str, int]:
    """The widths of the columns that are shown, by name; if nothing fits, those of the narrowest table."""
    no_input = {"input"} if inputs_are_shown else set()
    no_training = no_input | {"training"}
    no_memory = no_training | {"memory"}
    no_output = no_memory if inputs_are_shown else no_memory | {"output"}
    used = [column for column in COLUMNS if any(line.cells.get(column) for line in lines)]
    attempts: list[tuple[set[str], tuple[str, ...]]] = [
        (set(), ()),
        (no_input, ()),
        (no_training, ()),
        (no_training, ("operation",)),
        (no_memory, ()),
        (no_memory, ("operation",)),
        (no_memory, ("operation", "layer")),
        (no_output, ("operation", "layer")),
    ]
    widths: dict[str, int] = {}
    for left_out, broken in attempts:
        widths = _widths(lines, [column for column in used if column not in left_out], broken, width)
        if _width(widths) <= width:
            break
    return widths


def _widths(lines: Sequence[Line], columns: Sequence[str], broken: Sequence[str], width: int) -> dict[str, int]:
    """The widths of columns. Those in `broken` become narrower in turn, until the table fits into `width`."""
    widths = {}
    for column in columns:
        cells = [line.cells.get(column, "") for line in lines if not (line.is_total and column in LABEL)]
        widths[column] = max(map(len, (_title(column), *cells)))
    for column in broken:
        lacking = max(0, _width(widths) - width)
        widths[column] = min(widths[column], max(SHORTEST[column], widths[column] - lacking))
    return widths


def _width(widths: dict[str, int]) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def _title(column: str) -> str:
    return "" if column == "count" else column


def _header(widths: dict[str, int]) -> str:
    return _joined([_title(column) for column in widths], widths)


def _row(line: Line, widths: dict[str, int]) -> list[str]:
    """The text of a line, which is several lines if a cell is broken."""
    cells = [_broken(line.cells.get(column, ""), width) for column, width in widths.items()]
    return [_joined(physical, widths) for physical in zip_longest(*cells, fillvalue="")]


def _total(line: Line, widths: dict[str, int]) -> str:
    label = [column for column in widths if column in LABEL]
    rest = {column: width for column, width in widths.items() if column not in LABEL}
    start = line.cells["layer"].ljust(_width({column: widths[column] for column in label}))
    return start + GAP + _joined([line.cells.get(column, "") for column in rest], rest)


def _joined(cells: Sequence[str], widths: dict[str, int]) -> str:
    padded = (
        cell.ljust(width) if column in LABEL else cell.rjust(width)
        for cell, (column, width) in zip(cells, widths.items(), strict=True)
    )
    return GAP.join(padded).rstrip()


def _broken(text: str, width: int) -> list[str]:
    """Lines of at most `width` letters if possible, broken behind underscores, dots, slashes and spaces.

    They are not broken inside "3 x 3".
    """
    if len(text) <= width:
        return [text]
    lines = [""]
    for piece in re.findall(r"(?: x |[^ _./])+[ _./]*|[ _./]+", text):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _notes(table: LayerTable, lines: Sequence[Line], widths: dict[str, int]) -> Iterator[str]:
    for chain in table.chains:
        yield _seen(chain, table.rows[chain.last].name)
    if table.dense_comparison is not None:
        yield _beside_dense(table.dense_comparison)
    network = table.network
    yield f"Forward pass of one instance: {network.multiply_adds:,} multiply-adds."
    yield (
        f"Memory of a batch of {table.batch_size}: {format_bytes(network.inference_bytes)} in inference (the largest "
        f"input and output at once), {format_bytes(network.training_bytes)} in training (every output, kept for the "
        "backward pass); weights and their gradients come on top."
    )
    yield _legend(lines, widths)


def _seen(chain: Chain, name: str) -> str:
    text = f"One element of {name} depends on {_share(chain, chain.field, chain.seen)}."
    if chain.field_without_pools == chain.field:
        return text
    return (
        f"{text} Without the pools, it would be {_share(chain, chain.field_without_pools, chain.seen_without_pools)}."
    )


def _share(chain: Chain, field: tuple[int, ...], seen: int) -> str:
    size = f"{by_x(field)}: " if len(field) > 1 else ""
    return f"{size}{seen:,} of {chain.places:,} input positions ({100 * seen / chain.places:.3g} %)"


def _beside_dense(compared: DenseComparison) -> str:
    return (
        f"{compared.neurons:,} output elements of {compared.name} share {compared.parameters:,} parameters. A dense "
        f"layer on the same {compared.inputs:,} inputs needs {compared.weights_of_a_neuron_a_filter:,} weights for "
        f"only {compared.filters:,} neurons, and {compared.parameters_of_as_many_neurons:,} parameters for as many "
        "outputs."
    )


def _legend(lines: Sequence[Line], widths: dict[str, int]) -> str:
    """What the marks in the table mean, and which columns were left out."""
    operations = [line.cells.get("operation", "") for line in lines]
    marks = [
        f"{mark} {name}"
        for mark, name in MARKS.items()
        if any(re.search(rf"[ ,]{mark}\d", text) for text in operations)
    ]
    if "count" in widths:
        marks.append("x2 a layer that occurs twice and counts twice in the totals")
    used = [column for column in COLUMNS if any(line.cells.get(column) for line in lines)]
    left_out = [column for column in used if column not in widths]
    legend = f"Marks: {', '.join(marks)}. " if marks else ""
    return legend + (f"Not shown at this width: {', '.join(left_out)}." if left_out else "")


def _wrapped(paragraph: str, width: int) -> list[str]:
    """Lines of at most `width` letters, in which a percent sign stays with its number."""
    bound = " ".join(paragraph.split()).replace(" %", "\N{NO-BREAK SPACE}%")
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in wrap(bound, width)]
