"""The terminal tells where the fastest backend changes, with time and memory, on 80 columns and on fewer."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from fake_run import measurements
from rich.console import Console
from shown_run import write_run

from convbench.report.terminal import print_run
from convbench.report.views.batch_sizes_text import print_batch_sizes
from convbench.results.summary import rank


def printed(cells, width=80, **options):
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False)
    print_batch_sizes(rank(cells), [], console, **options)
    return console.file.getvalue()


def test_a_run_of_one_case_has_a_table_of_batch_sizes_and_backends(tmp_path):
    console = Console(file=io.StringIO(), width=80, color_system=None, markup=False)
    print_run(write_run(tmp_path / "run", cases=["conv1"]), console=console)
    text = console.file.getvalue()
    assert "Over the batch sizes 1, 4, 16 (ties are not counted as changes):" in text
    lines = [line.split() for line in text.splitlines()]
    assert "  forward: steep is fastest up to 4, flat from 16 on" in [line.rstrip() for line in text.splitlines()]
    assert ["pass", "batch", "steep", "flat"] in [line[:4] for line in lines]
    times = {line[1]: line[2:] for line in lines if line[:1] == ["forward"] and len(line) == 6}
    assert set(times) == {"1", "4", "16"}
    assert times["1"][2].startswith("51."), "flat takes 50 us and 1 us for each instance"
    assert "1.00 MB" in text
    assert "wrong-one" not in text.split("Over the batch sizes")[1].split("Whole")[0].split("wrong:")[0]


def test_a_run_of_several_cases_has_sentences_and_a_table_of_every_case_and_pass():
    text = printed(measurements())
    assert "  forward: broken is fastest at every batch size, in every case" in text
    assert "  backward and both: fast is fastest at every batch size: conv1" in text
    assert "Time of the fastest right backend, with the peak memory of a call below it." in text
    rows = [line.split() for line in text.splitlines()]
    assert ["conv1", "forward", "5.00", "µs", "40.0", "µs"] in rows
    assert ["backward", "10.0", "µs", "80.0", "µs"] in rows, "its fastest backend is wrong"
    assert ["pool1", "forward", "5.00", "µs", "40.0", "µs"] in rows
    assert "8.00 MB" in text


@pytest.mark.parametrize("width", [30, 80, 120])
def test_no_line_of_a_table_is_longer_than_the_terminal(width):
    cells = measurements()
    assert max(map(len, printed(cells, width).splitlines())) <= width
    assert max(map(len, printed(cells[cells["case"] == "pool1"], width).splitlines())) <= width


def test_one_batch_size_says_nothing():
    cells = measurements()
    assert printed(cells[cells["batch_size"] == 8]) == ""


def test_on_request_it_tells_images_a_second_and_the_memory_of_each():
    cells = measurements()
    text = printed(cells, per="image")
    assert "Images per second of the fastest right backend" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["conv1", "forward", "200", "k/s", "200", "k/s"] in rows, "5 us an image at each batch size"
    assert ["1.00", "MB", "1.00", "MB"] in rows
    assert "µs" not in text
    one = printed(cells[cells["case"] == "pool1"], per="image")
    assert "pool1: images per second of each right backend" in one
    assert "50.0 k/s" in one, "steady takes 20 us an image"


def test_of_many_cases_the_report_has_the_rest():
    cells = pd.concat([measurements().assign(case=f"case{number:02}") for number in range(15)])
    text = printed(cells)
    assert "case11" in text
    assert "case12  " not in text
    assert "... and 3 more cases, all in the report" in text
