"""Margins by case: from a file that is read strictly."""

from __future__ import annotations

import pytest

from convbench.errors import UsageError
from convbench.results.diff.thresholds import Thresholds, read_thresholds


def test_the_last_pattern_that_fits_counts(tmp_path):
    path = tmp_path / "margins.toml"
    path.write_text('fail_above = 4\nmemory_above = 8\n[cases]\n"conv*" = 10\n"lenet5/conv2" = 3\n')
    margins = read_thresholds(path)
    assert [margins.of("lenet5", case) for case in ("pool1", "conv1", "conv2")] == [0.04, 0.1, 0.03]
    assert margins.memory_above == 0.08
    assert margins.unused([("lenet5", "conv1")]) == ["lenet5/conv2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fail_abov = 5", r"unknown key in .*margins\.toml 'fail_abov'; did you mean fail_above\?"),
        ("fail_above = 5\n[case]\nconv1 = 3", r"unknown key in .*margins\.toml 'case'; did you mean cases\?"),
        ("cases = 5", "cases must be a table of patterns"),
        ('[cases]\nconv1 = "10 %"', "'conv1' must be per cents from 0 to 1000, such as 5, not '10 %'"),
        ("fail_above = true", "fail_above must be per cents"),
        ("fail_above = -1", "fail_above must be per cents"),
        ("fail_above = 5 %", "is not valid TOML"),
    ],
)
def test_what_is_no_threshold_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "margins.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as refused:
        read_thresholds(path)
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*missing\.toml: No such file"):
        read_thresholds(tmp_path / "missing.toml")


def test_without_a_file_all_cases_have_one_margin():
    assert Thresholds().of("any", "case") == 0.05
