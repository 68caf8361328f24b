"""Trains a network and shows it, or shows a training again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from convbench.cli.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE, EXIT_WRONG
from convbench.cli.interrupted import print_interrupted
from convbench.cli.progress import terminal_observer
from convbench.errors import RunInterrupted
from convbench.report.training.files import write_training
from convbench.report.training.terminal import print_training
from convbench.results.training import load_training
from convbench.results.training.header import HEADER
from convbench.training.train import train


def run_train(network: str | None, **options: Any) -> None:  # options are what click has parsed
    """Train and show; exits with 1 where a backend is wrong or failed."""
    try:
        training = train(network, observer=terminal_observer(), **options)
    except RunInterrupted as interrupted:
        print_interrupted("train", interrupted.folder)
        sys.exit(EXIT_INTERRUPTED)
    print_training(training)
    if not training.is_right:
        sys.exit(EXIT_WRONG)
    if not any(entrant.steps for entrant in training.entrants):
        click.echo("convbench: nothing was trained, for the reasons above", err=True)
        sys.exit(EXIT_USAGE)


def report_training(folder: Path, output: Path | None) -> bool:
    """Write the files of a training again and show it; False where the folder holds none."""
    if not (folder / HEADER).exists():
        return False
    training = load_training(folder)
    write_training(training, output)
    print_training(training, folder=output)
    return True
