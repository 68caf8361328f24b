"""A run folder keeps what was written, whatever ended the run, and refuses what it cannot know."""

from __future__ import annotations

import json
import math
import re
import resource
import shutil
import signal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from convbench.errors import RunError, UsageError
from convbench.plan.items import CellKey
from convbench.results.events.header import read_header
from convbench.results.events.journal import JOURNAL, Journal, read_events
from convbench.results.events.schema import SCHEMA_VERSION, AgreementFound, CellComputed, WarningGiven, fields_of
from convbench.verify.explain import Explanation

KEY = CellKey("quick", "conv1", "float32", 8, "naive", "forward")
ROW = AgreementFound(
    **fields_of(KEY.item),
    pass_name="forward",
    data="random",
    tensor="y",
    left="a",
    right="b",
    verdict="disagrees",
)


def test_events_come_back_in_order(tmp_path):
    written = [WarningGiven(text="ä"), CellComputed(**fields_of(KEY), data="random", call_s=0.25, first_call_s=0.5)]
    with Journal.begin(tmp_path / "run", {"command": "c"}) as journal:
        for event in written:
            journal.write(event)
    assert read_header(tmp_path / "run") == {"schema": SCHEMA_VERSION, "command": "c"}
    assert list(read_events(tmp_path / "run")) == written
    first = json.loads((tmp_path / "run" / "journal.jsonl").read_text().splitlines()[0])
    assert {key: value for key, value in first.items() if key != "crc32"} == {"event": "warning", "text": "ä"}


def test_numbers_that_are_none_or_infinite_come_back(tmp_path):
    row = replace(ROW, bound_multiple=math.inf, left_value=math.nan)
    with Journal.begin(tmp_path, {}) as journal:
        journal.write(row)
    (found,) = read_events(tmp_path)
    assert found.bound_multiple == math.inf
    assert math.isnan(found.left_value)


def strict(text):
    """JSON as the standard has it: a word such as Infinity is an error."""

    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


@given(value=st.floats(allow_nan=True), other=st.one_of(st.none(), st.floats()))
def test_every_line_and_the_header_are_strict_json_whatever_was_computed(tmp_path_factory, value, other):
    folder = tmp_path_factory.mktemp("run")
    row = replace(ROW, bound_multiple=other, left_value=value, right_value=-value, description="Infinity")
    with Journal.begin(folder, {"floor": value}) as journal:
        journal.write(row)
    (line,) = (folder / "journal.jsonl").read_text().splitlines()
    assert isinstance(strict(line), dict)
    assert strict((folder / "run.json").read_text())["schema"] == SCHEMA_VERSION
    (found,) = read_events(folder)
    assert repr(found) == repr(row)  # NaN is not equal to itself


def older(folder, *lines):
    """A folder as schema 2 wrote it: with Python's words for what is not finite, and without checksums."""
    (folder / "run.json").write_text(json.dumps({"schema": 2}))
    (folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


def test_the_infinities_of_older_journals_are_read(tmp_path):
    plain = msgspec.to_builtins(replace(ROW, bound_multiple=math.inf, left_value=math.nan, right_value=-math.inf))
    line = json.dumps(plain)
    assert {"Infinity", "NaN", "-Infinity"} == set(re.findall(r"-?Infinity|NaN", line))
    (found,) = read_events(older(tmp_path, line))
    assert (found.bound_multiple, found.right_value) == (math.inf, -math.inf)
    assert math.isnan(found.left_value)


def test_a_text_that_reads_like_infinity_stays_a_text(tmp_path):
    with Journal.begin(tmp_path, {}) as journal:
        journal.write(replace(ROW, bound_multiple=math.inf, description="NaN", left="Infinity"))
    (found,) = read_events(tmp_path)
    assert (found.description, found.left) == ("NaN", "Infinity")


TEXTS = ("one", "two", "three", "four")


@pytest.fixture
def journal_of_four(tmp_path):
    with Journal.begin(tmp_path, {"command": "c 123"}) as journal:
        for text in TEXTS:
            journal.write(WarningGiven(text=text))
    return tmp_path


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda lines: [*lines[:1], lines[1].replace(b"two", b"twp"), *lines[2:]], 2),
        (lambda lines: [*lines[:2], *lines[1:]], 3),
        (lambda lines: [*lines[:1], *lines[2:]], 2),
        (lambda lines: [lines[1], lines[0], *lines[2:]], 1),
        (lambda lines: [*lines[:3], re.sub(rb', "crc32": "\w+"', b"", lines[3])], 4),
        (lambda lines: [lines[0][:-1], *lines[1:]], 1),
    ],
    ids=["changed", "doubled", "missing", "out of place", "without a checksum", "joined"],
)
def test_a_line_that_was_changed_is_found_out_where_it_is(journal_of_four, change, number):
    path = journal_of_four / "journal.jsonl"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(RunError, match=f"damaged at line {number}"):
        list(read_events(journal_of_four))


