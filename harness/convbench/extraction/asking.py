"""What a script calls, and the command line too: extract."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

from convbench.errors import UsageError
from convbench.extraction.document import counted, left_out_line, percent
from convbench.extraction.extracted import Extracted, extracted
from convbench.extraction.messages import ModelRead, ReadModel
from convbench.extraction.reading import Shapes, read_model
from convbench.extraction.source import looks_like_source, model_name
from convbench.workers.channel.child import Child
from convbench.workers.discovery.loading import PluginRef, offered_by
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registry, find_backends
from convbench.workers.protocol import Plugin
from convbench_specs import (
    Extraction,
    Extractor,
    LeftOut,
    Workload,
    WorkloadError,
    hooks,
    parse_layer,
    shipped_workloads,
)

Shape = Sequence[int]
LIMIT_S = 300.0
"""For reading a model, with the import of its framework."""
MOST_ELEMENTS = 2**40
"""Of one instance of an input: more is a slip of the hand."""


def extract(
    model: Any,
    example: Any = (),
    *,
    plugins: str | Iterable[str] = (),
    timeout_s: float = LIMIT_S,
) -> Extracted:
    """The layers of a model as a workload, and what of it no case can express.

    `model` is a source as text ("net.py:make", see docs/extract.md), which is read in a process of its own within
    timeout_s, or a model that lives here already, which is traced here. `example` is the shape of an instance,
    (channels, height, width), or several of them; for a live model also an example array, or a tuple of them, with the
    batch as the first axis. Files that know their own shape need none.

    Raises ConvbenchError where the model cannot be read, or has no layer that is a case.
    """
    named = (plugins,) if isinstance(plugins, str) else tuple(plugins)
    if isinstance(model, (str, os.PathLike)):
        source = os.fspath(model)
        return extract_source(source, shapes_of(example), find_backends(named).demand(named), timeout_s=timeout_s)
    if isinstance(model, type):
        raise UsageError(f"{model.__name__} is a class: extract() takes a model, such as {model.__name__}()")
    extractors = _live_extractors()
    taking = next((each for each in extractors if each.takes(model)), None)
    shapes = shapes_of(example) if taking is None or _is_shape(example) else taking.shapes_of(example)
    name = type(model).__name__
    return extracted(name, f"a live {name}", read_model(model, shapes, extractors, named=name))


def extract_source(source: str, shapes: Shapes, registry: Registry, *, timeout_s: float = LIMIT_S) -> Extracted:
    """The same of a source, with the extractors of a registry."""
    if not registry.extractors:
        raise UsageError("no plug-in that reads models is installed: install convbench again")
    refs = dict.fromkeys(ref for _, ref in registry.extractors.values())
    plugins = tuple(Plugin(module=ref.module, path=ref.path, folder=ref.folder) for ref in refs)
    try:
        child = Child("extract", os.environ)
    except OSError as error:
        raise UsageError(f"the process that reads {source} could not be started: {error}") from error
    try:
        child.send(ReadModel(source=source, shapes=shapes, plugins=plugins))
        answer = child.answer(ReadModel, timeout_s)
    finally:
        child.stop()
    if isinstance(answer, Failure):
        raise _refusal(source, answer)
    try:
        return extracted(model_name(source), source, _extraction(answer, source))
    except WorkloadError as error:
        raise UsageError(str(error)) from error


def workloads_of_models(
    names: Sequence[str], shapes: Shapes, registry: Registry, note: Callable[[str], None]
) -> dict[str, Workload]:
    """Those of the names that are sources of models, as workloads; `note` is told what is left out of each.

    UsageError where a model needs a shape and there is none, or the other way round.
    """
    found = {}
    for name in dict.fromkeys(names):
        if not names_model(name, registry):
            continue
        if not shapes and not name.endswith(_suffixes(registry)):
            raise UsageError(f"{name} looks like a model: name the shape of its input, such as --input 3,224,224")
        model = extract_source(name, shapes, registry)
        found[name] = model.workload
        cases = counted(len(model.workload.layers), "case")
        note(f"{name}: {cases}, {percent(model.case_share)} of the FLOPs of its forward pass")
        for each in model.left_out:
            note(f"left out: {left_out_line((each, model.share(each.flops)))}")
    if shapes and not found:
        raise UsageError(f"--input is the shape of a model's input, and {', '.join(names) or 'a case'} is none")
    return found


def names_model(name: str, registry: Registry) -> bool:
    """Whether a name, which may be that of a workload, is a source of a model."""
    if name in shipped_workloads() or name in registry.workloads:
        return False
    prefixes = tuple(prefix for extractor, _ in registry.extractors.values() for prefix in extractor.prefixes)
    return looks_like_source(name, prefixes, _suffixes(registry))


def _suffixes(registry: Registry) -> tuple[str, ...]:
    return tuple(suffix for extractor, _ in registry.extractors.values() for suffix in extractor.suffixes)


def shapes_of(given: Any) -> Shapes:
    """Shapes of the inputs from one shape or several; UsageError where they are none."""
    shapes = [given] if _is_shape(given) and given else list(given) if isinstance(given, (tuple, list)) else None
    if shapes is None or not all(_is_shape(shape) for shape in shapes):
        raise UsageError(f"the example must be a shape such as (3, 224, 224), or several, not {type(given).__name__}")
    for shape in shapes:
        elements = 1
        for size in shape:
            elements *= size
        if not 2 <= len(shape) <= 4 or min(shape) < 1 or elements > MOST_ELEMENTS:
            text = ",".join(map(str, shape))
            raise UsageError(f"input {text} must be channels,height,width or channels,width, as in 3,224,224")
    return tuple(tuple(shape) for shape in shapes)


def _refusal(source: str, failure: Failure) -> UsageError:
    """Why there is no answer, in a line that names the source; the traceback shows with --debug."""
    error = UsageError(failure.reason if source in failure.reason else f"{source}: {failure.reason}")
    if failure.traceback:
        error.add_note(failure.traceback)
    return error


def _is_shape(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and all(type(size) is int for size in value)


def _live_extractors() -> Sequence[Extractor]:
    """Those of all installed plug-ins, in this process: here a live model's framework is already."""
    found: list[Extractor] = []
    for module in dict.fromkeys(entry.module for entry in entry_points(group=hooks.PROJECT)):
        with suppress(Exception):  # a plug-in that fails is told by `convbench backends`
            found += [cls() for cls in offered_by(PluginRef(module)).extractors]
    return found


def _extraction(answer: ModelRead, source: str) -> Extraction:
    """An answer held to what cases can be; WorkloadError where it is not."""
    return Extraction(
        layers=tuple(
            parse_layer({**found.case, "count": found.count}, origin=source, number=number)
            for number, found in enumerate(answer.layers, start=1)
        ),
        left_out=tuple(
            LeftOut(
                name=each.name,
                what=each.what,
                reason=each.reason,
                flops=each.flops,
                count=each.count,
                in_scope=each.in_scope,
            )
            for each in answer.left_out
        ),
        dense=answer.dense,
        dense_flops=answer.dense_flops,
        framework=answer.framework,
    )
