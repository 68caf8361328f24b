"""Memory in a run: what a backend keeps, the factor that it wastes, and what does not fit."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import convbench
from convbench.measure.memory import can_reset_peak
from convbench.run import memory, runner

NETWORK = """
network = true

[[cases]]
name = "conv1"
operation = "conv"
input = [8, 64, 64]
out_channels = 8
kernel_size = 3
padding = 1
count = 2

[[cases]]
name = "pool1"
operation = "pool"
kind = "max"
input = [8, 64, 64]
kernel_size = 2
"""
QUICKLY = {  # and however busy this machine is: memory is what a run leaves out that would be late
    "backends": ["numpy-im2col"], "blocks": 1, "rounds": 3, "sample_s": 1e-4, "budget_s": 30.0, "within_s": 3600.0,
}  # fmt: skip
Y_BYTES = {"conv1": 64 * 8 * 64 * 64 * 4, "pool1": 64 * 8 * 32 * 32 * 4}


@pytest.fixture
def workload(tmp_path):
    path = tmp_path / "tiny_net.toml"
    path.write_text(NETWORK)
    return str(path)


@pytest.mark.skipif(not can_reset_peak(), reason="this system does not let a process reset its peak memory")
def test_a_network_of_measured_layers_has_time_and_training_memory(workload, tmp_path):
    run = convbench.compare(workload, batch_sizes=[64], output=tmp_path / "run", **QUICKLY)
    cells = run.measurements.set_index(["case", "pass"])
    for case, y_bytes in Y_BYTES.items():
        assert cells.loc[case, "backward"]["kept_memory_bytes"] == pytest.approx(y_bytes, rel=0.02, abs=1e6)
    conv = cells.loc["conv1", "forward"]
    assert conv["least_memory_bytes"] == Y_BYTES["conv1"]
    assert conv["memory_factor"] == pytest.approx(conv["peak_memory_bytes"] / Y_BYTES["conv1"])
    assert conv["memory_factor"] > 0.9
    whole = run.networks[run.networks["pass"] == "backward"].iloc[0]
    assert (whole["layers"], whole["missing"]) == (3, 0)
    assert whole["kept_bytes"] == pytest.approx(2 * Y_BYTES["conv1"] + Y_BYTES["pool1"], rel=0.02, abs=2e6)
    assert "tiny_net" in (run.folder / "networks.csv").read_text()
    assert "Whole networks" in (run.folder / "report.html").read_text()


KEPT = {  # beyond y: PyTorch keeps 8 bytes a maximum, numba-cpu one
    ("pytorch", "conv1"): Y_BYTES["conv1"],
    ("pytorch", "pool1"): 3 * Y_BYTES["pool1"],
    ("numba-cpu", "conv1"): Y_BYTES["conv1"],
    ("numba-cpu", "pool1"): 1.25 * Y_BYTES["pool1"],
    ("jax", "conv1"): Y_BYTES["conv1"],
    ("jax", "pool1"): Y_BYTES["pool1"],
}
MODULES = {"pytorch": "torch", "numba-cpu": "numba", "jax": "jax"}


@pytest.mark.skipif(not can_reset_peak(), reason="this system does not let a process reset its peak memory")
def test_what_frameworks_keep_for_the_backward_is_known(workload, tmp_path):
    installed = [name for name, module in MODULES.items() if find_spec(module)]
    settings = QUICKLY | {"backends": installed, "timing": False}
    run = convbench.compare(workload, batch_sizes=[64], passes=["backward"], output=tmp_path / "run", **settings)
    kept = run.measurements.set_index(["backend", "case"])["kept_memory_bytes"]
    for key, expected in KEPT.items():
        if key[0] in installed:
            assert kept[key] == pytest.approx(expected, rel=0.02, abs=1e6), key


def test_a_case_that_cannot_fit_is_said_before_anything_is_measured(workload, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "free_bytes", lambda: 50_000_000)
    notes = []
    observer = convbench_observer(notes)
    run = convbench.compare(
        workload, batch_sizes=[1, 256], memory=False, observer=observer, output=tmp_path / "run", **QUICKLY
    )
    large = run.measurements[run.measurements["batch_size"] == 256]
    assert set(large["status"]) == {"skipped"}
    assert large["reason"].str.contains("50.0 MB are free").all()
    assert set(run.measurements.loc[run.measurements["batch_size"] == 1, "status"]) == {"ok"}
    assert any("conv1 batch 256 is skipped: its tensors alone need" in text for text in run.warnings)
    assert any("conv1 batch 256 is skipped" in note for note in notes)


def test_a_machine_that_cannot_tell_memory_is_a_warning_of_the_run(workload, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "can_reset_peak", lambda: False)
    run = convbench.compare(workload, batch_sizes=[1], cases=["pool1"], output=tmp_path / "run", **QUICKLY)
    assert any("only backends with a memory counter of their own have numbers" in text for text in run.warnings)
    assert (
        "only backends with a memory counter of their own have numbers"
        in (Path(run.folder) / "report.html").read_text()
    )


def convbench_observer(notes):
    from convbench.run.observer import Silent

    class Listening(Silent):
        def note(self, text):
            notes.append(text)

    return Listening()


@pytest.mark.skipif(not can_reset_peak(), reason="this system does not let a process reset its peak memory")
def test_a_counter_of_memory_that_fails_is_a_warning_not_a_blank(tmp_path, plugins):
    plugin = tmp_path / "counts.py"
    source = (plugins / "strangers.py").read_text()
    plugin.write_text(source.replace("    return ALL\n", "    return [MemoryCounterExits]\n"))
    run = convbench.compare(
        case='operation = "flatten", input = [2, 3, 3]', backends=["memory-counter-exits"], plugins=str(plugin),
        batch_sizes=[1], passes=["forward"], timing=False, output=tmp_path / "run",
    )  # fmt: skip
    (warning,) = [text for text in run.warnings if "memory" in text]
    assert warning.startswith("the memory of memory-counter-exits could not be measured, first at ")
    assert "error: SystemExit: 0" in warning
