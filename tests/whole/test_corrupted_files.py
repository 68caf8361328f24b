"""A file with flipped, cut or doubled bytes is an error in one line, or read for what it says: never a traceback.

Of a run folder it is more: what is read is what was written, up to where a killed run would have ended.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from damages import OF_BYTES, damaged_copies
from many_runs import FIRST, SOURCE, header_of, many_runs
from paths import RUNS

import convbench_specs
from convbench.plan.items import make_plan
from convbench.plan.settings import RunSettings
from convbench.report.files import CUT, write_reports
from convbench.results.events.header import read_header
from convbench.results.events.journal import Journal, read_events
from convbench.results.events.lines import to_line
from convbench.results.loading import load_run
from convbench_specs import ConvbenchError

WORKLOADS = 1000
FOLDERS = 500
MOST_S = 5.0
"""For one file: more is a hang."""


def told(action):
    """What an action returns, or the error that it tells in one or two lines; anything else fails."""
    begin, found = time.monotonic(), None
    try:
        found = action()
    except ConvbenchError as error:
        found = error
    assert not isinstance(found, ConvbenchError) or 0 < len(str(found).splitlines()) <= 2, found
    assert time.monotonic() - begin < MOST_S
    return found


@pytest.mark.slow
def test_a_damaged_workload_file_is_an_error_in_a_line_or_a_workload(tmp_path):
    draw, kinds = random.Random(18), Counter()
    files = sorted(Path(convbench_specs.__file__).parent.glob("workloads/*.toml"))
    for number in range(WORKLOADS):
        data = draw.choice(files).read_bytes()
        damage = draw.choice(OF_BYTES)
        path = tmp_path / f"damaged_{number}.toml"
        path.write_bytes(damage(data, draw))
        found = told(lambda path=path: make_plan(RunSettings(workloads=(str(path),))))
        kinds[type(found).__name__] += 1
        if isinstance(found, ConvbenchError):
            assert path.name in str(found) or "damaged" in str(found), found
        path.unlink()
    assert kinds["WorkloadError"] > WORKLOADS / 10, kinds
    assert kinds["Plan"] > WORKLOADS / 10, kinds


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """A run as it is written now, with a picture, and another one."""
    folder = tmp_path_factory.mktemp("runs")
    whole, other = folder / "whole", many_runs(folder / "others", runs=1, machines=1)[0]
    with Journal.begin(whole, header_of(read_header(SOURCE), 3, FIRST)) as journal:
        for event in read_events(SOURCE):
            journal.write(event)
    return whole, other


@pytest.mark.parametrize("count", [50, pytest.param(FOLDERS, marks=pytest.mark.slow)])
def test_a_damaged_run_is_an_error_in_a_line_or_what_was_written(two_runs, tmp_path, count):
    whole, other = two_runs
    written, header = list(read_events(whole)), read_header(whole)
    cells = load_run(whole).measurements.to_csv()
    found = Counter()
    for copy, damage in damaged_copies(whole, other, tmp_path / "copy", count, seed=18):
        run = told(lambda copy=copy: load_run(copy))
        if isinstance(run, ConvbenchError):
            assert str(copy) in str(run), damage
            found["refused"] += 1
            continue
        assert run.header == header, damage
        events = list(read_events(copy))
        assert events == written[: len(events)], damage
        write_reports([run], tmp_path / "report")
        page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
        if len(events) == len(written):
            assert run.measurements.to_csv() == cells, damage
            assert CUT not in page
            found["whole"] += 1
        else:
            assert run.interrupted, damage
            assert CUT in page, damage
            found["cut"] += 1
    assert found["refused"] > count / 2, found
    assert found["cut"], found


@pytest.mark.parametrize("field", ["case", "elapsed_s", "batch_size", "event"])
def test_a_field_that_is_missing_or_of_another_type_is_named_with_its_line(two_runs, tmp_path, field):
    """Also where the checksums fit, as a program that wrote it so would have made them."""
    events = [msgspec.to_builtins(event) for event in read_events(two_runs[0])]
    place = next(number for number, event in enumerate(events) if event["event"] == "sample")
    for change in (lambda event: event.pop(field), lambda event: event.update({field: []})):
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        with Journal.begin(folder, {"command": ""}) as journal:
            checksum = journal._checksum
        broken = [dict(event) for event in events]
        change(broken[place])
        with (folder / "journal.jsonl").open("ab") as file:
            for event in broken:
                line, checksum = to_line(event, checksum)
                file.write(line)
        with pytest.raises(ConvbenchError, match=rf"journal\.jsonl is damaged at line {place + 1}: ") as refused:
            list(read_events(folder))
        assert len(str(refused.value).splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(RUNS.iterdir()), ids=lambda folder: folder.name)
def test_a_damaged_run_of_an_older_schema_gives_no_traceback(folder, tmp_path):
    other = next(each for each in RUNS.iterdir() if each != folder)
    for copy, _ in damaged_copies(folder, other, tmp_path / "copy", 50, seed=20):
        run = told(lambda copy=copy: load_run(copy))
        if not isinstance(run, ConvbenchError):
            told(lambda run=run: write_reports([run], tmp_path / "report"))
