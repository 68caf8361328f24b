"""extract."""

from __future__ import annotations

from pathlib import Path

import click

from convbench.cli.options import INPUT_HELP, Shape


@click.command()
@click.argument("source")
@click.option("--input", "inputs", type=Shape(), multiple=True, help=INPUT_HELP)
@click.option("--output", type=click.Path(path_type=Path), help="TOML file to write. Default: the terminal.")
@click.option("--timeout", "timeout_s", type=float, help="Seconds that reading the model may take. Default: 300.")
@click.option(
    "--plugin", "plugins", multiple=True, help="Also load the extractors of this module or .py file. Repeatable."
)
def extract(
    source: str,
    inputs: tuple[tuple[int, ...], ...],
    output: Path | None,
    timeout_s: float | None,
    plugins: tuple[str, ...],
) -> None:
    """Make a workload from the layers of a model.

    SOURCE is a function or class that makes a PyTorch or Keras model, a model itself, a JAX function, the name of a
    model of torchvision, timm or keras.applications, or a file of Keras, ONNX or PyTorch. Each convolution, pooling
    and flatten becomes a case. Layers that no case can express are listed with the reason and their share of the
    FLOPs. Nothing is downloaded.

    \b
    Examples:
      convbench extract net.py:make --input 3,224,224 --output net.toml
      convbench extract "net.py:Net(width=64)" --input 3,224,224
      convbench extract package.module:forward --input 3,224,224
      convbench extract torchvision:resnet34 --input 3,224,224
      convbench extract keras:MobileNetV2 --input 3,224,224
      convbench extract model.onnx --output model.toml
    """
    from convbench.cli.extract import run_extract  # noqa: PLC0415

    run_extract(source, inputs, output, timeout_s, plugins)
