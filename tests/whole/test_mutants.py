"""No planted bug survives: every mutant is called wrong for the tensors that it spoils, the right backend for none."""

from __future__ import annotations

from contextlib import chdir

import pytest
from mutation import PLUGINS, TABLE, explained, outcomes, table
from planted import PLANTED

from convbench.testing.suite import BackendTests
from convbench.verify import DIFFERS_ON_NAN


@pytest.fixture(
    scope="module", params=[pytest.param(15, id="every fifteenth"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
def told(request):
    return outcomes(request.param)


all_of_them = pytest.mark.parametrize("told", [pytest.param(1, id="all", marks=pytest.mark.slow)], indirect=True)


class TestCorrect(BackendTests):
    backend = "correct"
    plugin = "mutants"

    @classmethod
    def setup_class(cls):
        with chdir(PLUGINS):
            super().setup_class()


def test_the_right_one_passes_everything(told):
    plain, on_further_data = (each for each in told if each.name == "correct")
    for correct in (plain, on_further_data):
        assert correct.statuses == {"ok"}
        assert not correct.tensors
        assert not correct.found_by


@all_of_them
def test_there_are_enough_mutants(told):
    assert len(told) > 40
    assert all(each.wrong for each in told if each.name != "correct")


def test_every_mutant_is_called_wrong_for_the_right_tensors(told):
    blamed = {each.name: (set(each.tensors), each.statuses - {"ok", "unsupported"}) for each in told if each.wrong}
    due = {each.name: DIFFERS_ON_NAN if each.differs_on_nan else "wrong" for each in told}
    assert blamed == {each.name: (set(each.wrong), {due[each.name]}) for each in told if each.wrong}


@all_of_them
def test_the_planted_fault_is_told_as_the_reason_for_most_mutants(told):
    reasons = {each.name: each.is_named for each in explained(told)}
    assert sum(reasons.values()) >= 0.8 * len(reasons), [name for name, is_named in reasons.items() if not is_named]


@all_of_them
def test_what_is_planted_is_known_of_every_mutant_whose_results_are_wrong(told):
    assert {each.name for each in explained(told)} <= PLANTED.keys()


@all_of_them
def test_the_table_in_the_documentation_says_what_the_checks_say(told):
    assert TABLE.read_text(encoding="utf-8") == table(told), "python tests/tools/mutation.py writes it again"
