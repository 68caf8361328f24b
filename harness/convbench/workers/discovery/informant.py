"""Answers for a plug-in what the host asks before any worker computes; the process around it is in serving.py."""

from __future__ import annotations

from convbench.workers.contract import availability_of, fault_line, variables_of
from convbench.workers.discovery import questions
from convbench.workers.discovery.declaration import DeclarationError, declaration_of, declared_extractor
from convbench.workers.discovery.loading import PluginRef, offered_by
from convbench.workers.protocol import Reply
from convbench_specs import Available, Backend, Settings


class Informant:
    """A loaded plug-in and its backends by name."""

    def __init__(self) -> None:
        self._backends: dict[str, Backend] = {}

    @property
    def backend(self) -> None:
        """None: no fault is one of a call."""

    def answer(self, question: questions.Question) -> Reply:
        """The answer to any question; what the plug-in raises passes through."""
        if isinstance(question, questions.Describe):
            return self.describe(PluginRef(question.plugin.module, question.plugin.path, question.plugin.folder))
        if isinstance(question, questions.AskAvailability):
            return self.availability(question)
        return self.environment(question)

    def availability(self, question: questions.AskAvailability) -> questions.IsAvailable:
        """Whether a backend can run, and its version or why not."""
        settings = Settings(threads=question.threads, device=question.device, options=question.options)
        found = availability_of(self._backends[question.backend].availability_with(settings))
        if isinstance(found, Available):
            return questions.IsAvailable(can_run=True, text=found.version)
        return questions.IsAvailable(can_run=False, text=found.reason)

    def environment(self, question: questions.AskEnvironment) -> questions.Variables:
        """The variables that a backend asks for."""
        settings = Settings(
            threads=question.threads,
            device=question.device,
            scratch_folder=question.scratch_folder,
            options=question.options,
        )
        return questions.Variables(values=variables_of(self._backends[question.backend].environment(settings)))

    def describe(self, ref: PluginRef) -> questions.Described:
        """Load a plug-in; a backend whose declaration breaks the contract is left out and the others stay."""
        offered, described, refused = offered_by(ref), [], []
        for cls in offered.backends:
            try:
                backend = cls()
                declared = declaration_of(backend)
            except DeclarationError as error:
                refused.append(str(error))
                continue
            except BaseException as error:  # noqa: BLE001  # a stranger's code: anything may come
                refused.append(fault_line(error, None))
                continue
            described.append(declared)
            self._backends.setdefault(declared.name, backend)
        extractors = []
        for extractor in offered.extractors:
            try:
                extractors.append(declared_extractor(extractor))
            except DeclarationError as error:
                refused.append(str(error))
        return questions.Described(
            backends=tuple(described),
            workloads=tuple(map(str, offered.workloads)),
            extractors=tuple(extractors),
            refused=tuple(refused),
        )
