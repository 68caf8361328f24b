"""Several runs in one page, in the CSV files and on the terminal: no number of one stands under the name of another.

All times of the laptop are 1.xxx ms, all of the server 2.xxx s.
"""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from paths import RUNS
from planted_run import plant_run
from rich.console import Console

import convbench
from convbench.report.files import write_reports
from convbench.report.terminal import print_runs

TIMES = {"laptop/run": re.compile(r"1\.\d+ ms"), "server/run": re.compile(r"2\.\d+ s")}
SECONDS = {"laptop/run": (1e-3, 2e-3), "server/run": (2.0, 3.0)}
MACHINES = {"laptop/run": "my laptop", "server/run": "the server"}
A_TIME = re.compile(r"\d[\d.]* (?:ns|µs|ms|s)\b")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    plant_run(folder / "laptop/run", machine="my laptop", seconds=1e-3)
    plant_run(folder / "server/run", machine="the server", seconds=2.0, cases=("c",), finished=False)
    return convbench.load_runs([folder / "laptop/run", folder / "server/run"])


@pytest.fixture(scope="module")
def written(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_reports(runs.runs, folder)
    return folder


class _Tables(HTMLParser):
    """The texts of all rows of tables, a list of cells each, by the class of the table."""

    def __init__(self, page):
        super().__init__()
        self.rows, self._kind, self._cell = {}, "", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self._kind = dict(attrs).get("class", "")
        elif tag == "tr":
            self.rows.setdefault(self._kind, []).append([])
        elif tag in ("td", "th"):
            self.rows[self._kind][-1].append("")
            self._cell = self._kind
        elif tag == "small" and self._cell is not None:
            self.handle_data(" ")  # it stands below what is before it

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self.rows[self._cell][-1][-1] += data


@pytest.fixture(scope="module")
def page(written):
    return (written / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables(page):
    return _Tables(page).rows


def _label_of(text):
    (label,) = [label for label in TIMES if text.strip().endswith(label)]
    return label


def test_every_time_of_the_ranking_is_in_a_column_of_its_run(tables):
    head, *rows = tables["ranking"]
    seen = set()
    for row in rows:
        for name, text in zip(head[1:], row[1:], strict=False):
            if (time := A_TIME.search(text)) is not None:
                assert TIMES[_label_of(name)].fullmatch(time[0]), (name, text)
                seen.add(name)
    assert len(seen) == 4  # two backends of each run


def test_the_same_cell_of_two_runs_stands_in_one_row(tables):
    _, *rows = tables["ranking"]
    c = [row for row in rows if row[0].startswith("c ")]
    assert len(c) == 4  # batch sizes and passes
    assert all("–" not in row for row in c)
    assert all(sum(A_TIME.search(text) is not None for text in row) == 4 for row in c)


def test_every_cell_that_the_scripts_draw_says_its_run_and_machine(page):
    columns = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])["cells"]

    def values(name):
        column = columns[name]
        return column["values"] if "values" in column else [column["texts"][code] for code in column["codes"]]

    names = ("run", "machine", "backend", "fastest", "run_place", "median_s", "min_s", "ci_low_s", "first_call_s")
    rows = list(zip(*map(values, names), strict=True))
    assert len(rows) == 24
    for run, machine, backend, fastest, place, *times in rows:
        assert machine == MACHINES[run]
        assert _label_of(backend) == run == list(TIMES)[place]
        assert not fastest or _label_of(fastest) == run
        low, high = SECONDS[run]
        assert all(low <= time <= high for time in times)


def test_the_table_of_runs_has_each_machine_under_its_run(tables):
    head, *rows = tables["runs"]
    by_name = {row[0]: row[1:] for row in rows}
    assert [name.strip() for name in head[1:]] == list(TIMES)
    assert by_name["machine"] == ["my laptop", "the server"]
    assert by_name["microarchitecture"] == ["arch-my laptop", "arch-the server"]
    assert by_name["state"] == ["finished in 50.0 s", "interrupted"]
    assert by_name["command"] == ["convbench compare on-my laptop", "convbench compare on-the server"]


def test_no_mean_is_taken_over_two_runs(tables):
    panels = [row for row in tables["means"] if row[0].strip() in ("one", "two")]
    assert len(panels) == 8  # two backends, two passes, two runs
    ratios = [float(re.search(r"([\d.]+)×", row[1])[1]) for row in panels]
    assert max(ratios) < 1.1


@pytest.mark.parametrize("file", ["measurements.csv"])
def test_every_row_of_a_csv_file_says_its_run_and_machine(written, file):
    frame = pd.read_csv(written / file)
    assert list(frame.columns[:2]) == ["run", "machine"]
    assert len(frame) == 24
    for run, group in frame.groupby("run"):
        assert set(group["machine"]) == {MACHINES[run]}
        low, high = SECONDS[run]
        assert group["median_s"].between(low, high).all()
        assert set(group["workload"]) == {"w"}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_time_on_the_terminal_is_below_the_label_of_its_run(runs, tmp_path, width):
    console = Console(file=io.StringIO(), width=width, markup=False)
    print_runs(runs, folder=tmp_path, console=console)
    ends, seen = {}, 0
    for line in console.file.getvalue().partition("Green is")[2].splitlines():
        if "backend" in line and "case" in line:
            ends = {found.end(): found[0] for found in re.finditer(r"\S+/run", line)}
        elif ends:
            for found in A_TIME.finditer(line):
                assert TIMES[ends[found.end()]].fullmatch(found[0]), line
                seen += 1
    assert seen == 12  # at batch 8: two cases, two backends and two passes of one, one case of the other


def test_one_backend_is_the_fastest_of_each_run(runs, tables):
    green = [text for row in tables["ranking"] for text in row if "fastest of its run" in text]
    assert len(green) == 12
    assert {bool(TIMES["server/run"].search(text)) for text in green} == {True, False}


def test_a_case_that_is_another_under_the_same_name_has_a_row_of_its_own(tmp_path):
    first = plant_run(tmp_path / "a", machine="a", seconds=1.0, cases=("c",))
    other = plant_run(tmp_path / "b", machine="b", seconds=2.0, cases=("c",), kernel_size=1)
    write_reports(convbench.load_runs([first, other]).runs, tmp_path / "out")
    _, *rows = _Tables((tmp_path / "out/report.html").read_text(encoding="utf-8")).rows["ranking"]
    for row in rows:
        assert len({time[0][0] for text in row[1:] if (time := A_TIME.search(text))}) <= 1


def test_runs_from_before_machines_were_recorded_stand_beside_new_ones(tmp_path):
    new = plant_run(tmp_path / "new", machine="box", seconds=1.0)
    old = [RUNS / name for name in ("schema_1", "schema_2")]
    runs = convbench.load_runs([*old, new])
    write_reports(runs.runs, tmp_path / "out")
    frame = pd.read_csv(tmp_path / "out/measurements.csv", keep_default_na=False)
    assert set(frame["run"]) == set(runs.labels) == {*(folder.name for folder in old), "new"}
    assert set(frame.loc[frame["run"] != "new", "machine"]) == {""}


def test_the_files_of_one_run_have_the_same_columns_so_that_they_can_be_joined(tmp_path):
    folder = plant_run(tmp_path / "alone", machine="box", seconds=1.0)
    write_reports([convbench.load_run(folder)], folder)
    frame = pd.read_csv(folder / "measurements.csv")
    assert set(zip(frame["run"], frame["machine"], strict=True)) == {("alone", "box")}
