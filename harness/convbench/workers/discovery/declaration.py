"""What a backend declares of itself, as plain values that the host can hold.

The host holds no object of a plug-in: code runs wherever an attribute of one is read.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from convbench.plan.entrants import LONGEST_NAME, NAME_RULE, is_name
from convbench_specs import CONTRACT, Backend, Extractor, FrameworkVariables, Option, Supports

OPTIONS_OF_HOST = {
    "threads": "Number of threads.",
    "allocator": "With tuned, glibc keeps freed buffers, so large layers have no page faults.",
}
"""Options that every backend has, and the host itself obeys, with their meanings."""
OPTIONAL = ("availability", "availability_with", "environment", "predict_s")
"""Methods that the host asks only where a backend has one of its own."""
NEVER_THREADS = re.compile(r"PATH|HOME|LANG|LC_.*|TMPDIR|TZ|USER|VIRTUAL_ENV|PYTHON.*|LD_.*")
"""Variables that every worker needs: none of them holds a number of threads."""
Texts = Annotated[tuple[str, ...], Meta(max_length=100)]
Number = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
Variable = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\Z")]
Package = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z", max_length=200)]


class DeclarationError(Exception):
    """A backend declares what the contract does not allow; the text says which attribute, and is one line."""


class Variables(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of convbench_specs.FrameworkVariables."""

    threads: Annotated[tuple[Variable, ...], Meta(max_length=100)] = ()
    passed_prefixes: Annotated[tuple[Variable, ...], Meta(max_length=100)] = ()


class DeclaredOption(msgspec.Struct, frozen=True):
    """The fields of convbench_specs.Option."""

    name: Annotated[str, Meta(max_length=30)]
    default: str | int
    meaning: Annotated[str, Meta(max_length=500)] = ""
    choices: Texts = ()

    @property
    def option(self) -> Option:
        """The option, as the contract has it."""
        return Option(self.name, self.default, self.meaning, self.choices)


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """The class attributes of a backend, see convbench_specs.Backend.

    `has` are those of the optional methods that it has of its own.
    """

    name: str
    short_name: Annotated[str, Meta(max_length=20)] = ""
    summary: str = ""
    contract: tuple[Number, Number] = CONTRACT
    devices: Annotated[Texts, Meta(min_length=1)] = ("cpu",)
    supports: Supports = Supports()
    operations: Texts = ()
    ranks: Annotated[tuple[Number, ...], Meta(max_length=100)] = ()
    is_deterministic: bool = True
    is_reference: bool = False
    display_order: Number | None = None
    packages: Annotated[tuple[Package, ...], Meta(max_length=100)] = ()
    framework_variables: Variables = Variables()
    options: Annotated[tuple[DeclaredOption, ...], Meta(max_length=50)] = ()
    has: Texts = ()

    @property
    def supported(self) -> Supports:
        """What it may be asked for, also by the older `operations` and `ranks`."""
        return self.supports.only(self.operations, self.ranks)

    @property
    def variables(self) -> FrameworkVariables:
        """The variables of its framework, as the contract has them."""
        return FrameworkVariables(
            threads=self.framework_variables.threads, passed_prefixes=self.framework_variables.passed_prefixes
        )


class DeclaredExtractor(msgspec.Struct, frozen=True, kw_only=True):
    """The class attributes of an extractor that tell which sources it opens, see convbench_specs.Extractor."""

    name: Annotated[str, Meta(max_length=LONGEST_NAME)]
    prefixes: Texts = ()
    suffixes: Texts = ()


def declared_extractor(extractor: type[Extractor]) -> DeclaredExtractor:
    """What an extractor declares; DeclarationError where it is not as the contract says."""
    fields = ("name", "prefixes", "suffixes")
    try:
        return msgspec.convert({field: getattr(extractor, field) for field in fields}, DeclaredExtractor)
    except (msgspec.ValidationError, TypeError) as error:
        raise DeclarationError(f"{extractor.__name__}: {str(error).replace('`', '')}") from error


def declaration_of(backend: Backend) -> Declaration:
    """What a backend declares; DeclarationError names an attribute that is not as the contract says.

    One that was made for a later contract is refused before its other attributes are read: they may be new.
    """
    name, contract = _name(backend), _value(backend, "contract")
    if contract[0] > CONTRACT[0]:
        ours, theirs = (".".join(map(str, version)) for version in (CONTRACT, contract))
        raise DeclarationError(f"{name!r} was made for contract {theirs}, this convbench has {ours}: upgrade convbench")
    values = {field: _value(backend, field) for field in _TYPES if field not in ("name", "contract", "has")}
    for variable in values["framework_variables"].threads:
        if NEVER_THREADS.fullmatch(variable):
            raise DeclarationError(f"{name}: framework_variables: {variable} holds no number of threads")
    names = [option.name for option in values["options"]]
    taken = [each for each in names if each in OPTIONS_OF_HOST or names.count(each) > 1]
    if taken:
        raise DeclarationError(f"{name}: options: {taken[0]!r} is declared twice, or is an option of every backend")
    own = tuple(each for each in OPTIONAL if getattr(type(backend), each, None) is not getattr(Backend, each))
    return Declaration(name=name, contract=contract, has=own, **values)


def _name(backend: Backend) -> str:
    name: str = _value(backend, "name")
    if not is_name(name):
        shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        raise DeclarationError(f"{shown!r} cannot be the name of a backend: {NAME_RULE}")
    return name


def _value(backend: Backend, field: str) -> Any:  # each has a type of its own
    """An attribute, converted to the type that Declaration gives it."""
    given = getattr(backend, field)
    if isinstance(given, FrameworkVariables):
        given = {"threads": given.threads, "passed_prefixes": given.passed_prefixes}
    if isinstance(given, Supports):
        given = asdict(given)
    if field == "options":
        given = [
            {name: getattr(each, name) for name in Option.__dataclass_fields__} if isinstance(each, Option) else each
            for each in given
        ]
    try:
        return msgspec.convert(given, _TYPES[field])
    except (msgspec.ValidationError, TypeError) as error:
        raise DeclarationError(f"{type(backend).__name__}.{field}: {str(error).replace('`', '')}") from error


_TYPES: dict[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Declaration)}
