"""completion."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete commands, options and their values.

    The Tab key then completes names of backends, workloads, cases, passes and dtypes, also the next one behind a comma.

    \b
    Examples:
      eval "$(convbench completion bash)"      in ~/.bashrc
      eval "$(convbench completion zsh)"       in ~/.zshrc, after compinit
      convbench completion fish > ~/.config/fish/completions/convbench.fish
    """
    from importlib import resources  # noqa: PLC0415

    script = resources.files("convbench.cli.completion") / "scripts" / f"convbench.{shell}"
    click.echo(script.read_text(encoding="utf-8"), nl=False)
