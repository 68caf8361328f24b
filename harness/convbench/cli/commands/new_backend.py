"""new-backend."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from convbench.cli.completion.values import complete_framework
from convbench.cli.options import FolderPath


@click.command("new-backend")
@click.argument("name")
@click.option(
    "--framework",
    default="numpy-like",
    shell_complete=complete_framework,
    help="Kind of code that it starts with, as listed above. Default: numpy-like.",
)
@click.option("--license", "license_name", default="MIT", help="License: MIT, BSD-3-Clause or none. Default: MIT.")
@click.option("--output", type=FolderPath(), help="Folder to make. Default: convbench-NAME.")
def new_backend(name: str, framework: str, license_name: str, output: Path | None) -> None:
    """Start a package with a backend of your own.

    The package contains a small backend that works, its entry point, tests, a workflow for CI and a README. Install it,
    run its tests, and replace the code by yours.

    \b
    The backend starts as one of these kinds of code:
      numpy-like   functions of arrays, with a backward pass of their own
      torch-like   a function of tensors, and automatic differentiation
      layers       layer classes with forward(x) and backward(dy)

    \b
    Examples:
      convbench new-backend my-conv
      convbench new-backend my-framework --framework torch-like
      convbench new-backend my-layers --framework layers --output layers
    """
    from convbench.testing.scaffold.making import make_distribution  # noqa: PLC0415

    made, *files = make_distribution(name, framework=framework, license_name=license_name, folder=output)
    for file in files:
        click.echo(file)
    click.echo(f"""
Next:
  cd {shlex.quote(str(made))}
  pip install -e '.[test]'
  pytest
  convbench check edge_cases --backends {name} --explain""")
