"""SOURCE: where a model is, as a text; and loading what it names, in the process that reads the model.

net.py:make              an object of a file; what can be called without arguments is called for the model
package.module:make      the same of an importable module
net.py:Net(width=64)     called with these arguments, which are literals of Python
library:NAME             a model by its name, of a library that an extractor knows
model.suffix             a file that an extractor reads
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from convbench.text.foreign import clean
from convbench_specs import ExtractionError

OBJECT = re.compile(r"(?P<where>[^():]+):(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?P<call>\(.*\))?")
LIBRARY = re.compile(r"(?P<prefix>[A-Za-z_][\w-]*):(?P<name>[^\s:]+)")
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
FORMS = "FILE.py:FACTORY, PACKAGE.MODULE:FACTORY, or a model file"
SHOWN = 3
"""Names that are shown where one does not exist."""


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments of a call, literals of Python."""

    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def looks_like_source(text: str, prefixes: tuple[str, ...] = (), suffixes: tuple[str, ...] = ()) -> bool:
    """Whether a text that names no workload names a model.

    >>> looks_like_source("net.py:make"), looks_like_source("lib:net.34", ("lib",))
    (True, True)
    >>> looks_like_source("small.model", suffixes=(".model",))
    True
    >>> looks_like_source("layers.toml"), looks_like_source("resnet:18")
    (False, False)
    """
    library, named = LIBRARY.fullmatch(text), OBJECT.fullmatch(text)
    if library is not None and library["prefix"] in prefixes:
        return True
    if named is not None:
        return named["where"].endswith(".py") or MODULE.fullmatch(named["where"]) is not None
    return text.endswith(suffixes)


def model_name(text: str) -> str:
    """The name of the workload that a source becomes.

    >>> model_name("nets/net.py:Net(width=64)"), model_name("library:resnet34"), model_name("nets/small.model")
    ('Net', 'resnet34', 'small')
    """
    found = OBJECT.fullmatch(text) or LIBRARY.fullmatch(text)
    name = Path(text).stem if found is None else found["name"].rpartition(".")[2]
    return clean(re.sub(r"[^\w.-]+", "-", name), 80) or "model"


def load_object(text: str) -> tuple[Any, Call | None]:
    """What a source names in a file or module, not called yet, and the call that it asks for.

    ExtractionError where there is none. It runs the code of the file or module.
    """
    found = OBJECT.fullmatch(text)
    if found is None:
        raise ExtractionError(f"{text!r} names no model: give {FORMS}")
    call = None if found["call"] is None else _call(text, found["call"])
    value: Any = _module(found["where"])
    for part in found["name"].split("."):
        if not hasattr(value, part):
            raise ExtractionError(f"{found['where']} has no {part!r}{_nearest(part, value)}")
        value = getattr(value, part)
    return value, call


def _module(where: str) -> ModuleType:
    folder = Path.cwd()
    if where.endswith(".py"):
        path = Path(where)
        if not path.is_file():
            raise ExtractionError(f"there is no file {where}")
        folder = path.resolve().parent
        spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    else:
        spec = None
    sys.path.insert(0, str(folder))
    try:
        if spec is None:
            return importlib.import_module(where)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        assert spec.loader is not None
        spec.loader.exec_module(module)
    except BaseException as error:
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name is not None
            and f"{where}.".startswith(f"{error.name}.")
        ):
            raise ExtractionError(f"there is no module {where} here: {error}") from None
        raise ExtractionError(f"importing {where} raised {type(error).__name__}: {error}") from error
    return module


def _call(text: str, arguments: str) -> Call:
    try:
        tree = ast.parse(f"call{arguments}", mode="eval").body
        assert isinstance(tree, ast.Call)
        named = {each.arg: ast.literal_eval(each.value) for each in tree.keywords if each.arg is not None}
        return Call(tuple(ast.literal_eval(each) for each in tree.args), named)
    except (SyntaxError, ValueError, AssertionError) as error:
        raise ExtractionError(f"{text}: the arguments must be numbers, texts, True, False or None") from error


def _nearest(name: str, owner: object) -> str:
    known = [each for each in dir(owner) if not each.startswith("_")]
    close = get_close_matches(name, known, n=SHOWN, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""
