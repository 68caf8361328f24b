"""backends, workloads and show."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable.")
@click.option("--device", default="cpu", help="cpu (default) or cuda.")
def backends(name: str | None, plugins: tuple[str, ...], device: str) -> None:
    """List the backends and what they need, or with NAME one of them and its options.

    \b
    Examples:
      convbench backends
      convbench backends pytorch
    """
    from convbench.cli.listing import print_backend, print_backends  # noqa: PLC0415

    if name is None:
        print_backends(plugins, device)
    else:
        print_backend(name, plugins, device)


@click.command()
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with workloads; repeatable.")
def workloads(plugins: tuple[str, ...]) -> None:
    """List the shipped workloads, and those of plug-ins."""
    from convbench.cli.listing import print_workloads  # noqa: PLC0415

    print_workloads(plugins)


@click.command()
@click.argument("workload")
@click.option("--batch-size", type=int, default=1, help="For the memory in training; default: 1.")
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with workloads; repeatable.")
def show(workload: str, batch_size: int, plugins: tuple[str, ...]) -> None:
    """Show a workload as a layer table.

    With shapes, parameters, FLOPs, memory, and the receptive field of one final neuron.

    \b
    Examples:
      convbench show mnist_cnn
      convbench show my_layers.toml --batch-size 100
    """
    from convbench.cli.listing import print_workload  # noqa: PLC0415

    print_workload(workload, batch_size, plugins)
