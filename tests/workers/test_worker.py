"""What a worker writes of the results, and the seconds that it tells of its backend."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from convbench.verify import make_tensors
from convbench.workers import protocol
from convbench.workers.arrays import write_tensors
from convbench.workers.resident import Resident
from convbench.workers.worker import Worker
from convbench_specs import Case, Pool, Unsupported, case_table

CASE = Case(name="pool", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(2, 4, 4))
Y, DX = np.full((1, 2, 2, 2), 3, np.float32), np.full((1, 2, 4, 4), 4, np.float32)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run passes that return what is given, in turn; results by pass: paths, and what is in them."""

    def runs(**passes):
        worker = Worker()
        prepared = SimpleNamespace(
            call_of=lambda name: lambda: passes[name], wait=lambda native: None, to_numpy=lambda name, native: native
        )
        held = Resident(CASE, make_tensors(CASE, 1, seed=0), prepared, 0.0)
        monkeypatch.setattr(worker, "_resident", held)
        monkeypatch.setattr(worker, "_backend", SimpleNamespace(is_deterministic=True))
        return {name: worker.run(protocol.Run(pass_name=name, folder=str(tmp_path))) for name in passes}

    return runs


def test_results_that_another_pass_wrote_already_are_not_written_again(run, tmp_path):
    told = run(forward=Y, backward=(DX, None, None), both=(Y.copy(), DX.copy(), None, None))
    assert told["both"].outputs == told["forward"].outputs | told["backward"].outputs
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backward-dx.npy", "forward-y.npy"]


@pytest.mark.parametrize(
    "y", [Y + 1, Y.astype(np.float64), Y[:, :1], np.full_like(Y, np.nan)], ids=["number", "dtype", "shape", "NaN"]
)
def test_results_that_differ_have_files_of_their_own(run, y):
    told = run(forward=Y, backward=(DX, None, None), both=(y, DX, None, None))
    paths = told["both"].outputs
    assert paths["dx"] == told["backward"].outputs["dx"]
    np.testing.assert_array_equal(np.load(paths["y"]), y, strict=True)
    np.testing.assert_array_equal(np.load(told["forward"].outputs["y"]), Y)


def test_a_pass_that_runs_again_is_written_again(run):
    first = run(forward=Y)["forward"].outputs["y"]
    again = run(forward=Y + 1)["forward"].outputs["y"]
    assert first == again
    np.testing.assert_array_equal(np.load(again), Y + 1)


def test_a_call_counts_as_timed(run):
    told = run(forward=Y)["forward"]
    assert told.timed_s == told.first_call_s == told.call_s > 0


def test_a_backend_gets_plain_read_only_arrays_whose_views_cost_no_call_of_python(tmp_path, monkeypatch):
    given = {}

    def prepare(case, tensors):
        given.update(x=tensors.x, dy=tensors.dy)
        return Unsupported("only looks")

    worker = Worker()
    monkeypatch.setattr(worker, "_backend", SimpleNamespace(prepare=prepare))
    tensors = make_tensors(CASE, 1, seed=0)
    worker.prepare(protocol.Prepare(case=case_table(CASE), tensors=write_tensors(tmp_path, tensors)))
    assert [type(array) for array in (given["x"], given["x"].copy(), given["dy"])] == [np.ndarray] * 3
    assert not given["x"].flags.writeable
    np.testing.assert_array_equal(given["x"], tensors.x)
