"""Errors that every extractor raises in the same words."""

from __future__ import annotations

from convbench_specs import ExtractionError

LONGEST = 300
EXAMPLE = "--input 3,224,224"


def no_shape(what: str) -> ExtractionError:
    """The user must say the shape of an input."""
    return ExtractionError(f"{what} does not tell the shape of its input: add {EXAMPLE}, channels first, no batch")


def not_installed(source: str, package: str, error: BaseException) -> ExtractionError:
    """A library that a source needs is missing, or cannot be imported."""
    return ExtractionError(f"{source} needs {package}, which cannot be imported here: {one_line(error)}")


def one_line(error: BaseException) -> str:
    """An exception in one line, cut."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def shape_text(shapes: tuple[tuple[int, ...], ...]) -> str:
    """Shapes as --input takes them."""
    return " and ".join(",".join(map(str, shape)) for shape in shapes)
