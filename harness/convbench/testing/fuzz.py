"""Fuzzing: random cases on every backend until time or count runs out.

- What a backend gets wrong is shrunk to its smallest case, and written as a workload file that shows it again.
- A finding is a backend, an operation, and the tensor that is wrong, or what happened in place of a result. Each is
  reported once; the search goes on for others.
- Each case comes with one further kind of data, or none; a finding says on which data it shows.
- What a backend makes of NaN and infinity is no finding; it is counted.
- The seed decides which cases come, and the numbers in their tensors.
- Workers stay alive; one that dies is replaced, however often.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count as numbers
from math import inf
from pathlib import Path
from random import Random

from convbench.testing.random_cases import batch_sizes, cases  # isort: skip  # first: it says which extra brings hypothesis

from hypothesis import HealthCheck, Phase, find
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import NoSuchExample

from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.run.checking.reproduce import asked_for, check_command
from convbench.run.observer import Observer, Silent
from convbench.testing.checker import Checker, Fault
from convbench.text.cases import case_toml, to_toml
from convbench.text.operations import operation_text
from convbench.workers.plugins import Registered
from convbench_specs import PASSES, Case, DataKind, DType

Drawn = tuple[Case, int, DataKind | None]
"""A case, a batch size, and the further kind of data that it is checked on, if any."""
Signature = tuple[str, str, str, str]
"""Which backend, which operation, which tensor is wrong or what happened in place of a result, and on which kind of
data, empty for usual numbers."""

DTYPES: tuple[DType, ...] = ("float32", "float64")
"""Unless others are asked for."""
AT_ONCE = 100
"""Cases that are drawn from one seed; then comes the next."""
SHRINKING_CASES = 300
"""Cases that a finding may take to get smaller."""
MAX_DEATHS = 1000
"""Workers of a backend that may die."""
WORKERS_LIFE = 1000
"""Cases after which workers are replaced: frameworks keep what they compiled, about a megabyte a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Seconds, cases or both, whichever ends first; UsageError where there is nothing to spend."""

    time_s: float = inf
    count: float = inf

    def __post_init__(self) -> None:
        for option, value in (("--time", self.time_s), ("--count", self.count)):
            if not value > 0:
                raise UsageError(f"fuzzing needs a budget: {option} must be more than 0, not {value:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzFinding:
    """What one backend gets wrong, on the smallest case that shows it, and the file and command that show it again."""

    fault: Fault
    case: Case
    batch_size: int
    file: Path
    command: str

    def describe(self) -> str:
        """One line."""
        return f"{self.fault.status}: {self.fault.backend}: {self.fault.reason}; {self.file}: {self.command}"


@dataclass(slots=True, kw_only=True)
class Fuzzing:
    """A search: iterate over `findings`. `checked` counts the cases without those that shrinking tried."""

    backends: Sequence[Registered]
    settings: RunSettings
    budget: Budget
    folder: Path
    observer: Observer = field(default_factory=Silent)
    checked: int = 0
    computed: Counter[str] = field(default_factory=Counter)
    """By backend, how many cases it had a result for."""
    declined: dict[str, str] = field(default_factory=dict)
    """By backend, why it had none for the first such case."""
    differing: Counter[str] = field(default_factory=Counter)
    """By backend, in how many cases it differs on NaN or infinity."""
    first_difference: dict[str, str] = field(default_factory=dict)
    """By backend, how it does so in the first of them."""
    _begin: float = 0.0
    _percent: int = 0
    _faults: dict[Drawn, list[Fault]] = field(default_factory=dict)
    _reported: set[Signature] = field(default_factory=set)

    def findings(self) -> Iterator[FuzzFinding]:
        """Search, and give each finding when its case is as small as it gets. Nothing is written where all is right."""
        self._begin = time.monotonic()
        with ExitStack() as stack:
            logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="convbench-fuzz-")))
            set_hypothesis_home_dir(logs)  # else it leaves a folder where the user is
            stack.callback(set_hypothesis_home_dir, None)
            checker = stack.enter_context(Checker(self.backends, self.settings, logs, max_deaths=MAX_DEATHS))
            self.observer.begin(100)
            stack.callback(self.observer.end)
            for number in numbers():
                before, random = self.checked, Random(f"{self.settings.seed} {number}")  # noqa: S311  # no secret
                if number and number % (WORKERS_LIFE // AT_ONCE) == 0:
                    checker.renew()
                hunt = Hunt(self, checker)
                if hunt.succeeds(random):
                    yield self._report(hunt)
                elif self.is_over or self.checked == before:
                    return

    @property
    def seconds(self) -> float:
        """Since the search began."""
        return time.monotonic() - self._begin

    @property
    def is_over(self) -> bool:
        """Whether the budget is spent."""
        return self._spent >= 1

    @property
    def _spent(self) -> float:
        return max(self.checked / self.budget.count, self.seconds / self.budget.time_s)

    def new_faults(self, drawn: Drawn, checker: Checker) -> dict[Signature, Fault]:
        """What is wrong on a case and was not reported yet. A case is checked once: a bug of chance may not return."""
        if drawn not in self._faults:
            self._faults[drawn] = self._check(drawn, checker)
        kind = type(drawn[0].operation).__name__.lower()
        faults = {
            (fault.backend, kind, fault.tensor or fault.status, fault.data or ""): fault
            for fault in self._faults[drawn]
        }
        return {signature: fault for signature, fault in faults.items() if signature not in self._reported}

    def _check(self, drawn: Drawn, checker: Checker) -> list[Fault]:
        case, batch_size, kind = drawn
        checked = checker.check(case, batch_size, kinds=() if kind is None else (kind,))
        for (name, _), how in checked.on_nan.items():
            self.first_difference.setdefault(name, f"{operation_text(case.operation)}: {how}")
        self.differing.update({name for name, _ in checked.on_nan})
        for name in checker.sessions:
            left_out = checked.left_out(name)
            if len(left_out) < len(PASSES):
                self.computed[name] += 1
            else:
                self.declined.setdefault(name, left_out["forward"])
        return checked.faults

    def knows(self, drawn: Drawn) -> bool:
        """Whether the case was checked before."""
        return drawn in self._faults

    def count(self, case: Case) -> None:
        """One more case is checked."""
        self.checked += 1
        self.observer.step(f"case {self.checked:,}: {operation_text(case.operation)}")
        percent = min(100, int(100 * self._spent))
        self.observer.advance(percent - self._percent)
        self._percent = percent

    def _report(self, hunt: Hunt) -> FuzzFinding:
        """Write the workload file of what was found."""
        assert hunt.signature is not None
        (case, batch_size, _), fault = hunt.smallest, hunt.fault
        self._reported.add(hunt.signature)
        backend, kind, what, data = hunt.signature
        file = self.folder / f"{'-'.join(filter(None, (backend, kind, re.sub('[^a-z0-9]+', '-', what), data)))}.toml"
        entries = [entry for entry in self.backends if entry.backend.name == backend]
        command = check_command(str(file), batch_size, asked_for(entries), self.settings, data=fault.data)
        title, source = f"{kind} by {backend}: {what}", f"found by convbench fuzz: {fault.reason}; again: {command}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            text = f"title = {to_toml(title)}\nsource = {to_toml(source)}\n\n{case_toml(case)}\n"
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write to the output folder {self.folder}: {error.strerror or error}") from error
        return FuzzFinding(fault=fault, case=case, batch_size=batch_size, file=file, command=command)


class Hunt:
    """One search by hypothesis for a case with a new fault, and for smaller ones with the same."""

    def __init__(self, fuzzing: Fuzzing, checker: Checker) -> None:
        self._fuzzing = fuzzing
        self._checker = checker
        self._shrinking = 0
        self.signature: Signature | None = None
        self.smallest: Drawn
        self.fault: Fault

    def succeeds(self, random: Random) -> bool:
        """Draw as many cases as the budget still allows, AT_ONCE at most; whether one with a new fault came."""
        chosen = hypothesis_settings(
            max_examples=AT_ONCE,
            phases=[Phase.generate, Phase.shrink],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        settings = self._fuzzing.settings
        kinds = st.sampled_from([None, *settings.data])
        drawn = st.tuples(cases(settings.dtypes or DTYPES), batch_sizes(), kinds)
        try:
            find(drawn, self._shows_it, settings=chosen, random=random)
        except NoSuchExample:
            return False
        return True

    def _shows_it(self, drawn: Drawn) -> bool:
        """Whether the case has the fault that is hunted, which is the first new one that comes."""
        if not self._fuzzing.knows(drawn) and not self._may_check(drawn[0]):
            return False
        faults = self._fuzzing.new_faults(drawn, self._checker)
        if self.signature is None:
            self.signature = next(iter(faults), None)
        if self.signature not in faults:
            return False
        self.smallest, self.fault = drawn, faults[self.signature]
        return True

    def _may_check(self, case: Case) -> bool:
        if self.signature is not None:
            self._shrinking += 1
            return self._shrinking <= SHRINKING_CASES
        if self._fuzzing.is_over:
            return False
        self._fuzzing.count(case)
        return True
