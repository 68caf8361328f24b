"""A notebook, executed by a real kernel, shows the progress, the answer, a table and charts."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree import ElementTree as ET

import nbformat
import pytest
from nbclient import NotebookClient

import convbench

RUN = """\
run = convbench.compare(
    "tiny.toml", backends=["naive", "numpy-im2col"], batch_sizes=[1, 2], passes="forward", effort="glance",
    memory=False, output="run",
)
run"""
CELLS = (
    "import convbench",
    RUN,
    "run.plot.time('conv1')",
    "run.style()",
    "run.summary.pass_name.unique().tolist()",
)
WORKLOAD = 'cases = [{ name = "conv1", operation = "conv", input = [1, 6, 6], out_channels = 2, kernel_size = 3 }]'
ROOT = Path(convbench.__file__).parents[2]


@pytest.mark.slow
def test_a_notebook_shows_a_run_by_itself(tmp_path, monkeypatch):
    roots = [str(ROOT / name) for name in ("specs", "backends", "harness")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*roots, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    (tmp_path / "tiny.toml").write_text(WORKLOAD)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [[output.get("data", {}) for output in cell.outputs] for cell in book.cells]
    progress, answer = outputs[1]
    assert "convbench: ended after" in progress["text/plain"]
    assert "All 2 backends that ran are right." in answer["text/html"]
    assert "<table>" in answer["text/html"]
    assert answer["text/plain"].startswith("<Run ")
    assert ET.fromstring(outputs[2][0]["image/svg+xml"]).tag.endswith("svg")
    assert "× the fastest" in outputs[3][0]["text/html"]
    assert outputs[4][0]["text/plain"] == "['forward']"
