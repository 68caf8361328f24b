"""A plan is read strictly, and stands for just the jobs that it says."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.cli.commands.runs import compare
from convbench.errors import UsageError
from convbench.sweep.plan.file import read_plan
from convbench.sweep.plan.jobs import jobs_of
from convbench.sweep.plan.settings import SETTINGS, value_of, words_of

PLAN = """
title = "Two kinds of processor"
workloads = ["lenet5", "mine.toml"]
machines = ["epyc", "xeon"]

[settings]
backends = ["numpy-im2col", "naive"]
within = 20

[vary]
threads = [1, 2]
batch_sizes = [[1, 8], 32]
"""
MINE = '[[cases]]\nname = "f"\noperation = "flatten"\ninput = [2, 3]\n'
NO_SETTING = {"workloads", "inputs", "case", "output", "resume", "machine", "no_memory", "memory", "per"}
"""What a plan says in other words, what the sweep itself says, and what only the terminal shows."""


@pytest.fixture
def written(tmp_path):
    """A function that writes a plan beside a workload, and reads it."""
    (tmp_path / "mine.toml").write_text(MINE)

    def write(text=PLAN):
        path = tmp_path / "plan.toml"
        path.write_text(text)
        return read_plan(path)

    return write


def test_there_is_a_job_for_each_combination(written):
    jobs = jobs_of(written())
    assert len(jobs) == 2 * 2 * 2 * 2 == len({job.id for job in jobs})
    assert [job.label for job in jobs[:3]] == [
        "lenet5 threads=1 batch_sizes=1+8 epyc",
        "lenet5 threads=1 batch_sizes=1+8 xeon",
        "lenet5 threads=1 batch_sizes=32 epyc",
    ]
    assert shlex.join(jobs[0].arguments) == (
        "lenet5 --backends numpy-im2col,naive --batch-sizes 1,8 --threads 1 --within 20"
    )


def test_every_job_is_a_call_that_compare_takes(written):
    for job in jobs_of(written()):
        assert compare.make_context("compare", [*job.arguments, "--output", "x"]).params["workloads"]


def test_a_plan_knows_every_option_of_compare():
    options = {option for parameter in compare.params for option in parameter.opts if option.startswith("--")}
    keys = {option.removeprefix("--").replace("-", "_") for option in options}
    named = {"input": "inputs"}
    assert {named.get(key, key) for key in keys} - NO_SETTING == set(SETTINGS) - NO_SETTING


def test_a_file_comes_along_and_is_part_of_the_id(written, tmp_path):
    mine = [job for job in jobs_of(written()) if job.files]
    assert len(mine) == 8
    assert mine[0].arguments[0] == "./mine.toml"
    assert mine[0].files == {"mine.toml": MINE}
    (tmp_path / "mine.toml").write_text(MINE.replace("3", "4"))
    changed = [job for job in jobs_of(written()) if job.files]
    assert {job.id for job in mine}.isdisjoint(job.id for job in changed)


def test_ids_stay_when_jobs_are_added(written):
    before = {job.id for job in jobs_of(written())}
    after = {job.id for job in jobs_of(written(PLAN.replace("threads = [1, 2]", "threads = [4, 2, 1]")))}
    assert before < after


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("title", "titel"), "unknown key 'titel'; did you mean title?"),
        (("backends", "backend"), "[settings]: unknown setting 'backend'; did you mean backends"),
        (("threads", "thread"), "[vary]: unknown setting 'thread'; did you mean threads"),
        (("[vary]", "allocator = 3\n[vary]"), "allocator must be text, not 3"),
        (("[1, 2]", "2"), "[vary]: threads must be a list of values, such as [1, 8], not 2"),
        (("[1, 2]", "[0.5]"), "threads must be a whole number, not 0.5"),
        (("[1, 2]", "[true]"), "threads must be a whole number, not True"),
        (("[1, 2]", "[-1]"), "threads must be at least 1"),
        (("within = 20", 'effort = "slow"'), "unknown effort 'slow'"),
        (("within = 20", 'passes = ["forwards"]'), "unknown pass 'forwards'; did you mean forward"),
        (("within = 20", "threads = 1"), "threads stands below [settings] and [vary]"),
        (("lenet5", "lenet9.toml"), "cannot read workload"),
        (("lenet5", "net.py:make"), "convbench extract net.py:make --output net.toml"),
        (("epyc", "two words"), "machines: 'two words' must be letters"),
        (("[vary]", '[packages]\nnumpy = 2\n[vary]'), "packages must be a table of versions"),
        (("machines", "threads = 1\nmachines"), "threads is a setting: it belongs below [settings] or [vary]"),
        (('workloads = ["lenet5", "mine.toml"]', ""), "workloads must be a list of at least one name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_file_and_the_nearest(written, change, said):
    with pytest.raises(UsageError) as caught:
        written(PLAN.replace(*change, 1))
    assert said in str(caught.value)
    assert "plan.toml" in str(caught.value)


def test_the_same_job_twice_is_refused(written):
    with pytest.raises(UsageError, match="occurs twice"):
        jobs_of(written(PLAN.replace("[[1, 8], 32]", "[32, 32]")))


names = st.lists(st.text("ab, \"'é", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=3)


@given(st.fixed_dictionaries({}, optional={
    "cases": names, "batch_sizes": st.lists(st.integers(1, 99), min_size=1, max_size=3),
    "memory": st.booleans(), "find_largest_batch": st.booleans(), "threads": st.integers(1, 64),
    "within": st.floats(1, 1000).map(lambda value: round(value, 1)),
}))  # fmt: skip
def test_the_words_of_settings_are_read_back_as_these_settings(table):
    words = words_of({key: value_of(key, value) for key, value in table.items()})
    read = compare.make_context("compare", list(words)).params
    assert read["no_memory"] == (table.get("memory") is False)
    assert bool(read["find_largest_batch"]) == table.get("find_largest_batch", False)
    for key, option in {"cases": "cases", "batch_sizes": "batch_sizes", "threads": "threads"}.items():
        expected = table.get(key)
        assert read[option] == (tuple(expected) if isinstance(expected, list) else expected)
    assert read["within_s"] == table.get("within")
