"""What the identities say of each tensor of a backend, one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from convbench.verify.check import Results
from convbench.verify.compare import Deviation, Element
from convbench.verify.identities.adjoint import Compute, adjoint, batch_additivity
from convbench.verify.identities.differences import finite_differences
from convbench_specs import Case, TensorName, Tensors

Identity = Literal["adjoint", "batch additivity", "finite differences"]
IDENTITIES: tuple[Identity, ...] = get_args(Identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an identity says of a tensor. `results` are what it ties together: if it breaks, one of them is wrong."""

    identity: Identity
    tensor: TensorName
    results: tuple[TensorName, ...]
    deviation: Deviation
    sentence: str

    @property
    def breaks(self) -> bool:
        """Whether it does not hold; where the backend failed, nothing is known."""
        return self.deviation.verdict == "disagrees"


def hold_adjoint(case: Case, tensors: Tensors, results: Results) -> list[Held]:
    """The adjoint identity, a row a result."""
    products = adjoint(case, tensors, results)
    names = list(dict.fromkeys(name for each in products for name in each.results))
    broken = [each for each in products if each.verdict == "disagrees"]
    blamed = [name for name in names if all(each in broken for each in products if name in each.results)]
    if broken and not blamed:  # one pair of three, by a hair
        blamed = list(broken[0].results)
    found = []
    for name in names:
        worst = max((each for each in products if name in each.results), key=lambda each: each.multiple)
        here, there = (worst.one, worst.other) if name == worst.results[0] else (worst.other, worst.one)
        deviation = Deviation(
            tensor=name,
            verdict="disagrees" if name in blamed else "agrees",
            total=1,
            off=int(name in blamed),
            worst=Element(index=(), actual=here, expected=there, multiple=worst.multiple),
        )
        sentence = f"{name}: {worst.describe()}"
        found.append(
            Held(identity="adjoint", tensor=name, results=worst.results, deviation=deviation, sentence=sentence)
        )
    return found


def hold_halves(case: Case, tensors: Tensors, whole: Results, compute: Compute) -> list[Held]:
    """Batch additivity, a row a result."""
    return [
        Held(
            identity="batch additivity",
            tensor=found.tensor,
            results=(found.tensor,),
            deviation=found,
            sentence=f"{found.describe()}, by what the two halves of the batch give",
        )
        for found in batch_additivity(case, tensors, whole, compute)
    ]


def hold_differences(case: Case, tensors: Tensors, whole: Results, compute: Compute, *, seed: int) -> list[Held]:
    """Finite differences, a row a gradient."""
    return [
        Held(
            identity="finite differences",
            tensor=found.tensor,
            results=(found.tensor, "y"),
            deviation=found,
            sentence=f"{found.describe()}, by central differences of <y, dy>",
        )
        for found in finite_differences(case, tensors, whole, compute, seed=seed)
    ]
