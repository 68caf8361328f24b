"""A site holds every usable run and names the others, links nowhere else, and never ranks a machine against another."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from many_runs import BACKENDS, FIRST, SOURCE, header_of, many_runs
from stored_runs import Made

import convbench
from convbench.cli.exit_codes import EXIT_USAGE
from convbench.cli.main import main
from convbench.report.site.cases import SiteCase, across, take_in
from convbench.report.site.machines import Machine
from convbench.report.site.names import page_name
from convbench.report.site.search import search_index
from convbench.report.views.cases import TableKey
from convbench.results.events.header import read_header
from convbench.results.events.journal import JOURNAL, Journal, read_events

RUNS, MACHINES = 12, 3


class Page(HTMLParser):
    """The attributes, anchors and text of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.texts = [], set(), []
        self.html = path.read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in {"href", "src"}:
                self.links.append(value or "")
            if name == "id":
                self.anchors.add(value)

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of three machines, and four folders that have no place in a site."""
    top = tmp_path_factory.mktemp("runs") / "all"
    made = many_runs(top, runs=RUNS + 1, machines=MACHINES)
    shutil.copytree(made[0], top / "a-damaged-copy")
    shutil.copytree(made[1], top / "machine1" / "again")
    made[-1].rename(top / "cut")
    changes = {
        "a-damaged-copy": lambda data: data.replace(b'"loops": ', b'"loops": 7', 1),
        "cut": lambda data: data[:-200],
    }
    for name, change in changes.items():
        journal = top / name / JOURNAL
        journal.write_bytes(change(journal.read_bytes()))
    Made(settings={"timing": False}, blocks=0, started="2026-01-01T00:00:00+00:00").store(top / "checked")
    return top


@pytest.fixture(scope="module")
def published(runs, tmp_path_factory):
    return convbench.publish(runs, tmp_path_factory.mktemp("published") / "site")


@pytest.fixture(scope="module")
def site(published):
    return published.page.parent


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_usable_run_is_in_it_and_the_others_are_named_on_the_first_page(published, pages, runs):
    assert (published.runs, published.machines) == (RUNS, MACHINES)
    reasons = sorted(published.left_out)
    assert [line.partition(": ")[0] for line in reasons] == [
        "a-damaged-copy",
        "checked",
        "cut",
        "machine1/run-000",
    ]
    assert re.search(r"journal\.jsonl is damaged at line \d+", reasons[0])
    assert "only checked" in reasons[1]
    assert "interrupted" in reasons[2]
    assert "the same run as machine1/again" in reasons[3]
    front = pages[published.page]
    assert all(line in front.text for line in published.left_out)
    assert not any(str(runs.parent) in page.html for page in pages.values())


def test_every_link_leads_to_a_file_or_an_anchor_of_the_site(site, pages):
    for path, page in pages.items():
        for link in page.links:
            if link.startswith("data:"):
                continue
            assert not re.match(r"\w+:|//", link), link
            address, _, anchor = link.partition("#")
            target = (path.parent / address).resolve() if address else path
            assert target.is_relative_to(site.resolve()), (path, link)
            assert target.is_file(), (path, link)
            if anchor and target.suffix == ".html" and address:
                assert anchor in pages[site / target.relative_to(site.resolve())].anchors, (path, link)


def test_every_page_can_be_reached_from_the_first(site, pages):
    reached, todo = set(), [site / "index.html"]
    while todo:
        path = todo.pop()
        if path not in reached:
            reached.add(path)
            links = (link.partition("#")[0] for link in pages[path].links)
            todo += [
                target
                for link in links
                if (target := site / (path.parent / link).resolve().relative_to(site.resolve())).suffix == ".html"
            ]
    assert reached == set(pages)


def test_a_row_of_a_case_is_one_run_and_its_fastest_is_that_of_the_run(site, pages, runs):
    cells = convbench.read_csv(site / "measurements.csv")
    for path in (site / "cases").iterdir():
        for table in re.findall(r"<table class=\"ranking\">.*?</table>", pages[path].html, re.DOTALL):
            rows = re.findall(r"<tr>.*?</tr>", table.partition("</thead>")[2].partition("<tfoot>")[0], re.DOTALL)
            assert len(rows) == MACHINES
            assert all(row.count('class="fastest"') == 1 for row in rows)
    assert set(cells.groupby("run")["machine"].nunique()) == {1}


def test_ratios_across_machines_reach_from_the_least_to_the_largest(runs):
    cases: dict[tuple[str, str, str, str], SiteCase] = {}
    loaded = [convbench.load_run(runs / f"machine{machine}" / "run-003") for machine in range(MACHINES)]
    for machine, run in enumerate(loaded):
        take_in(cases, run, machine=f"m{machine}", settings="cpu", label=str(machine))
    case = next(case for case in cases.values() if case.name.startswith("conv"))
    found = across(case.tables[TableKey("forward", 1)])
    cells = pd.concat([run.measurements for run in loaded])
    ratios = cells[(cells["case"] == case.name) & (cells["pass"] == "forward") & (cells["batch_size"] == 1)]
    of_jax = ratios.loc[ratios["backend"] == "jax", "ratio"]
    assert (found["jax"].low, found["jax"].high) == (of_jax.min(), of_jax.max())
    assert found["jax"].machines == MACHINES


def test_an_older_run_has_a_row_only_for_backends_that_no_newer_one_has():
    cases: dict[tuple[str, str, str, str], SiteCase] = {}
    for label, backends in (("new", ("left",)), ("older", ("left", "right")), ("oldest", ("left", "right"))):
        run = Made(cases=("conv1",), backends=dict.fromkeys(backends, "1")).run()
        take_in(cases, run, machine="m", settings="cpu", label=label)
    (case,) = cases.values()
    assert {tuple(row.run for row in rows) for rows in case.tables.values()} == {("new", "older")}


def test_the_merged_tables_hold_every_cell_of_every_run(site, runs):
    cells = convbench.read_csv(site / "measurements.csv")
    lines = pd.read_csv(site / "runs.csv")
    assert len(lines) == RUNS == cells["run"].nunique()
    for label in lines["run"][:3]:
        own, stored = cells[cells["run"] == label], convbench.load_run(runs / label).measurements
        assert list(own["median_s"]) == pytest.approx(list(stored["median_s"]))
        assert list(own["status"]) == list(stored["status"])
        assert list(own["reason"]) == list(stored["reason"])
    parquet = pd.read_parquet(site / "measurements.parquet")
    assert list(parquet["median_s"]) == pytest.approx(list(cells["median_s"]))
    assert set(parquet["backend"]) == set(BACKENDS)


def test_the_index_of_thousands_of_cases_and_machines_stays_small():
    cases = [
        SiteCase(
            workload="a network of a usual name", name=f"layer{number}.0.conv{number}", dtype="float32",
            operation="Conv 1024, 3 x 3, s2 p1", shape="512 x 112 x 112", text="",
            page=page_name("case", [str(number)]),
        )
        for number in range(5000)
    ]  # fmt: skip
    machines = [
        Machine(name=f"node{number}", page="node", facts={"processor": "some processor"}) for number in range(1000)
    ]
    assert len(search_index(machines, cases, [])) < 2_000_000


def test_names_are_shown_as_they_are_and_never_become_paths(tmp_path):
    header = header_of(read_header(SOURCE), 0, FIRST)
    header["identity"] = header["identity"] | {"name": "../../<script>alert(1)</script>"}
    with Journal.begin(tmp_path / "runs" / "run", header) as journal:
        for event in read_events(SOURCE):
            journal.write(event)
    convbench.publish(tmp_path / "runs", tmp_path / "site")
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "site"}
    for path in [*(tmp_path / "site").rglob("*.html"), *(tmp_path / "site").rglob("*.js")]:
        assert "<script>alert" not in path.read_text(encoding="utf-8")
    assert page_name("../..", ["x"]) == page_name("", ["x"])


def test_a_site_is_replaced_and_what_is_not_of_it_stays(tmp_path):
    many_runs(tmp_path / "runs", runs=2, machines=2)
    convbench.publish(tmp_path / "runs", tmp_path / "site")
    before = {path.name for path in (tmp_path / "site" / "machines").iterdir()}
    (tmp_path / "site" / "CNAME").write_text("example.org")
    shutil.rmtree(tmp_path / "runs" / "machine1")
    convbench.publish(tmp_path / "runs", tmp_path / "site")
    after = {path.name for path in (tmp_path / "site" / "machines").iterdir()}
    assert (len(before), len(after)) == (2, 1)
    assert (tmp_path / "site" / "CNAME").read_text() == "example.org"
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "site"}


def _other(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")


@pytest.mark.parametrize(
    ("prepare", "arguments", "message"),
    [
        (
            lambda top: (top / "empty").mkdir(),
            ["empty", "--output", "site"],
            "there is no finished run with times below",
        ),
        (lambda top: None, ["missing", "--output", "site"], "missing is no folder"),
        (lambda top: _other(top / "other"), ["runs", "--output", "other"], "is not empty and holds no site"),
        (lambda top: (top / "file").write_text(""), ["runs", "--output", "file"], "file is a file"),
        (lambda top: None, ["runs", "--output", "runs/site"], "is in runs, the folder of runs"),
        (lambda top: None, ["runs", "--output", "runs"], "is in runs, the folder of runs"),
        (lambda top: None, ["runs", "--output", "/proc/site"], "cannot write the site to /proc/site"),
        (lambda top: None, ["runs", "--output", ""], "the name of a folder is missing"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(tmp_path, monkeypatch, prepare, arguments, message):
    monkeypatch.chdir(tmp_path)
    Made(cases=("conv1",)).store(tmp_path / "runs" / "one")
    prepare(tmp_path)
    before = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    done = CliRunner().invoke(main, ["publish", *arguments])
    assert done.exit_code == EXIT_USAGE, done.output
    assert message in done.output
    if arguments[-1]:  # else click adds its usage lines
        assert len(done.output.splitlines()) == 1
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == before
