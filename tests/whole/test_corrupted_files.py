"""A file with flipped, cut or doubled bytes is an error in one line, or read for what it says: never a traceback.

Of a run folder it is more: what is read is what was written, up to where a killed run would have ended.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from paths import RUNS

import convbench
import convbench_specs
from convbench.plan.items import make_plan
from convbench.plan.settings import RunSettings
from convbench.report.files import write_reports
from convbench.results.events.header import HEADER, read_header
from convbench.results.events.journal import JOURNAL, read_events
from convbench.results.loading import load_run
from convbench_specs import ConvbenchError

pytestmark = pytest.mark.slow
WORKLOADS = 1000
FOLDERS = 500
MOST_S = 5.0
"""For one file: more is a hang."""


def flipped(data, draw):
    """A bit of one to four bytes, or a digit, changed."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def other_digit(data, draw):
    """Another digit in place of one."""
    places = [place for place, byte in enumerate(data) if byte in b"0123456789"]
    changed = bytearray(data)
    changed[draw.choice(places)] = draw.choice(b"0123456789")
    return bytes(changed)


def cut(data, draw):
    """The end, the beginning or a part in the middle gone."""
    begin, end = sorted(draw.choices(range(len(data) + 1), k=2))
    return draw.choice([data[:begin], data[end:], data[:begin] + data[end:]])


def cut_line(data, draw):
    """A whole line gone."""
    lines = data.splitlines(keepends=True)
    del lines[draw.randrange(len(lines))]
    return b"".join(lines)


def doubled(data, draw):
    """A part of up to 200 bytes twice."""
    begin = draw.randrange(len(data))
    part = data[begin : begin + draw.randint(1, 200)]
    return data[:begin] + part + data[begin:]


def doubled_line(data, draw):
    """A whole line twice."""
    lines = data.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    return b"".join([*lines[:place], lines[place], *lines[place:]])


def noise(data, draw):
    """Random bytes in place of a part."""
    begin = draw.randrange(len(data))
    length = draw.randint(1, 40)
    return data[:begin] + draw.randbytes(length) + data[begin + length :]


DAMAGES = (flipped, other_digit, cut, cut_line, doubled, doubled_line, noise)


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


def test_a_damaged_workload_file_is_an_error_in_a_line_or_a_workload(tmp_path):
    draw, kinds = random.Random(18), Counter()
    files = sorted(Path(convbench_specs.__file__).parent.glob("workloads/*.toml"))
    for number in range(WORKLOADS):
        data = draw.choice(files).read_bytes()
        damage = draw.choice(DAMAGES)
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
def whole(tmp_path_factory):
    """A run of now, right and wrong cells and times in it."""
    return convbench.compare(
        case='operation = "conv", input = [2, 5, 5], out_channels = 2, kernel_size = 3',
        backends=["naive", "numpy-im2col"], batch_sizes=[1, 2], blocks=2, rounds=2, sample_s=1e-4, memory=False,
        output=tmp_path_factory.mktemp("runs") / "whole",
    ).folder  # fmt: skip


def copies(folder, tmp_path, count, seed):
    """Damaged copies of a run folder, each with the name of its damage; a copy is gone when the next is made."""
    draw, copy = random.Random(seed), tmp_path / "copy"
    shutil.copytree(folder, copy)
    for _ in range(count):
        name, damage = draw.choice([HEADER, JOURNAL, JOURNAL, JOURNAL]), draw.choice(DAMAGES)
        data = (folder / name).read_bytes()
        changed = damage(data, draw)
        (copy / name).write_bytes(changed)
        yield copy, f"{damage.__name__} of {name}", changed != data
        (copy / name).write_bytes(data)


def test_a_damaged_run_is_an_error_in_a_line_or_what_was_written(whole, tmp_path):
    written, header = list(read_events(whole)), read_header(whole)
    cells = load_run(whole).measurements.to_csv()
    errors = 0
    for copy, damage, _ in copies(whole, tmp_path, FOLDERS, seed=18):
        run = told(lambda copy=copy: load_run(copy))
        if isinstance(run, ConvbenchError):
            errors += 1
            assert str(copy) in str(run)
            continue
        assert run.header == header, damage
        events = list(read_events(copy))
        assert events == written[: len(events)], damage
        if len(events) == len(written):
            assert run.measurements.to_csv() == cells, damage
        else:
            assert run.interrupted, damage
    assert errors > FOLDERS / 2


def test_what_is_left_of_a_damaged_run_can_be_reported(whole, tmp_path):
    for copy, _, _ in copies(whole, tmp_path, 60, seed=19):
        told(lambda copy=copy: write_reports([load_run(copy)], tmp_path / "report"))


@pytest.mark.parametrize("folder", sorted(RUNS.iterdir()), ids=lambda folder: folder.name)
def test_a_damaged_run_of_an_older_schema_gives_no_traceback(folder, tmp_path):
    for copy, _, _ in copies(folder, tmp_path, 150, seed=20):
        told(lambda copy=copy: load_run(copy).measurements.to_csv())
