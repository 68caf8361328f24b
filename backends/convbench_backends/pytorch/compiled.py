"""torch.compile of the functions of cases, for the option mode=compile.

Rules:
- A function is compiled for one case and batch size, with all sizes known, and kept for these: neither an update nor
  preparing the case on other tensors compiles anything.
- Dynamo keeps what it compiled with the code object of a function, tries one after the other at each call, and stops
  compiling after some. Functions of one operation share their code, so each gets a code object of its own.
- backward differentiates a kept graph many times. Autograd would be allowed to write into what the graph holds if it
  could be used once only ("donated buffers"), so that is switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from types import FunctionType
from typing import Any

import torch
from torch._functorch import config as autograd_config

from convbench_backends.pytorch.operations import Function, function_of
from convbench_specs import Case, Conv

KEPT_CASES = 64
"""Cases and batch sizes whose functions are kept: those of a workload, not all that a long session sees."""


class CompiledFunctions:
    """The compiled functions of cases on one device."""

    def __init__(self, device: str) -> None:
        autograd_config.donated_buffer = False
        self._device = device
        self._kept = lru_cache(maxsize=KEPT_CASES)(self._new)
        # Inductor now probes the processor and precompiles its headers: seconds that belong to no case.
        torch.compile(torch.neg, dynamic=False)(torch.ones(64, device=device))

    def function_of(self, case: Case, batch_size: int) -> tuple[Function, str]:
        """The function that computes y, compiled at its first call, and what it calls."""
        return self._kept(replace(case, name=""), batch_size)

    def _new(self, case: Case, batch_size: int) -> tuple[Function, str]:
        x = torch.empty((), dtype=getattr(torch, case.dtype), device=self._device).expand(case.x_shape(batch_size))
        function, algorithm = function_of(case, x)
        return torch.compile(_with_code_of_its_own(function), dynamic=False, fullgraph=True), f"compiled {algorithm}"


def why_not_compiled(case: Case) -> str:
    """What torch.compile gets wrong of a case; "" where it is right.

    Inductor lays convolutions out channels last and then expects the gradient of a replicated border so too, while the
    operator gives it channels first: PyTorch 2.13 raises AssertionError in the backward pass.
    """
    is_edge = isinstance(case.operation, Conv) and case.operation.padding_mode == "edge"
    return "its gradient of padding by the nearest element fails" if is_edge and case.rank == 2 else ""


def compile_passes(function: Function, inputs: Sequence[Any], leaves: Sequence[Any], dy: Any) -> None:
    """Call it in each way that the passes will: without gradients, for gradients, and the gradients themselves."""
    function(*inputs)
    torch.autograd.grad(function(*leaves), leaves, dy)


def _with_code_of_its_own(function: Any) -> FunctionType:
    code, values = function.__code__.replace(), function.__globals__
    return FunctionType(code, values, function.__name__, function.__defaults__, function.__closure__)
