"""The command line. Exit codes: 0 fine, 1 a backend is wrong, 2 the call or a file is at fault, 130 interrupted.

Ctrl-C, SIGTERM and SIGHUP interrupt.

Only click is imported here; a command imports what it needs, so `convbench --help` is quick. Errors of ours become one
or two lines; a traceback comes only with --debug.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

import click

from convbench.cli.commands.compare_runs import diff, history
from convbench.cli.commands.completion import completion
from convbench.cli.commands.export import export
from convbench.cli.commands.extract import extract
from convbench.cli.commands.fuzz import fuzz
from convbench.cli.commands.listing import backends, show, workloads
from convbench.cli.commands.machine import doctor, limits
from convbench.cli.commands.new_backend import new_backend
from convbench.cli.commands.publish import publish
from convbench.cli.commands.report import report
from convbench.cli.commands.runs import check, compare
from convbench.cli.commands.sweep import sweep
from convbench.cli.commands.train import train
from convbench.cli.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE
from convbench.cli.narrow_encoding import show_the_nearest
from convbench.cli.signals import ended_as_by_ctrl_c


class _Group(click.Group):
    """Turns our errors into lines and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        show_the_nearest()
        try:
            with ended_as_by_ctrl_c():
                return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            with suppress(OSError):  # the terminal may be gone
                click.echo("\ninterrupted", err=True)
            sys.exit(EXIT_INTERRUPTED)
        except Exception as error:
            from convbench_specs import ConvbenchError  # noqa: PLC0415  # it brings NumPy, which --help can do without

            if ctx.params.get("debug") or not isinstance(error, (ConvbenchError, OSError)):
                raise
            text = _system_error(error) if isinstance(error, OSError) else str(error)
            with suppress(OSError):  # standard error may be what is full
                click.echo(f"convbench: {text}", err=True)
            sys.exit(EXIT_USAGE)


def _system_error(error: OSError) -> str:
    """What the system refused, and where: a full disk, too few descriptors, a folder that has vanished."""
    names = " and ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    return f"{error.strerror or error}{f': {names}' if names else ''}"


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="convbench")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:  # noqa: FBT001  # click hands flags over by name; _Group reads it
    """Which convolution, pooling or flatten should I trust and use, for my shapes, on this machine?

    convbench runs every installed backend on the same cases. It checks that all of them compute the same outputs and
    gradients, measures speed and memory across batch sizes, and writes tables and an HTML page.

    \b
    Examples:
      convbench compare                                  compare all backends on the workload quick
      convbench compare resnet50 --batch-sizes 1,8       compare them on the layers of a network
      convbench compare net.py:Net --input 3,224,224     compare them on the layers of your model
      convbench check my_layers.toml --backends jax,mine check correctness only
      convbench diff results/monday results/tuesday      find what became slower, wrong or larger
      convbench publish results --output site            make a static site of all runs and machines
      convbench fuzz --time 600                          search faults with random cases
      convbench train                                    train a small network with every backend
      convbench backends                                 list the backends and their versions
      convbench new-backend mine                         start a backend of your own
    """


_COMMANDS = (
    compare, check, sweep, extract, fuzz, doctor, limits, backends, workloads, show, report, export, diff, history,
    train, publish, new_backend, completion,
)  # fmt: skip
for _command in _COMMANDS:
    main.add_command(_command)
