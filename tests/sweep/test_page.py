"""What the page about sweeps shows can be pasted: its plan, and its file for a queue."""

from __future__ import annotations

import re

from paths import ROOT

from convbench.sweep.engines.queue_config import read_queue_config
from convbench.sweep.plan.file import read_plan
from convbench.sweep.plan.jobs import jobs_of

BLOCKS = re.findall(r"(?:^    .*\n|^\n(?=    ))+", (ROOT / "docs" / "sweep.md").read_text(), re.MULTILINE)


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
