"""Shows what was found in a model: the workload file, and what it leaves out."""

from __future__ import annotations

from pathlib import Path

import click

from convbench.extraction.asking import LIMIT_S, extract
from convbench.extraction.document import counted, left_out_line, percent
from convbench.extraction.extracted import Extracted
from convbench.extraction.reading import Shapes


def run_extract(
    source: str, inputs: Shapes, output: Path | None, timeout_s: float | None, plugins: tuple[str, ...]
) -> None:
    """Extract a workload and write it to a file or to stdout; what is said of it goes to stderr."""
    found = extract(source, inputs, plugins=plugins, timeout_s=LIMIT_S if timeout_s is None else timeout_s)
    if output is None:
        click.echo(found.toml, nl=False)
    else:
        found.write(output)
    for line in summary_lines(found):
        click.echo(line, err=True)
    if output is not None:
        click.echo(f"written: {output}\nnext:    convbench compare {output}", err=True)


def summary_lines(found: Extracted) -> list[str]:
    """How much of the model the cases are, and what is left out."""
    layers = found.workload.layers
    calls = sum(layer.count for layer in layers)
    cases = f"{counted(len(layers), 'case')} for {counted(calls, 'layer')}"
    lines = [f"{found.workload.name}: {cases}, {percent(found.case_share)} of the FLOPs of a forward pass"]
    if found.dense_flops:
        widths = ", ".join(map(str, found.workload.dense))
        lines.append(
            f"fully connected layers after them, which are not measured: {widths}, {percent(found.dense_share)}"
        )
    if found.left_out:
        lines.append(f"left out, {percent(found.left_out_share)} of the FLOPs:")
        lines += [f"  {left_out_line((each, found.share(each.flops)))}" for each in found.left_out]
    return lines
