"""Writes a page of its own: to a file, or under its usual name into a folder."""

from __future__ import annotations

from pathlib import Path

from convbench.errors import UsageError

SUFFIXES = (".html", ".htm")


def write_page(html: str, output: Path, name: str) -> Path:
    """Write a page and return its path; `output` is a file that ends with .html, or a folder for the file `name`.

    UsageError where it cannot be written.
    """
    path = output if output.suffix.lower() in SUFFIXES and not output.is_dir() else output / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(html, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    return path
