"""Writes a run in another tool's format to a file, or gives it to the caller."""

from __future__ import annotations

import os
from pathlib import Path

from convbench.errors import UsageError
from convbench.report.export.formats import format_named
from convbench.results.run import Run

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file in which steps of a job of GitHub collect what its page shows."""


def export(run: Run, format: str, path: str | Path | None = None) -> str | bytes:  # noqa: A002  # as the option is named
    """Return the run in the format of another tool and, with `path`, write it to a file.

    A file that exists is replaced, but for the step summary of a job of GitHub, to whose end the text is added. Parquet
    is bytes, every other format is text. UsageError where the format is unknown, needs something that is not installed
    or that the run has not, or where the file cannot be written.
    """
    made = format_named(format).render(run)
    if path is not None:
        _write(made.encode() if isinstance(made, str) else made, Path(path))
    return made


def _write(content: bytes, path: Path) -> None:
    try:
        with path.open("ab" if is_step_summary(path) else "wb") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def is_step_summary(path: Path) -> bool:
    """Whether a path is that of the step summary of the job of GitHub that this process runs in."""
    named = os.environ.get(STEP_SUMMARY)
    return bool(named) and path.resolve() == Path(named or "").resolve()
