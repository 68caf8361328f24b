"""compare and check."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from convbench.cli.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE, EXIT_WRONG
from convbench.cli.options import Names, Size, per_option, settings_options, wants_tracebacks

if TYPE_CHECKING:
    from convbench.report.views.batch_sizes_text import Per
    from convbench.results.run import Run


@click.command()
@settings_options
@click.option(
    "--effort",
    help="glance (no verdicts on speed), quick (default), or thorough (slow; detects differences of 3 %).",
)
@click.option(
    "--blocks",
    type=int,
    help="Number of blocks. Each one measures everything in fresh processes. Default: 3 to 24, as time allows.",
)
@click.option(
    "--within",
    "within_s",
    type=float,
    help="Seconds in which the run must end. It fills them with blocks. Default: 112 for quick, 300 for thorough.",
)
@click.option("--rounds", type=int, help="Rounds per block. In each round every backend has one turn. Default: 4.")
@click.option(
    "--allocator",
    help="Memory allocator: default, or tuned (glibc keeps freed buffers, so large results cause no page faults).",
)
@click.option(
    "--cache", help="State of the processor caches: hot, or cold (no call finds its inputs in a cache). Default: hot."
)
@click.option("--no-memory", is_flag=True, help="Do not measure memory.")
@click.option(
    "--find-largest-batch", is_flag=True, default=None, help="Also search the largest batch size that fits into memory."
)
@click.option(
    "--memory-limit",
    "memory_limit_bytes",
    type=Size(),
    help="Memory limit of that search, such as 2GB. Default: most of the free memory.",
)
@click.option("--search-time", "search_s", type=float, help="Seconds that one search may take. Default: 60.")
@per_option
def compare(no_memory: bool, per: Per, **options: Any) -> None:  # noqa: FBT001  # click hands flags over by name
    """Check and measure backends.

    WORKLOADS are names of included workloads, TOML files, or models as `convbench extract` takes them. The default is
    the workload `quick`.

    \b
    Examples:
      convbench compare
      convbench compare lenet5 my_layers.toml --backends numpy-im2col,pytorch --batch-sizes 1,8,64
      convbench compare resnet18 --batch-sizes 8 --backends pytorch,jax --effort thorough
      convbench compare net.py:make --input 3,224,224 --batch-sizes 1,16
      convbench compare photos --dtypes float64 --passes forward --output results/photos
      convbench compare --plugin ./my_backend.py
      convbench compare resnet18 --batch-sizes 1 --find-largest-batch --memory-limit 2GB
      convbench compare --backends pytorch --entrant torch-nhwc=pytorch:layout=channels_last
      convbench compare --backends numpy-im2col --against /envs/numpy-2.2/bin/python
      convbench compare --resume results/run-20261120-120000
    """
    from convbench.api import compare as compare_backends  # noqa: PLC0415

    _run(compare_backends, options | {"memory": False if no_memory else None}, per=per)


@click.command()
@settings_options
@click.option(
    "--data",
    type=Names(),
    help="Further kinds of data to check on: their names (see above), all or none. Default: all.",
)
@click.option(
    "--explain", is_flag=True, help="Explain each wrong result by the mistakes that lead to exactly this result."
)
def check(explain: bool, **options: Any) -> None:  # noqa: FBT001  # click hands flags over by name
    """Check backends without timing them.

    WORKLOADS are names of included workloads, TOML files, or models as `convbench extract` takes them. The default is
    the workload `quick`.

    Every backend is checked on integers and on random numbers. Small cases are also checked on further kinds of data,
    at the smallest batch size: constant, offset, tiny, huge, denormal, wide, negative, tied, signed-zero, not-a-number
    and infinite. On the last two a backend may differ without being wrong.

    \b
    Examples:
      convbench check
      convbench check edge_cases --data not-a-number,infinite --backends mine
      convbench check edge_cases --dtypes float32,float64
      convbench check --plugin ./my_backend.py --backends mine --explain
      convbench check --case 'operation = "conv", input = [3, 8, 8], out_channels = 4, kernel_size = 3'
    """
    from convbench.api import check as check_backends  # noqa: PLC0415

    _run(check_backends, options, explain=explain)


def _run(  # options are what click has parsed
    make_run: Callable[..., Run], options: dict[str, Any], *, explain: bool = False, per: Per = "call"
) -> None:
    """Make a run and show it; exits with 1 where a backend is wrong or failed."""
    from convbench.cli.interrupted import print_interrupted  # noqa: PLC0415
    from convbench.cli.progress import terminal_observer  # noqa: PLC0415
    from convbench.errors import RunInterrupted  # noqa: PLC0415
    from convbench.report.terminal import print_run  # noqa: PLC0415

    try:
        options |= {name: options[name] or None for name in ("entrants", "inputs")}
        run = make_run(*options.pop("workloads"), observer=terminal_observer(), **options)
    except RunInterrupted as interrupted:
        with suppress(OSError):  # the terminal may be gone
            print_interrupted(str(click.get_current_context().info_name), interrupted.folder)
        sys.exit(EXIT_INTERRUPTED)
    print_run(run, tracebacks=wants_tracebacks(), explain=explain, per=per)
    if not run.is_right or run.has_failed:
        sys.exit(EXIT_WRONG)
    if not run.is_computed:
        click.echo("convbench: nothing was computed, for the reasons above", err=True)
        sys.exit(EXIT_USAGE)
