"""Fuzzing: random cases on every backend until time or count runs out.

- What a backend gets wrong is shrunk to its smallest case, and written as a workload file that shows it again.
- A finding is a backend, an operation, and the tensor that is wrong, or what happened in place of a result. Each is
  reported once; the search goes on for others.
- Cases are drawn from what the backends declare in `supports`, in equal parts where they differ.
- A case that no backend computes is drawn, not counted. Where a backend that must compute enough declines most cases
  all the same, plain ones are drawn more often; a search ends without its count when that does not help.
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

from convbench.testing.random_cases import batch_sizes, cases, plain_cases  # isort: skip  # first: it says which extra brings hypothesis

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
from convbench_specs import PASSES, Case, DataKind, DType, Supports

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
MOST_DRAWN = 20
"""So many cases may be drawn for one that a backend computes."""
NARROW = 0.5
"""A backend that computes a smaller share of what was drawn gets more plain cases."""
TOO_FEW = 0.1
"""A smaller share of the counted cases is next to nothing: no claim about that backend."""
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
    """A search: iterate over `findings`.

    `checked` counts the cases that any backend computed, `drawn` all, both without those that shrinking tried. `must`
    are the backends about which something is to be claimed.
    """

    backends: Sequence[Registered]
    settings: RunSettings
    budget: Budget
    folder: Path
    observer: Observer = field(default_factory=Silent)
    must: Sequence[str] = ()
    checked: int = 0
    drawn: int = 0
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
                before, random = self.drawn, Random(f"{self.settings.seed} {number}")  # noqa: S311  # no secret
                if number and number % (WORKERS_LIFE // AT_ONCE) == 0:
                    checker.renew()
                hunt = Hunt(self, checker)
                if hunt.succeeds(random):
                    yield self._report(hunt)
                elif self.is_over or self.drawn == before:
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
        counted = max(self.checked, self.drawn / MOST_DRAWN)
        return max(counted / self.budget.count, self.seconds / self.budget.time_s)

    @property
    def supports(self) -> list[Supports]:
        """What the backends support, each that differs from the others once: cases are drawn from all of them."""
        return list(dict.fromkeys(entry.backend.supported for entry in self.backends))

    @property
    def is_narrow(self) -> bool:
        """Whether a backend about which something is to be claimed declines most of what is drawn."""
        return any(self.computed[name] < NARROW * self.drawn for name in self.must)

    @property
    def too_few(self) -> list[str]:
        """The backends that computed nothing, or next to nothing, of what something is to be claimed about."""
        return [name for name in self.must if self.computed[name] <= TOO_FEW * self.checked]

    def new_faults(self, drawn: Drawn, checker: Checker, *, counts: bool) -> dict[Signature, Fault]:
        """What is wrong on a case and was not reported yet. A case is checked once: a bug of chance may not return.

        `counts` says that it belongs to the search, and is none that shrinking tries.
        """
        if drawn not in self._faults:
            self._faults[drawn] = self._check(drawn, checker, counts=counts)
        kind = type(drawn[0].operation).__name__.lower()
        faults = {
            (fault.backend, kind, fault.tensor or fault.status, fault.data or ""): fault
            for fault in self._faults[drawn]
        }
        return {signature: fault for signature, fault in faults.items() if signature not in self._reported}

    def _check(self, drawn: Drawn, checker: Checker, *, counts: bool) -> list[Fault]:
        case, batch_size, kind = drawn
        checked = checker.check(case, batch_size, kinds=() if kind is None else (kind,))
        for (name, _), how in checked.on_nan.items():
            self.first_difference.setdefault(name, f"{operation_text(case.operation)}: {how}")
        self.differing.update({name for name, _ in checked.on_nan})
        if counts:
            left_out = {name: checked.left_out(name) for name in checker.sessions}
            computing = [name for name, passes in left_out.items() if len(passes) < len(PASSES)]
            self.computed.update(computing)
            self.checked += bool(computing)
            for name in left_out.keys() - computing:
                self.declined.setdefault(name, left_out[name]["forward"])
        return checked.faults

    def knows(self, drawn: Drawn) -> bool:
        """Whether the case was checked before."""
        return drawn in self._faults

    def begin(self, case: Case) -> None:
        """One more case is drawn."""
        self.drawn += 1
        self.observer.step(f"case {self.checked + 1:,}: {operation_text(case.operation)}")
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
        dtypes = settings.dtypes or DTYPES
        some = [cases(dtypes, supports=each) for each in self._fuzzing.supports]
        if self._fuzzing.is_narrow:
            some.insert(0, plain_cases(dtypes))
        drawn = st.tuples(st.one_of(some), batch_sizes(), kinds)
        try:
            find(drawn, self._shows_it, settings=chosen, random=random)
        except NoSuchExample:
            return False
        return True

    def _shows_it(self, drawn: Drawn) -> bool:
        """Whether the case has the fault that is hunted, which is the first new one that comes."""
        if not self._fuzzing.knows(drawn) and not self._may_check(drawn[0]):
            return False
        faults = self._fuzzing.new_faults(drawn, self._checker, counts=self.signature is None)
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
        self._fuzzing.begin(case)
        return True
