"""A run folder keeps what was written, whatever ended the run, and refuses what it cannot know."""

from __future__ import annotations

import json

import pytest

from convbench.errors import RunError, UsageError
from convbench.results.journal import SCHEMA_VERSION, CellKey, Journal, read_events, read_header

KEY = CellKey("quick", "conv1", "float32", 8, "naive", "forward")


def test_events_come_back_in_order(tmp_path):
    with Journal(tmp_path / "run", {"command": "c"}) as journal:
        journal.write("warning", text="ä")
        journal.cell(KEY, status="ok", first_call_s=0.5)
    assert read_header(tmp_path / "run") == {"schema": SCHEMA_VERSION, "command": "c"}
    first, second = read_events(tmp_path / "run")
    assert first == {"event": "warning", "text": "ä"}
    assert second == {"event": "cell", **KEY.as_columns(), "status": "ok", "first_call_s": 0.5}


def test_an_event_is_in_the_file_when_write_returns(tmp_path):
    journal = Journal(tmp_path, {})
    journal.write("warning", text="now")
    assert [event["text"] for event in read_events(tmp_path)] == ["now"]
    journal.__exit__(None, None, None)


def test_a_line_that_was_cut_short_is_ignored(tmp_path):
    with Journal(tmp_path, {}) as journal:
        journal.write("warning", text="whole")
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"event": "warn')
    assert [event["text"] for event in read_events(tmp_path)] == ["whole"]


def test_damage_in_the_middle_is_named_with_its_line(tmp_path):
    with Journal(tmp_path, {}) as journal:
        journal.write("warning", text="a")
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
        Journal(tmp_path / "file" / "run", {})
