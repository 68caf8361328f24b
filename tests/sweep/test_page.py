"""What the page about sweeps shows can be pasted: its plan, its file for a queue, and its commands."""

from __future__ import annotations

import re
import shlex

import pytest
from paths import ROOT

from convbench.cli.main import main
from convbench.sweep.engines.queue_config import read_queue_config
from convbench.sweep.plan.file import read_plan
from convbench.sweep.plan.jobs import jobs_of

BLOCKS = re.findall(r"(?:^    .*\n|^\n(?=    ))+", (ROOT / "docs" / "sweep.md").read_text(), re.MULTILINE)
COMMANDS = [line.partition("#")[0].strip() for block in BLOCKS for line in block.splitlines()
            if line.strip().startswith("convbench ")]  # fmt: skip


def shown(start, tmp_path):
    """A file with the block of the page that holds a text."""
    (block,) = [block for block in BLOCKS if start in block]
    path = tmp_path / "file.toml"
    path.write_text(block)
    return path


def test_the_plan_stands_for_the_runs_that_the_page_says(tmp_path):
    assert len(jobs_of(read_plan(shown("workloads =", tmp_path)))) == 4


def test_the_file_for_a_queue_asks_for_whole_nodes(tmp_path):
    (wanted,) = read_queue_config(shown("[machine]", tmp_path), "slurm")
    assert wanted.machines == 2
    assert wanted.keywords["job_extra_directives"] == ["--exclusive"]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_can_be_called(line):
    name, *words = shlex.split(line)[1:]
    main.commands[name].make_context(name, words)


def test_the_page_has_commands():
    assert {line.split()[1] for line in COMMANDS} == {"sweep", "history", "report"}
    assert {option for option in ("--ssh", "--scheduler", "--slurm", "--resume") if option in " ".join(COMMANDS)} == {
        "--ssh", "--scheduler", "--slurm", "--resume",
    }  # fmt: skip