def test_a_journal_is_whole_up_to_where_it_was_cut(journal_of_four):
    path = journal_of_four / "journal.jsonl"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        texts = tuple(event.text for event in read_events(journal_of_four))
        assert texts == TEXTS[: len(texts)]
        assert len(texts) >= whole[:length].count(b"\n")


@pytest.mark.parametrize(
    ("found", "changed"),
    [("c 123", "c 122"), (f'"schema": {SCHEMA_VERSION}', f'"schema": {SCHEMA_VERSION - 1}'), ("crc32", "crc22")],
)
def test_a_header_that_was_changed_is_called_damaged(journal_of_four, found, changed):
    path = journal_of_four / "run.json"
    text = path.read_text()
    assert found in text
    path.write_text(text.replace(found, changed))
    with pytest.raises(RunError, match="damaged"):
        read_header(journal_of_four)


def test_two_runs_cannot_write_one_folder(tmp_path):
    with Journal.begin(tmp_path / "run", {"command": "first"}) as journal:
        for begin in (lambda: Journal.begin(tmp_path / "run", {}), lambda: Journal.go_on(tmp_path / "run")):
            with pytest.raises(UsageError, match="another run is being written to"):
                begin()
        journal.write(WarningGiven(text="undisturbed"))
    with pytest.raises(UsageError, match="already contains a run"):
        Journal.begin(tmp_path / "run", {})
    assert read_header(tmp_path / "run")["command"] == "first"
    assert [event.text for event in read_events(tmp_path / "run")] == ["undisturbed"]


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
    with pytest.raises(RunError, match="damaged at line 1: it has no checksum"):
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
    with pytest.raises(RunError, match="is not the folder of a run"):
        read_header(tmp_path)
    with pytest.raises(RunError, match="is not the folder of a run"):
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


@pytest.mark.parametrize("spoil", ["removed", "replaced"])
def test_a_run_folder_that_vanishes_ends_the_run_with_its_path(tmp_path, spoil):
    folder = tmp_path / "run"
    with Journal.begin(folder, {}) as journal:
        journal.write(WarningGiven(text="a"))
        journal.sync()
        shutil.move(folder, tmp_path / "elsewhere")
        if spoil == "replaced":
            shutil.copytree(tmp_path / "elsewhere", folder)
        with pytest.raises(UsageError, match=re.escape(str(folder))):
            journal.sync()


def test_a_full_disk_is_one_line_with_the_path_and_what_was_written_stays(tmp_path):
    with Journal.begin(tmp_path, {}) as journal:
        journal.write(WarningGiven(text="kept"))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / JOURNAL).stat().st_size + 10, hard))
        try:
            with pytest.raises(UsageError, match=re.escape(f"cannot write to the output folder {tmp_path}: ")):
                journal.write(WarningGiven(text="lost"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
    assert (tmp_path / JOURNAL).read_bytes().count(b"\n") == 1
    assert list(read_events(tmp_path)) == [WarningGiven(text="kept")]
