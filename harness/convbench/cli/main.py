"""The command line. Exit codes: 0 fine, 1 a backend is wrong, 2 the call or a file is at fault, 130 interrupted.

Only click is imported here; a command imports what it needs, so `convbench --help` is quick. Errors of ours become one
or two lines; a traceback comes only with --debug.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from convbench.results.run import Run

EXIT_WRONG = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class _Numbers(click.ParamType[tuple[int, ...]]):
    """Numbers separated by commas: 1,8,32."""

    name = "N[,N...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} must be whole numbers separated by commas, such as 1,8,32", param, ctx)


class _Names(click.ParamType[tuple[str, ...]]):
    """Names separated by commas; one that holds a comma stands in double quotes, as in a CSV file."""

    name = "NAME[,NAME...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(part for row in csv.reader([str(value)]) for part in row if part)
        except csv.Error as error:
            self.fail(f"{value!r}: {error}; write 'one,\"two, with a comma\"'", param, ctx)


class _Size(click.ParamType[int]):
    """Bytes: 2GB, 512MB, 1.5GiB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from convbench.text.units import parse_bytes  # noqa: PLC0415

        try:
            return value if isinstance(value, int) else parse_bytes(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Group(click.Group):
    """Turns our errors into lines and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("\ninterrupted", err=True)
            sys.exit(EXIT_INTERRUPTED)
        except Exception as error:
            from convbench_specs import ConvbenchError  # noqa: PLC0415  # it brings NumPy, which --help can do without

            if ctx.params.get("debug") or not isinstance(error, ConvbenchError):
                raise
            click.echo(f"convbench: {error}", err=True)
            sys.exit(EXIT_USAGE)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="convbench")
@click.option("--debug", is_flag=True, help="Show the tracebacks of errors.")
def main(debug: bool) -> None:  # noqa: FBT001  # click hands flags over by name; _Group reads it
    """Which convolution, pooling or flatten should I trust and use, for my shapes, on this machine?

    Runs every installed backend on the same cases, checks that they compute the same outputs and gradients, measures
    speed and memory across batch sizes, and writes tables and an HTML page.

    \b
    Examples:
      convbench compare                                  all backends on the quick workload
      convbench compare resnet50 --batch-sizes 1,8       a network's layers
      convbench check my_layers.toml --backends jax,mine only correctness
      convbench fuzz --time 600                          random cases, shrunk where a backend is wrong
      convbench backends                                 what is installed, and why the rest is not
    """


def _wants_tracebacks() -> bool:
    return bool(click.get_current_context().find_root().params["debug"])


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that compare and check share."""
    options = [
        click.argument("workloads", nargs=-1),
        click.option("--backends", type=_Names(), help="Only these; default: all that are available."),
        click.option("--batch-sizes", type=_Numbers(), help="Default: 1,32."),
        click.option("--passes", type=_Names(), help="Of forward, backward, both; default: all."),
        click.option("--dtypes", type=_Names(), help="float32, float64, ...; default: as the workload says."),
        click.option("--cases", type=_Names(), help='Only these cases of the workloads; "a, b" in quotes is one name.'),
        click.option("--case", help="One case in place of workloads: an inline TOML table, as failures print it."),
        click.option("--device", help="cpu (default) or cuda."),
        click.option("--threads", type=int, help="The same for all backends; default: all cores."),
        click.option("--seed", type=int, help="Of the random data and the order of turns; default: 0."),
        click.option("--budget", "budget_s", type=float, help="Seconds that a cell may cost; slower ones are skipped."),
        click.option("--timeout", "timeout_s", type=float, help="Seconds after which a call is killed; default: 60."),
        click.option("--output", type=click.Path(path_type=Path), help="Folder of the run; default: results/run-DATE."),
        click.option("--resume", type=click.Path(path_type=Path), help="Go on with a run that was killed: its folder."),
        click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@_common
@click.option("--effort", help="glance (no verdicts on speed), quick (default) or thorough (tells 3 % apart, slowly).")
@click.option("--blocks", type=int, help="Fresh sets of workers that time everything; default: 3, up to 24 in time.")
@click.option(
    "--within", "within_s", type=float, help="Seconds in which it ends, filled with blocks; quick: 112, thorough: 300."
)
@click.option("--rounds", type=int, help="Turns of every backend in a block, each of all its passes; default: 6.")
@click.option("--allocator", help="default, or tuned: glibc keeps freed buffers, so large layers have no page faults.")
@click.option("--cache", help="hot (default), or cold: no call finds its inputs in a cache.")
@click.option("--no-memory", is_flag=True, help="Do not measure memory.")
@click.option("--find-largest-batch", is_flag=True, default=None, help="Also search the largest batch that fits.")
@click.option("--memory-limit", "memory_limit_bytes", type=_Size(), help="For that; default: most of what is free.")
@click.option("--search-time", "search_s", type=float, help="Seconds a search may take; default: 60.")
def compare(no_memory: bool, **options: Any) -> None:  # noqa: FBT001  # click hands flags over by name
    """Check and measure backends.

    WORKLOADS are names of shipped ones or TOML files; default: quick.

    \b
    Examples:
      convbench compare
      convbench compare lenet5 my_layers.toml --backends numpy-im2col,pytorch --batch-sizes 1,8,64
      convbench compare resnet18 --batch-sizes 8 --backends pytorch,jax --effort thorough
      convbench compare photos --dtypes float64 --passes forward --output results/photos
      convbench compare --plugin ./my_backend.py
      convbench compare resnet18 --batch-sizes 1 --find-largest-batch --memory-limit 2GB
      convbench compare --resume results/run-20261120-120000
    """
    from convbench.api import compare as compare_backends  # noqa: PLC0415

    _run(compare_backends, options | {"memory": False if no_memory else None})


@main.command()
@_common
@click.option("--data", type=_Names(), help="Further kinds of data: names, none, or all (default); see below.")
@click.option("--explain", is_flag=True, help="Say why a result is wrong: the mistakes that lead to just that result.")
def check(explain: bool, **options: Any) -> None:  # noqa: FBT001  # click hands flags over by name
    """Check backends without timing them.

    WORKLOADS are names of shipped ones or TOML files; default: quick.

    Every backend is checked on integers and on random numbers, and on the smallest batch size, where a case is small,
    also on further kinds of data: constant, offset, tiny, huge, denormal, wide, negative, tied, signed-zero,
    not-a-number, infinite. On the last two it may differ without being wrong.

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
    make_run: Callable[..., Run], options: dict[str, Any], *, explain: bool = False
) -> None:
    """Make a run and show it; exits with 1 where a backend is wrong or failed."""
    from convbench.cli.interrupted import print_interrupted  # noqa: PLC0415
    from convbench.cli.progress import terminal_observer  # noqa: PLC0415
    from convbench.errors import RunInterrupted  # noqa: PLC0415
    from convbench.report.terminal import print_run  # noqa: PLC0415

    try:
        run = make_run(*options.pop("workloads"), observer=terminal_observer(), **options)
    except RunInterrupted as interrupted:
        print_interrupted(str(click.get_current_context().info_name), interrupted.folder)
        sys.exit(EXIT_INTERRUPTED)
    print_run(run, tracebacks=_wants_tracebacks(), explain=explain)
    if not run.is_right or run.has_failed:
        sys.exit(EXIT_WRONG)
    if not run.is_computed:
        click.echo("convbench: nothing was computed, for the reasons above", err=True)
        sys.exit(EXIT_USAGE)


@main.command()
@click.option("--time", "time_s", type=float, help="Seconds to search; default: 60, or no limit with --count.")
@click.option("--count", type=int, help="Cases to examine; with --time whichever ends first.")
@click.option("--backends", type=_Names(), help="Only these; default: all that are available.")
@click.option("--dtypes", type=_Names(), help="Default: float32,float64.")
@click.option("--data", type=_Names(), help="Further kinds of data, as for check; default: all.")
@click.option("--device", help="cpu (default) or cuda.")
@click.option("--threads", type=int, help="The same for all backends; default: all cores.")
@click.option("--seed", type=int, help="Of the cases and their data; default: 0.")
@click.option("--timeout", "timeout_s", type=float, help="Seconds after which a call is killed; default: 60.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for what is found; default: results/fuzz-DATE.")
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable.")
def fuzz(time_s: float | None, count: int | None, output: Path | None, **options: Any) -> None:
    """Check backends on random cases.

    Cases come from the whole of what convbench knows. What a backend gets wrong is shrunk to its smallest case and
    written as a workload file. Needs hypothesis: pip install "convbench[fuzz]".

    \b
    Examples:
      convbench fuzz
      convbench fuzz --count 2000 --backends pytorch,jax --seed 1
      convbench fuzz --time 600 --plugin ./my_backend.py --backends mine
    """
    from convbench.cli.fuzz import run_fuzz  # noqa: PLC0415

    try:
        is_right = run_fuzz(time_s, count, output, options)
    except KeyboardInterrupt:
        click.echo("\ninterrupted; what was found is written", err=True)
        sys.exit(EXIT_INTERRUPTED)
    if not is_right:
        sys.exit(EXIT_WRONG)


@main.command()
@click.option("--threads", type=int, help="That runs will ask for; default: all cores.")
@click.option("--json", "as_json", is_flag=True, help="The findings for machines.")
@click.option(
    "--self-test",
    "with_self_test",
    is_flag=True,
    help="Also enter one backend twice, and see how often it differs from itself.",
)
@click.option("--backend", help="Of the self-test; default: the first that is available and quick.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder that keeps the run of the self-test.")
def doctor(threads: int | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001  # as above
    """Show what would spoil numbers on this machine, and what to do about it.

    The self-test measures this machine's floor: how far two runs of the same code differ. Verdicts keep that distance
    from then on. It takes a few minutes.

    \b
    Examples:
      convbench doctor
      convbench doctor --json
      convbench doctor --self-test --threads 1
    """
    from convbench.cli.doctor import run_doctor  # noqa: PLC0415

    run_doctor(threads, as_json=as_json, **options)


@main.command()
@click.option("--threads", type=_Numbers(), help="One number or several; default: all cores.")
@click.option("--dtypes", type=_Names(), help="Default: float32.")
@click.option("--device", default="cpu", help="cpu (default) or cuda.")
@click.option("--again", is_flag=True, help="Measure even what is known.")
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable.")
def limits(threads: tuple[int, ...] | None, dtypes: tuple[str, ...] | None, **options: Any) -> None:
    """Show what this machine reaches at most: arithmetic and memory.

    It is measured with every backend that is installed, and kept for later runs, which hold their cells against it.

    \b
    Examples:
      convbench limits
      convbench limits --threads 1,2 --dtypes float32,float64
      convbench limits --again
    """
    from convbench.cli.limits import run_limits  # noqa: PLC0415

    run_limits(threads or (), dtypes=dtypes, **options)


@main.command()
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with backends; repeatable.")
@click.option("--device", default="cpu", help="cpu (default) or cuda.")
def backends(plugins: tuple[str, ...], device: str) -> None:
    """List the backends and what they need."""
    from convbench.cli.listing import print_backends  # noqa: PLC0415

    print_backends(plugins, device)


@main.command()
@click.option("--plugin", "plugins", multiple=True, help="A module or .py file with workloads; repeatable.")
def workloads(plugins: tuple[str, ...]) -> None:
    """List the shipped workloads, and those of plug-ins."""
    from convbench.cli.listing import print_workloads  # noqa: PLC0415

    print_workloads(plugins)


@main.command()
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


@main.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the files; default: that of the first run.")
def report(runs: tuple[Path, ...], output: Path | None) -> None:
    """Write the files of RUNS again.

    They are measurements.csv, agreement.csv and report.html; several runs go into one.

    \b
    Examples:
      convbench report results/run-20261120-120000
      convbench report laptop/ server/ --output both/
    """
    from convbench.report.files import write_reports  # noqa: PLC0415
    from convbench.report.terminal import print_run  # noqa: PLC0415
    from convbench.results.loading import load_run  # noqa: PLC0415

    loaded = [load_run(path) for path in runs]
    write_reports(loaded, output or runs[0])
    for run in loaded:
        if len(loaded) > 1:
            click.secho(f"{run.folder}:\n", bold=True)
        print_run(run, folder=output, tracebacks=_wants_tracebacks())
