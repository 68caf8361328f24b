"""The equations of a jaxpr in one flat list: calls of other jaxprs are replaced by what is in them.

A value is an object of its own for each place where it is computed, for a jaxpr that is called twice is one object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BODIES = {"scan": "jaxpr", "while": "body_jaxpr", "cond": "branches"}
"""Where control flow keeps the jaxprs that it runs."""


@dataclass(eq=False, slots=True)
class Value:
    """An array of a trace; `constant` is its number where it is one, `maker` the equation that computes it."""

    shape: tuple[int, ...]
    dtype: str
    constant: float | None = None
    maker: Equation | None = None
    readers: list[Equation] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Equation:
    """A primitive and its arrays; it runs `times` times, or an unknown number of times `inside` control flow."""

    primitive: str
    parameters: Mapping[str, Any]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    scope: str
    times: int = 1
    inside: str = ""


@dataclass(frozen=True, slots=True)
class _Where:
    """How often the equations of a jaxpr run."""

    times: int = 1
    inside: str = ""
    scope: str = ""


def inlined(closed: Any) -> list[Equation]:
    """The equations of a ClosedJaxpr in their order."""
    found: list[Equation] = []
    _walk(closed.jaxpr, [_value(each.aval) for each in closed.jaxpr.invars], _Where(), found)
    return found


def _walk(jaxpr: Any, arguments: Sequence[Value], where: _Where, found: list[Equation]) -> list[Value]:
    known: dict[Any, Value] = dict(zip(jaxpr.invars, arguments, strict=True))
    known |= {each: _value(each.aval) for each in jaxpr.constvars}

    def value_of(atom: Any) -> Value:
        if hasattr(atom, "val"):
            return _value(atom.aval, atom.val)
        return known.setdefault(atom, _value(atom.aval))

    for equation in jaxpr.eqns:
        name, inputs = equation.primitive.name, [value_of(each) for each in equation.invars]
        scope = "/".join(filter(None, [where.scope, str(equation.source_info.name_stack)]))
        if name in BODIES:
            for body in _bodies(equation):
                _walk(body, [_value(each.aval) for each in body.invars], _control(equation, where, scope), found)
        elif (nested := _called(equation)) is not None:
            outputs = _walk(nested, inputs, _Where(where.times, where.inside, scope), found)
            known.update(zip(equation.outvars, outputs, strict=True))
            continue
        made = tuple(_value(each.aval) for each in equation.outvars)
        known.update(zip(equation.outvars, made, strict=True))
        flat = Equation(name, equation.params, tuple(inputs), made, scope, where.times, where.inside)
        for each in inputs:
            each.readers.append(flat)
        for each in made:
            each.maker = flat
        found.append(flat)
    return [value_of(each) for each in jaxpr.outvars]


def _bodies(equation: Any) -> list[Any]:
    held = equation.params[BODIES[equation.primitive.name]]
    return [each.jaxpr for each in (held if isinstance(held, (tuple, list)) else [held])]


def _control(equation: Any, where: _Where, scope: str) -> _Where:
    """A scan runs its body a known number of times; what a loop or a condition runs, its values decide."""
    name = equation.primitive.name
    if name == "scan":
        return _Where(where.times * equation.params["length"], where.inside, scope)
    return _Where(where.times, "a loop" if name == "while" else "a condition", scope)


def _called(equation: Any) -> Any:
    """The jaxpr that an equation is only a call of, such as that of a jitted function; None for any other."""
    held = [
        getattr(each, "jaxpr", each)
        for each in equation.params.values()
        if hasattr(each, "eqns") or hasattr(each, "jaxpr")
    ]
    if len(held) != 1 or not hasattr(held[0], "eqns"):
        return None
    (jaxpr,) = held
    fits = _shapes(jaxpr.invars) == _shapes(equation.invars) and _shapes(jaxpr.outvars) == _shapes(equation.outvars)
    return jaxpr if fits else None  # else it is what a reduction does with two numbers


def _shapes(atoms: Sequence[Any]) -> list[Any]:
    return [getattr(each.aval, "shape", None) for each in atoms]


def _value(aval: Any, constant: Any = None) -> Value:
    shape = tuple(getattr(aval, "shape", ()))
    number = float(constant) if constant is not None and shape == () and _is_number(constant) else None
    return Value(shape, str(getattr(aval, "dtype", "")), number)


def _is_number(constant: Any) -> bool:
    try:
        float(constant)
    except (TypeError, ValueError):
        return False
    return True
