"""backends, workloads and show."""

from __future__ import annotations

import click

from convbench.cli.completion.values import complete_backend, complete_workload


@click.command()
@click.argument("name", required=False, shell_complete=complete_backend)
@click.option(
    "--plugin", "plugins", multiple=True, help="Also load the backends of this module or .py file. Repeatable."
)
@click.option("--device", default="cpu", help="Device to ask for: cpu or cuda. Default: cpu.")
def backends(name: str | None, plugins: tuple[str, ...], device: str) -> None:
    """List the backends, or show one of them and its options.

    A backend that cannot run here is listed with the reason.

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
@click.option(
    "--plugin", "plugins", multiple=True, help="Also load the workloads of this module or .py file. Repeatable."
)
def workloads(plugins: tuple[str, ...]) -> None:
    """List the included workloads and those of plug-ins."""
    from convbench.cli.listing import print_workloads  # noqa: PLC0415

    print_workloads(plugins)


@click.command()
@click.argument("workload", shell_complete=complete_workload)
@click.option("--batch-size", type=int, default=1, help="Batch size for the memory in training. Default: 1.")
@click.option(
    "--plugin", "plugins", multiple=True, help="Also load the workloads of this module or .py file. Repeatable."
)
def show(workload: str, batch_size: int, plugins: tuple[str, ...]) -> None:
    """Show the layers of a workload.

    The table has shapes, parameters, FLOPs, memory, and the receptive field of one element of the last layer.

    \b
    Examples:
      convbench show mnist_cnn
      convbench show my_layers.toml --batch-size 100
    """
    from convbench.cli.listing import print_workload  # noqa: PLC0415

    print_workload(workload, batch_size, plugins)
