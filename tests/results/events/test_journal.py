"""A run folder keeps what was written, whatever ended the run, and refuses what it cannot know."""

from __future__ import annotations

import json
import math

import msgspec
import pytest

from convbench.errors import RunError, UsageError
from convbench.plan.items import CellKey
from convbench.results.events.journal import Journal, read_events, read_header
from convbench.results.events.schema import SCHEMA_VERSION, AgreementFound, CellComputed, WarningGiven, fields_of
from convbench.verify.explain import Explanation

KEY = CellKey("quick", "conv1", "float32", 8, "naive", "forward")


def test_events_come_back_in_order(tmp_path):
    written = [WarningGiven(text="ä"), CellComputed(**fields_of(KEY), data="random", call_s=0.25, first_call_s=0.5)]
    with Journal.begin(tmp_path / "run", {"command": "c"}) as journal:
        for event in written:
            journal.write(event)
    assert read_header(tmp_path / "run") == {"schema": SCHEMA_VERSION, "command": "c"}
    assert list(read_events(tmp_path / "run")) == written
    assert json.loads((tmp_path / "run" / "journal.jsonl").read_text().splitlines()[0]) == {
        "event": "warning",
        "text": "ä",
    }


def test_numbers_that_are_none_or_infinite_come_back(tmp_path):
    row = AgreementFound(
        **fields_of(KEY.item),
        pass_name="forward",
        data="random",
        tensor="y",
        left="a",
        right="b",
        verdict="disagrees",
        bound_multiple=math.inf,
        left_value=math.nan,
    )
    with Journal.begin(tmp_path, {}) as journal:
        journal.write(row)
    (found,) = read_events(tmp_path)
    assert found.bound_multiple == math.inf
    assert math.isnan(found.left_value)


def test_an_event_is_in_the_file_when_write_returns(tmp_path):
    journal = Journal.begin(tmp_path, {})
    journal.write(WarningGiven(text="now"))
    assert [event.text for event in read_events(tmp_path)] == ["now"]
    journal.__exit__(None, None, None)


def test_a_line_that_was_cut_short_is_ignored_and_gone_when_the_run_goes_on(tmp_path):
    with Journal.begin(tmp_path, {}) as journal:
        journal.write(WarningGiven(text="whole"))
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"event": "warn')
    assert [event.text for event in read_events(tmp_path)] == ["whole"]
    with Journal.go_on(tmp_path) as journal:
        journal.write(WarningGiven(text="next"))
    assert [event.text for event in read_events(tmp_path)] == ["whole", "next"]


def test_damage_in_the_middle_is_named_with_its_line(tmp_path):
    with Journal.begin(tmp_path, {}) as journal:
        journal.write(WarningGiven(text="a"))
    path = tmp_path / "journal.jsonl"
    path.write_text("garbage\n" + path.read_text())
    with pytest.raises(RunError, match="damaged at line 1"):
        list(read_events(tmp_path))


def test_a_newer_schema_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"schema": SCHEMA_VERSION + 1}))
    with pytest.raises(RunError, match=f"schema {SCHEMA_VERSION + 1}.*upgrade"):
        read_header(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"schema": "1"}'])
def test_a_damaged_header_is_refused(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match="damaged"):
        read_header(tmp_path)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(RunError, match="no run folder"):
        read_header(tmp_path)
    with pytest.raises(RunError, match="no run folder"):
        list(read_events(tmp_path))


def test_an_output_folder_that_cannot_be_written_is_the_calls_fault(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        Journal.begin(tmp_path / "file" / "run", {})


def test_what_explains_a_wrong_result_comes_back_and_an_older_line_has_none(tmp_path):
    why = (Explanation("kernel_flipped", "the kernel is flipped"), Explanation("axis_reversed", "rows are in reverse"))
    row = AgreementFound(
        **fields_of(KEY.item), pass_name="forward", data="random", tensor="y", left="a", right="b", verdict="disagrees",
        explanations=why,
    )  # fmt: skip
    with Journal.begin(tmp_path, {}) as journal:
        journal.write(row)
        journal.write(msgspec.structs.replace(row, explanations=()))
    assert '"explanations"' not in (tmp_path / "journal.jsonl").read_text().splitlines()[1]
    found, older = read_events(tmp_path)
    assert (found.hypothesis, found.explanation) == (
        "kernel_flipped, axis_reversed", "the kernel is flipped; or rows are in reverse",
    )  # fmt: skip
    assert (older.hypothesis, older.explanation) == ("", "")
