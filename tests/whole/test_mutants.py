"""No planted bug survives: every mutant is called wrong for the tensors that it spoils, the right backend for none."""

from __future__ import annotations

from contextlib import chdir

import pytest
from mutation import PLUGINS, TABLE, named, names, outcomes, page, row, rows_of
from planted import PLANTED

from convbench.testing.suite import BackendTests
from convbench.verify import DIFFERS_ON_NAN


class TestCorrect(BackendTests):
    backend = "correct"
    plugin = "mutants"

    @classmethod
    def setup_class(cls):
        with chdir(PLUGINS):
            super().setup_class()


@pytest.mark.slow
class TestTheRightBackend:
    """On plain data and on all kinds."""

    def test_it_passes_everything(self):
        told = outcomes(["correct"])
        assert len(told) == 2  # on plain data, and on all kinds
        for correct in told:
            assert correct.statuses == {"ok"}
            assert not correct.tensors
            assert not correct.found_by


KNOWN_BY_ITS_TIME = {"computed-in-prepare"}
"""It hands out copies sooner than any machine could compute: on a busy one only where the case is large enough."""


class OfMutants:
    """What the checks say of some mutants. A class is for one process: what it shares is computed once."""

    @staticmethod
    def chosen() -> list[str]:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls):
        return outcomes(cls.chosen())

    def test_each_is_called_wrong_for_the_right_tensors(self, told):
        due = {each.name: DIFFERS_ON_NAN if each.differs_on_nan else "wrong" for each in told}
        for each in told:
            blamed, wrong = set(each.tensors), set(each.wrong)
            assert blamed == wrong or (each.name in KNOWN_BY_ITS_TIME and set() < blamed < wrong), each
            assert each.statuses - {"ok", "unsupported"} == {due[each.name]}, each
        assert {each.name for each in told} == set(self.chosen())

    def test_the_page_says_what_the_checks_say(self, told):
        rows = rows_of(TABLE.read_text(encoding="utf-8"))
        for each in told:
            assert rows[each.name] == row(each), "python tests/tools/mutation.py writes the page again"


class TestSomeMutants(OfMutants):
    @staticmethod
    def chosen():
        return names()[::15]


@pytest.mark.slow
class TestGeometry(OfMutants):
    @staticmethod
    def chosen():
        return names("geometry")


@pytest.mark.slow
class TestSums(OfMutants):
    @staticmethod
    def chosen():
        return names("sums")


@pytest.mark.slow
class TestPools(OfMutants):
    @staticmethod
    def chosen():
        return names("pools")


@pytest.mark.slow
class TestResults(OfMutants):
    @staticmethod
    def chosen():
        return names("results")


@pytest.mark.slow
class TestState(OfMutants):
    @staticmethod
    def chosen():
        return names("state")


@pytest.mark.slow
class TestKindsOfData(OfMutants):
    @staticmethod
    def chosen():
        return names("kinds")


def test_every_mutant_is_in_one_of_the_classes_above_and_on_the_page():
    among = [names(module) for module in ("geometry", "sums", "pools", "results", "state", "kinds")]
    every = sorted(name for part in among for name in part)
    assert every == sorted(names()) == sorted(rows_of(TABLE.read_text(encoding="utf-8")))
    assert len(every) > 90


def test_the_page_tells_the_planted_fault_as_the_reason_for_most_mutants():
    text = TABLE.read_text(encoding="utf-8")
    rows = rows_of(text).values()
    found = named(rows)
    assert found.keys() <= PLANTED.keys()
    assert sum(found.values()) >= 0.8 * len(found), [name for name, is_named in found.items() if not is_named]
    assert text == page(list(rows)), "its share, too, is written by python tests/tools/mutation.py"
