"""Which module of a PyTorch model a call belongs to: a stack of the modules whose forward runs."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import torch
from torch.nn.modules import module as hooks


class ModuleStack:
    """Follows the modules of a model while it runs; to be used in a with statement."""

    def __init__(self, model: Any) -> None:
        modules = model.named_modules() if isinstance(model, torch.nn.Module) else ()
        self._paths = {id(module): path for path, module in modules}
        self._stack: list[Any] = []
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        self._handles = [
            hooks.register_module_forward_pre_hook(self._begin),
            hooks.register_module_forward_hook(self._end, always_call=True),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def name(self, kind: str) -> str:
        """The path of the innermost module; with the kind behind it where that module has others in it."""
        if not self._stack:
            return kind
        module = self._stack[-1]
        path = self._paths.get(id(module), type(module).__name__)
        is_leaf = next(iter(module.children()), None) is None
        return path if path and is_leaf else f"{path}.{kind}".lstrip(".")

    def _begin(self, module: Any, inputs: Any) -> None:
        self._stack.append(module)

    def _end(self, module: Any, inputs: Any, output: Any) -> None:
        if self._stack:
            self._stack.pop()
