"""The files that are made of a training: its table, and its page."""

from __future__ import annotations

from pathlib import Path

from convbench.errors import UsageError
from convbench.report.files import write_csv
from convbench.report.pages.writing import write_page
from convbench.report.training.page import PAGE_NAME, render_training
from convbench.results.training.table import training_table
from convbench.results.training.training import Training

TABLE = "training.csv"


def write_training(training: Training, folder: Path | None = None) -> None:
    """Write them into a folder, that of the training where none is given; UsageError where that fails."""
    folder = folder or training.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(training_table(training), folder / TABLE)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}") from error
    write_page(render_training(training), folder, PAGE_NAME)
