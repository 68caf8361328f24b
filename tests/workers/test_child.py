"""A process of a plug-in: what it prints has an end, and what it starts ends with it."""

from __future__ import annotations

import os

import psutil
import pytest

from convbench.workers.channel import log as log_module
from convbench.workers.channel.child import Child
from convbench.workers.discovery.questions import Describe, Described
from convbench.workers.failure import Failure
from convbench.workers.protocol import Plugin

HOOK = "from convbench_specs import hookimpl\n@hookimpl\ndef convbench_backends():\n    return []\n"
DAEMON = """
import os, pathlib
out = {file!r}
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        pathlib.Path(out).write_text(str(os.getpid()))
        os.execve("/bin/sleep", ["sleep", "600"], {{}})
    os._exit(0)
os.wait()
while not pathlib.Path(out).exists() or not pathlib.Path(out).read_text():
    pass
"""


@pytest.fixture
def described(tmp_path):
    """Have a process load a plug-in of this source, and end it; the answer, and what the log holds."""

    def describe(source, log):
        plugin = tmp_path / "plugin.py"
        plugin.write_text(source + HOOK)
        child = Child("inform", os.environ, log)
        try:
            child.send(Describe(plugin=Plugin(module="plugin", path=str(plugin), folder="")))
            return child.answer(Describe, 30.0)
        finally:
            child.stop()

    return describe


def test_a_log_has_an_end_and_keeps_the_first_and_the_last_words(described, tmp_path):
    log = tmp_path / "log"
    for _ in range(2):  # the limit is the file's, not each process's
        answer = described("print('first'); print('x' * 5_000_000); print('last')\n", log)
        assert isinstance(answer, Described)
    text = log.read_bytes()
    assert len(text) < log_module.MOST_BYTES + 3 * log_module.LAST_BYTES
    assert text.startswith(b"first\nxxx")
    assert text.endswith(b"xxx\nlast\n\n")
    cut = [line for line in text.splitlines() if line.startswith(b"[convbench: ")]
    assert len(cut) == 2
    assert int(cut[0].split()[1].replace(b",", b"")) == 5_000_012 - log_module.MOST_BYTES - log_module.LAST_BYTES


def test_what_fits_into_a_log_is_written_as_it_was_printed(described, tmp_path):
    described("import os; print('one'); os.write(2, b'two\\n')\n", tmp_path / "log")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_the_last_words_of_a_process_that_ends_are_told(described, tmp_path):
    answer = described("import os; print('goodbye'); os._exit(3)\n", tmp_path / "log")
    assert isinstance(answer, Failure)
    assert "exited with code 3" in answer.reason
    assert answer.reason.endswith("its last words: goodbye")


@pytest.mark.parametrize("in_place", ["nothing", "fifo", "folder", "link"])
def test_a_log_that_cannot_be_written_harms_nobody(described, tmp_path, in_place):
    log = tmp_path / "logs" / "mine.log"
    if in_place != "nothing":
        log.parent.mkdir()
        {"fifo": os.mkfifo, "folder": os.mkdir, "link": lambda path: path.symlink_to("/nowhere/at/all")}[in_place](log)
    assert isinstance(described("print('x' * 1_000_000)\n", log), Described)


def test_a_daemon_without_environment_ends_with_the_process(described, tmp_path):
    file = tmp_path / "pid"
    assert isinstance(described(DAEMON.format(file=str(file)), tmp_path / "log"), Described)
    pid = int(file.read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_what_is_in_a_session_of_its_own_is_named_and_other_children_are_not(tmp_path):
    file = tmp_path / "pid"
    plugin = tmp_path / "plugin.py"
    ordinary = "import subprocess\nsubprocess.Popen(['sleep', '600'])\n"
    for source, named in ((ordinary, set()), (DAEMON.format(file=str(file)), {"sleep"})):
        plugin.write_text(source + HOOK)
        child = Child("inform", os.environ, tmp_path / "log")
        child.send(Describe(plugin=Plugin(module="", path=str(plugin), folder="")))
        assert isinstance(child.answer(Describe, 60), Described)
        child.stop()
        assert child.left == named
