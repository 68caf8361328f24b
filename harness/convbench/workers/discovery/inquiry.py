"""Asks a plug-in what it offers, in a process of its own that ends with the last answer.

Nothing of a stranger's runs in the host: an import, an attribute or a method may hang, end the process, print, or
change what is around it. Each question has a time limit; a process that passes it or dies is replaced for the next one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from convbench.plan.status import Status
from convbench.workers.channel.child import Child
from convbench.workers.discovery.loading import PluginRef
from convbench.workers.discovery.questions import Describe, Described
from convbench.workers.environment import variables_for
from convbench.workers.failure import Failure
from convbench.workers.protocol import Plugin, R, Request

IMPORT_LIMIT_S = 60.0
"""For loading a plug-in: one that imports its framework with its module, which it should not, may take long."""
ANSWER_LIMIT_S = 10.0
"""For any other question."""
AT_A_TIME = 4
Found = TypeVar("Found")


class Inquiry:
    """Questions to one plug-in; to be used in a with statement."""

    def __init__(self, ref: PluginRef) -> None:
        self.ref = ref
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.stop()

    def describe(self) -> Described | Failure:
        """Load the plug-in; what is in it."""
        try:
            self._child = Child("inform", variables_for(os.environ, self.ref.python), python=self.ref.python)
        except OSError as error:
            return Failure(Status.ERROR, f"its process could not be started: {error}")
        plugin = Plugin(module=self.ref.module, path=self.ref.path, folder=self.ref.folder)
        return self._ask(self._child, Describe(plugin=plugin), IMPORT_LIMIT_S)

    def ask(self, question: Request[R]) -> R | Failure:
        """The answer to a question."""
        if self._child is None:
            described = self.describe()
            if isinstance(described, Failure):
                return described
        assert self._child is not None
        return self._ask(self._child, question, ANSWER_LIMIT_S)

    def _ask(self, child: Child, question: Request[R], limit_s: float) -> R | Failure:
        child.send(question)
        answer = child.answer(type(question), limit_s)
        if isinstance(answer, Failure) and not answer.alive:
            self._child = None
        return answer


def of_each(refs: Sequence[PluginRef], ask: Callable[[Inquiry], Found]) -> list[Found]:
    """What is asked of several plug-ins, each in its own process, some at a time."""

    def asked(ref: PluginRef) -> Found:
        with Inquiry(ref) as inquiry:
            return ask(inquiry)

    if len(refs) < 2:
        return [asked(ref) for ref in refs]
    with ThreadPoolExecutor(min(AT_A_TIME, len(refs))) as pool:
        return list(pool.map(asked, refs))
