"""What the folder of a sweep holds is whole and there once, and a part is told from a run."""

from __future__ import annotations

import subprocess

import pytest
from swept import STUB, assert_all_there_once, begun, jobs, steps_of

from convbench.errors import UsageError
from convbench.results.events.journal import JOURNAL
from convbench.sweep.on_machine.folders import packed
from convbench.sweep.on_machine.messages import Description, Glimpse
from convbench.sweep.state import Made, SweepFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a stub's run."""
    folder = tmp_path_factory.mktemp("stub") / "run"
    subprocess.run([*STUB, "compare", "quick", "--output", str(folder)], check=True)
    return folder


@pytest.fixture
def folder(tmp_path):
    """A sweep of two jobs."""
    opened = begun(tmp_path / "sweep", jobs(2))
    yield opened
    opened.close()


def made(job, **changes):
    return Made(**{"job": job.id, "sweep": "s", "kind": job.kind, "machine": "m", "machine_id": "1", "exit_code": 0}
                | changes)  # fmt: skip


def test_a_run_is_kept_once(folder, run):
    first, second = folder.sweep.jobs
    assert folder.missing() == (first, second)
    assert folder.keep_run(made(first), packed(run))
    before = (folder.path / "runs" / first.id / JOURNAL).stat()
    assert folder.keep_run(made(first, machine="other"), packed(run))
    assert (folder.path / "runs" / first.id / JOURNAL).stat() == before
    assert folder.missing() == (second,)
    assert [each.machine for each in folder.made()] == ["m"]


def test_an_archive_that_was_cut_anywhere_is_not_kept(folder, run):
    first, _ = folder.sweep.jobs
    whole = packed(run)
    for length in (0, 1, len(whole) // 2, *range(len(whole) - 300, len(whole))):
        assert not folder.keep_run(made(first), whole[:length]), f"{len(whole) - length} bytes were missing"
    assert folder.missing() == folder.sweep.jobs


def test_a_run_that_is_not_whole_is_not_kept(folder, run, tmp_path):
    first, _ = folder.sweep.jobs
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "run.json").write_bytes((run / "run.json").read_bytes())
    (cut / JOURNAL).write_bytes((run / JOURNAL).read_bytes()[:-30])
    assert not folder.keep_run(made(first), packed(cut))
    assert folder.missing() == folder.sweep.jobs
    assert list((folder.path / "parts").iterdir()) == []


def glimpse(run, offset, end, *, anew=False):
    journal = (run / JOURNAL).read_bytes()[offset:end]
    files = {"run.json": (run / "run.json").read_bytes()} if anew else {}
    return Glimpse(machine_id="1", anew=anew, offset=offset, journal=journal, files=files)


def test_a_part_grows_as_the_journal_does_and_is_no_run(folder, run):
    first, _ = folder.sweep.jobs
    folder.keep_part(first, glimpse(run, 0, 50, anew=True))
    folder.keep_part(first, glimpse(run, 50, 90))
    folder.keep_part(first, glimpse(run, 0, 50))  # the answer to an old question
    part = folder.part(first)
    assert part.files[JOURNAL] == (run / JOURNAL).read_bytes()[:90]
    assert part.files["run.json"] == (run / "run.json").read_bytes()
    assert part.machine_id == "1"
    assert list(folder.path.rglob("run.json")) == [], "history and publish look for it"
    assert folder.keep_run(made(first), packed(run))
    assert folder.part(first) is None


def test_a_run_that_was_begun_anew_takes_the_place_of_its_part(folder, run):
    first, _ = folder.sweep.jobs
    folder.keep_part(first, glimpse(run, 0, 90, anew=True))
    folder.keep_part(first, glimpse(run, 0, 10, anew=True))
    assert len(folder.part(first).files[JOURNAL]) == 10
    assert folder.question(first).journal == 10


def test_two_cannot_work_on_one_folder(folder):
    with pytest.raises(UsageError, match="another sweep is working on"):
        SweepFolder.open(folder.path)


def test_a_folder_that_holds_something_is_not_begun_in(folder):
    with pytest.raises(UsageError, match="is not empty"):
        begun(folder.path, jobs(1))


@pytest.mark.parametrize("damage", ["", "{", '{"id": 3}'])
def test_a_damaged_folder_is_told(tmp_path, damage):
    (tmp_path / "sweep.json").write_text(damage)
    with pytest.raises(UsageError, match=r"sweep\.json is damaged"):
        SweepFolder.open(tmp_path)


def test_what_a_machine_says_is_kept_where_it_is_new(folder):
    machine = Description(identity={"name": "../host", "id": "12345678abc"}, python="3.11")
    assert folder.keep_description(machine)
    assert not folder.keep_description(machine)
    assert [path.name for path in (folder.path / "machines").iterdir()] == [".._host-12345678.json"]


def test_the_run_of_the_stub_is_as_tests_think(run, folder):
    for job in folder.sweep.jobs:
        folder.keep_run(made(job), packed(run))
    assert steps_of(run) == [0, 1, 2]
    assert_all_there_once(folder.path, folder.sweep.jobs)
