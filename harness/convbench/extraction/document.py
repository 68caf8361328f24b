"""The workload file of a model: a line a case, and what is left out as comments behind them."""

from __future__ import annotations

from collections.abc import Sequence

from convbench.text.cases import short_table, to_toml
from convbench_specs import Layer, LeftOut, Workload


def workload_toml(workload: Workload, left_out: Sequence[tuple[LeftOut, float]] = ()) -> str:
    """TOML that parse_workload reads back as this workload; of what is left out each with its share of the FLOPs."""
    lines = [f"title = {to_toml(workload.title)}", f"source = {to_toml(workload.source)}"]
    if workload.network:
        lines.append("network = true")
    if workload.dense:
        lines.append(f"dense = {to_toml(list(workload.dense))}")
    lines += ["", "cases = [", *(f"    {_case(layer)}," for layer in workload.layers), "]", ""]
    if left_out:
        lines += ["# Left out, with the share of all FLOPs of a forward pass:"]
        lines += [f"# - {line}" for line in map(left_out_line, left_out)]
    return "\n".join(lines).rstrip("\n") + "\n"


def left_out_line(entry: tuple[LeftOut, float]) -> str:
    """A layer that is left out, in one line."""
    layer, share = entry
    times = f" ({layer.count} times)" if layer.count > 1 else ""
    return f"{percent(share)}: {layer.name}{times}: {layer.what}: {layer.reason}"


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "case"), counted(2, "case")
    ('1 case', '2 cases')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def percent(share: float) -> str:
    """A share in percent.

    >>> percent(0.123), percent(0.00004), percent(0), percent(1)
    ('12.3 %', 'below 0.1 %', '0 %', '100 %')
    """
    if 0 < share < 0.001:
        return "below 0.1 %"
    return f"{100 * share:.3g} %"


def _case(layer: Layer) -> str:
    table = {"name": layer.case.name} | short_table(layer.case)
    if layer.count > 1:
        table["count"] = layer.count
    return "{ " + ", ".join(f"{key} = {to_toml(value)}" for key, value in table.items()) + " }"
