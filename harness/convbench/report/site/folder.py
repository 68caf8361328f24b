"""The folder of a site: made beside its place, then moved into it file by file. What is not of a site is left alone."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convbench.errors import UsageError
from convbench.text.strict_json import to_json

MARKER = "convbench-site.json"
"""Lists the files of a site; a folder that has it may be written again."""


def check_place(output: Path, runs: Path) -> None:
    """UsageError where no site can be written: a file, a folder of something else, or one among the runs."""
    if output.resolve().is_relative_to(runs.resolve()):
        raise UsageError(f"{output} is in {runs}, the folder of runs: name a folder beside it with --output")
    if not output.exists():
        return
    if not output.is_dir():
        raise UsageError(f"{output} is a file: name a folder for the site with --output")
    if not (output / MARKER).is_file() and any(not each.name.startswith(".") for each in output.iterdir()):
        raise UsageError(f"{output} is not empty and holds no site of convbench: name another --output")


@contextmanager
def site_folder(output: Path) -> Iterator[Path]:
    """A folder to write a site into; it is moved to its place at the end. UsageError where that cannot be written."""
    scratch = None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{output.name[:40]}-", dir=output.parent))
        yield scratch
        _move(scratch, output)
    except OSError as error:
        raise UsageError(f"cannot write the site to {output}: {error.strerror or error}") from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _move(scratch: Path, output: Path) -> None:
    """Put the new files over the old ones, and take away those that the site no longer has; the marker comes last."""
    output.mkdir(exist_ok=True)
    files = sorted(path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file())
    before = _listed(output)
    for name in files:
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).replace(output / name)
    for name in before - set(files):
        (output / name).unlink(missing_ok=True)
    (output / MARKER).write_text(to_json({"files": files}, indent=0) + "\n", encoding="utf-8")


def _listed(output: Path) -> set[str]:
    """The files that the marker lists, if they are in the folder."""
    try:
        names = json.loads((output / MARKER).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, TypeError, KeyError):
        return set()
    inside = output.resolve()
    return {str(name) for name in names if (inside / str(name)).resolve().is_relative_to(inside)}
