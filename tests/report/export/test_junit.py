"""JUnit XML tells what the checks found: failures, errors, and what is not proven."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from mixed_run import ABSENT, AGAIN, FAILED, HOSTILE, REASON, RIGHT, UNPROVEN, WRONG, write_mixed_run

from convbench.report.export import export
from convbench.results.loading import load_run


@pytest.fixture(scope="module")
def cases(run):
    root = ET.fromstring(export(run, "junit"))
    by_backend = {}
    for case in root.iter("testcase"):
        by_backend.setdefault(case.get("name").partition(":")[0], []).append(case)
    return by_backend


def outcome(case):
    return next((case.find(tag) for tag in ("failure", "error", "skipped") if case.find(tag) is not None), None)


def test_every_cell_is_a_test_case(run):
    root = ET.fromstring(export(run, "junit"))
    found = list(root.iter("testcase"))
    assert len(found) == len(run.measurements)
    assert len({(case.get("classname"), case.get("name")) for case in found}) == len(found)
    assert f"w.{HOSTILE}" in {case.get("classname") for case in found}


def test_counts_are_those_of_the_cases(run):
    root = ET.fromstring(export(run, "junit"))
    for element in (root, *root.iter("testsuite")):
        counts = {name: int(element.get(name)) for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": 48, "failures": 8, "errors": 8, "skipped": 16}


def test_a_wrong_cell_is_a_failure_with_its_finding_and_its_command(cases):
    for case in cases[WRONG]:
        failure = outcome(case)
        assert (failure.tag, failure.get("type"), failure.get("message")) == ("failure", "disagrees", REASON)
        assert AGAIN in failure.text


def test_a_failed_cell_is_an_error(cases):
    assert {(outcome(case).tag, outcome(case).get("type")) for case in cases[FAILED]} == {("error", "crashed")}


def test_what_is_not_proven_is_skipped_with_the_reason(cases):
    for backend, message in ((ABSENT, "unsupported: only <one> axis | no more"), (UNPROVEN, "untrusted")):
        for case in cases[backend]:
            assert outcome(case).tag == "skipped"
            assert outcome(case).get("message").startswith(message)


def test_only_a_right_cell_has_a_time(cases, stored_times, run):
    stored = {times[0] for times in stored_times(run).values()}
    found = set()
    for backend, its in cases.items():
        for case in its:
            assert (case.get("time") is not None) == (backend in RIGHT)
            values = {each.get("name"): float(each.get("value")) for each in case.iter("property")}
            if values:
                found.add(values["median_s"])
                assert float(case.get("time")) == pytest.approx(values["median_s"], abs=1e-12)
    assert found == stored


def test_there_are_faults_exactly_where_the_run_exits_with_1(run, tmp_path):
    right = load_run(write_mixed_run(tmp_path / "right", backends=(*RIGHT, ABSENT)))
    for each in (run, right):
        root = ET.fromstring(export(each, "junit"))
        assert (root.get("failures"), root.get("errors")) == (("0", "0") if each is right else ("8", "8"))
        assert (each.is_right and not each.has_failed) is (each is right)


def test_a_run_without_times_has_the_same_outcomes(run, untimed):
    outcomes = [
        [getattr(outcome(case), "tag", None) for case in ET.fromstring(export(each, "junit")).iter("testcase")]
        for each in (run, untimed)
    ]
    assert outcomes[0] == outcomes[1]
