"""Reads a model with the extractor that takes it: in a process of its own, or where a live model is."""

from __future__ import annotations

import inspect
import os
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convbench.extraction.source import LIBRARY, Call, load_object
from convbench.text.foreign import LONGEST, clean
from convbench_specs import Extraction, ExtractionError, Extractor

Shapes = tuple[tuple[int, ...], ...]


def read_source(text: str, shapes: Shapes, extractors: Sequence[Extractor]) -> Extraction:
    """What the model of a source computes; ExtractionError, in one line, where that cannot be told."""
    for extractor in extractors:
        for name, value in extractor.environment.items():
            os.environ.setdefault(name, value)
    try:
        opening = next((each for each in extractors if _opens(each, text)), None)
        if opening is not None:
            return opening.extract(opening.open(text), shapes)
        model, call = load_object(text)
        return read_model(_made(text, model, call, extractors), shapes, extractors, named=text)
    except ExtractionError as error:
        raise ExtractionError(_with_place(str(error), error.__cause__)) from error


def _opens(extractor: Extractor, text: str) -> bool:
    """Whether an extractor opens a source itself; ExtractionError where that would be a file that does not exist."""
    library = LIBRARY.fullmatch(text)
    if library is not None and library["prefix"] in extractor.prefixes:
        return True
    if not text.endswith(extractor.suffixes or "\0"):
        return False
    if not Path(text).is_file():
        raise ExtractionError(f"there is no file {text}")
    return True


def read_model(model: object, shapes: Shapes, extractors: Sequence[Extractor], *, named: str) -> Extraction:
    """What a model, or a function of arrays, computes; `named` stands for it in errors."""
    for extractor in extractors:
        if extractor.takes(model):
            return extractor.extract(model, shapes)
    able = [extractor for extractor in extractors if extractor.traces(model)]
    failures: list[Exception] = []
    for extractor in able:
        try:
            return extractor.extract(model, shapes)
        except Exception as error:  # noqa: BLE001  # another framework's function raises anything
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        said = "; ".join(
            f"with {each.name}: {clean(str(error), 150)}" for each, error in zip(able, failures, strict=True)
        )
        raise ExtractionError(f"{named} cannot be traced: {said}") from failures[-1]
    frameworks = ", ".join(extractor.name for extractor in extractors)
    raise ExtractionError(f"{named} is of type {type(model).__name__}, which is no model of {frameworks}")


def _made(text: str, value: Any, call: Call | None, extractors: Sequence[Extractor]) -> object:
    """The model: the object itself, what it returns, or a function that takes the arrays."""
    if any(extractor.takes(value) for extractor in extractors) or not callable(value):
        return value
    missing = _required(value)
    if call is None and missing:
        if not inspect.isclass(value):
            return value  # a function of arrays
        raise ExtractionError(f"{text} needs {', '.join(missing)}: name them, as in {text}({missing[0]}=...)")
    given = call or Call()
    try:
        return value(*given.positional, **given.named)
    except BaseException as error:
        raise ExtractionError(f"{text} raised {type(error).__name__}: {error}") from error


def _required(value: Any) -> list[str]:
    """Parameters without which it cannot be called; a function that cannot be looked at is taken to need an array."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return ["x"]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in kinds]


def _with_place(text: str, error: BaseException | None) -> str:
    """The text with the last line of the user's own code that the error came through."""
    line = clean(text, LONGEST - 100)
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    theirs = [frame for frame in frames if Path(frame.filename).is_file() and not _is_installed(frame.filename)]
    return f"{line} ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else line


def _is_installed(file: str) -> bool:
    """Whether a file is of Python, of an installed package, or of convbench itself."""
    parts = Path(file).parts
    ours = {"convbench", "convbench_specs", "convbench_backends"}
    return not ours.isdisjoint(parts) or "site-packages" in parts or file.startswith(sysconfig.get_path("stdlib"))
