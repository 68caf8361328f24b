"""A plug-in that misbehaves costs its own cells: the others' results stand, and nothing of it reaches the terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import psutil
import pytest
from paths import ROOT

pytestmark = pytest.mark.slow
SOURCE = (ROOT / "tests" / "plugins" / "strangers.py").read_text()
CLASSES = re.findall(r"^class (\w+)\((?:Stranger|LeavesDaemon|DeletesScratch)\)", SOURCE, re.MULTILINE)
HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
CASE = 'operation = "flatten", input = [2, 3, 3]'
HARMLESS = {
    "VersionNasty", "VersionNumber", "SummaryNasty", "OperationsLie", "FactsOdd", "FactsMany", "AlgorithmNasty",
    "AvailabilityNone", "AvailabilityExits", "AvailabilityRaisesNasty", "ReasonNasty", "ReasonNoText", "Locks",
    "LeavesDaemon", "LinksItsResults", "RemovesTheLogs", "HidesDaemon", "MemoryCounterExits", "PrintsMuch", "Spins",
    "RaisesInDel", "DeletesScratch", "ReturnsHostile",
}  # fmt: skip
"""What breaks nothing, or makes a backend unavailable: the text is shown as its escapes, and the numbers are right."""
AT_IMPORT = {
    "exits": "import os; os._exit(3)",
    "prints": "print('\\x1b[2J' * 100_000)",
    "raises": "raise BaseException('\\x1b[2J \\udcff')",
    "kills its group": "import os; os.killpg(0, 9)",
    "leaves a daemon": "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(600)",
    "forks": "import os; os.fork()",
    "changes the folder": "import os; os.chdir('/'); os.closerange(0, 100)",
    "patches": "import json, msgspec; json.dumps = json.loads = msgspec.convert = None",
    "returns no list": "from convbench_specs import hookimpl\n@hookimpl\ndef convbench_backends():\n    return 3",
    "yields junk": "from convbench_specs import hookimpl\n@hookimpl\ndef convbench_backends():\n    yield 'x'",
}


def name_of(cls):
    return "".join(f"-{each.lower()}" if each.isupper() else each for each in cls).strip("-")


def command(*arguments, folder):
    done = subprocess.run(
        [sys.executable, "-m", "convbench", *arguments],
        capture_output=True, text=True, errors="surrogateescape", timeout=120, check=False,
        cwd=folder, env={**os.environ, "CONVBENCH_STRANGER": str(folder)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def left_behind(folder):
    """Processes that descend from what a test has started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CONVBENCH_STRANGER") == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def assert_clean(text):
    assert not HIDDEN.search(text), repr(HIDDEN.search(text))
    assert not any(0xD800 <= ord(each) < 0xE000 for each in text)


def assert_stands(folder, run, output):
    """The honest backend is right, and no file or line holds what a plug-in wanted to get there."""
    assert "Traceback (most recent call last)" not in output
    assert_clean(output)
    for file in ("measurements.csv", "agreement.csv", "report.html", "run.json", "journal.jsonl"):
        assert_clean((run / file).read_text(encoding="utf-8"))
    assert "<script>alert(1)" not in (run / "report.html").read_text(encoding="utf-8")
    cells = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    judged = [each for each in cells if each.get("event") == "judged" and each["backend"] == "naive"]
    assert judged
    assert {each["verdict"] for each in judged} == {"agrees"}
    assert not [each for each in cells if each.get("event") == "failed" and each["backend"] == "naive"]
    assert left_behind(folder) == []


@pytest.mark.parametrize("cls", CLASSES)
def test_a_stranger_breaks_neither_the_run_nor_the_terminal(tmp_path, cls):
    plugin = tmp_path / "strange.py"
    plugin.write_text(SOURCE.replace("    return ALL\n", f"    return [{cls}]\n"))
    (tmp_path / "convbench_plugin.py").write_text(plugin.read_text())
    run = tmp_path / "run"
    code, output = command(
        "check", "--case", CASE, "--batch-sizes", "2", "--output", str(run), "--timeout", "5", "--threads", "1",
        "--backends", f"naive,{name_of(cls)}", folder=tmp_path,
    )  # fmt: skip
    if not run.exists():  # its name is not known, for the reason that is listed
        assert code == 2
        assert len(output.splitlines()) <= 2
        code, output = command(
            "check", "--case", CASE, "--batch-sizes", "2", "--output", str(run), "--backends", "naive", folder=tmp_path
        )
    else:
        assert (code == 0) is (cls in HARMLESS), output
    assert_stands(tmp_path, run, output)
    if cls == "HidesDaemon":
        said = "hides-daemon started a process in a session of its own, which was ended with its worker: sleep"
        assert said in " ".join(output.split())


@pytest.mark.parametrize("text", AT_IMPORT.values(), ids=AT_IMPORT)
def test_a_plugin_that_misbehaves_when_it_is_loaded_is_left_out(tmp_path, text):
    (tmp_path / "convbench_plugin.py").write_text(text)
    run = tmp_path / "run"
    code, output = command(
        "check", "--case", CASE, "--batch-sizes", "2", "--output", str(run), "--backends", "naive", folder=tmp_path
    )
    assert code == 0, output
    assert_stands(tmp_path, run, output)
