"""Runs that begin at the same time get folders of their own, and Ctrl-C says in which one a run is."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import convbench
from convbench.errors import RunInterrupted, UsageError
from convbench.results.events.header import read_header
from convbench.run import folders
from convbench.run.folders import new_folder
from convbench.run.observer import Silent

SMALL = {
    "case": 'operation = "flatten", input = [2, 3]',
    "backends": ["numpy-im2col"],
    "batch_sizes": [1],
    "passes": ["forward"],
}


class _Clock(dt.datetime):
    """A clock that stands."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 11, 20, 12, 0, 0, tzinfo=tz)


@pytest.fixture
def same_second(monkeypatch):
    monkeypatch.setattr(folders, "datetime", _Clock)


def test_folders_made_in_the_same_second_have_names_of_their_own(tmp_path, same_second):
    names = []
    threads = [
        threading.Thread(target=lambda: names.append(new_folder(tmp_path / "results", "run").name)) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends = ["", *(f"-{number}" for number in range(2, 13))]
    assert sorted(names) == sorted(f"run-20261120-120000{end}" for end in ends)
    assert {path.name for path in (tmp_path / "results").iterdir()} == set(names)


def test_two_runs_of_the_same_second_are_both_whole(tmp_path, same_second, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [convbench.check(**SMALL) for _ in range(2)]
    assert [run.folder.name for run in runs] == ["run-20261120-120000", "run-20261120-120000-2"]
    for run in runs:
        assert not run.interrupted
        assert (run.folder / "report.html").is_file()


def test_two_processes_at_once_write_two_runs(tmp_path):
    code = (
        "import datetime, convbench; from convbench.run import folders\n"
        "class Clock(datetime.datetime):\n"
        "    now = classmethod(lambda cls, tz=None: cls(2026, 11, 20, 12, 0, 0, tzinfo=tz))\n"
        "folders.datetime = Clock\n"
        f"print(convbench.check(**{SMALL!r}).folder)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    folders = {tmp_path / each.communicate(timeout=120)[0].strip() for each in both}
    assert {folder.name for folder in folders} == {"run-20261120-120000", "run-20261120-120000-2"}
    for folder in folders:
        run = convbench.load_run(folder)
        assert not run.interrupted
        assert run.is_right


def test_a_named_folder_that_holds_a_run_is_refused_and_left_alone(tmp_path):
    first = convbench.check(**SMALL, output=tmp_path / "run")
    before = {path.name: path.read_bytes() for path in first.folder.iterdir() if path.is_file()}
    with pytest.raises(UsageError, match="already contains a run"):
        convbench.check(**SMALL, output=tmp_path / "run")
    assert {path.name: path.read_bytes() for path in first.folder.iterdir() if path.is_file()} == before


def test_a_named_folder_with_other_files_is_used(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    run = convbench.check(**SMALL, output=tmp_path / "run")
    assert read_header(run.folder)
    assert (run.folder / "notes.txt").read_text() == "mine"


def test_a_parent_that_cannot_be_written_is_the_calls_fault(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make a folder in"):
        new_folder(tmp_path / "file", "run")


def test_an_interrupted_run_says_in_which_folder_it_is(tmp_path, monkeypatch):
    class Impatient(Silent):
        def step(self, what: str, **_) -> None:
            raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunInterrupted) as raised:
        convbench.check(**SMALL, observer=Impatient())
    (folder,) = Path("results").iterdir()
    assert raised.value.folder == folder
    assert convbench.load_run(folder).interrupted
