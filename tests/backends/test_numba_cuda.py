"""numba-cuda without a GPU: its kernels in Numba's simulator, its index tables, and what it says where there is no GPU.

Numba is told of the simulator before it is imported, so simulated cases run in one process of their own: this file, as
a program. Each test then reads its case's verdicts. Nothing here says anything of a real GPU's numbers or speed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from convbench_backends.numba_cuda import NumbaCuda
from convbench_backends.numba_cuda import backend as backend_module
from convbench_backends.numba_cuda.geometry import backward_gather, forward_gather, taps_of
from convbench_backends.numba_cuda.simulation import SIMULATOR
from convbench_specs import PASSES, Available, Case, Conv, Flatten, Pool, Settings, Unavailable, tensors_of

TOLD = "results of the simulated cases: "


def conv(shape, out_channels, kernel_size, dtype="float32", **parameters):
    operation = Conv(in_channels=shape[0], out_channels=out_channels, kernel_size=kernel_size, **parameters)
    return Case(name="c", operation=operation, input_shape=shape, dtype=dtype)


def pool(shape, kind, kernel_size, dtype="float32", **parameters):
    operation = Pool(kind=kind, kernel_size=kernel_size, **parameters)
    return Case(name="c", operation=operation, input_shape=shape, dtype=dtype)


def flatten(shape, order, dtype="float32"):
    return Case(name="c", operation=Flatten(order=order), input_shape=shape, dtype=dtype)


SIMULATED = {
    "a tile and its tails": (conv((9, 4, 5), 9, (2, 2)), 2),
    "tiles that skip places": (conv((8, 5, 5), 8, (3, 2), stride=(2, 3), padding=((2, 1), (0, 3))), 1),
    "tiles in groups": (conv((16, 3, 3), 16, (2, 2), groups=2, bias=False), 1),
    "tiles at the edge": (conv((8, 3, 4), 8, (2, 2), padding=((1, 2), (2, 0)), padding_mode="edge"), 1),
    "a thread an output": (conv((2, 5, 6), 3, (3, 2), dilation=(1, 2), padding="same"), 2),
    "depthwise": (conv((3, 5, 5), 6, (2, 2), groups=3, stride=(2, 1)), 2),
    "a thread an output at the edge": (conv((2, 4), 2, (3,), padding=((2, 3),), padding_mode="edge"), 2),
    "float64": (conv((1, 4, 4), 8, (2, 2), "float64"), 1),
    "float16": (conv((2, 4, 4), 8, (2, 2), "float16"), 1),
    "no images": (conv((2, 4, 4), 8, (2, 2)), 0),
    "maximum": (pool((2, 5, 6), "max", (2, 3), stride=(1, 2), padding=((1, 0), (1, 1)), dilation=(2, 1)), 2),
    "maximum of a plane": (pool((3, 4, 5), "max", "global", "float16"), 2),
    "average": (pool((2, 5, 5), "average", (3, 2), padding=((1, 1), (0, 1)), ceil_mode=True), 2),
    "average of a plane": (pool((2, 9, 9), "average", "global", "float64"), 1),
    "average over channels": (pool((4, 3, 3), "average", 2, over="channels"), 2),
    "flatten": (flatten((2, 3), "channels_first"), 2),
    "flatten by transposition": (flatten((5, 3, 7), "channels_last"), 2),
}


def yield_when_arrays_are_made():
    """Let other threads of a simulated block run while one makes an array: if they race for it, they always do."""
    from numba.cuda.simulator import kernelapi

    from convbench_backends.numba_cuda import simulation

    def empty(*arguments):
        time.sleep(0)
        return np.empty(*arguments)

    kernelapi.np = simulation.np = SimpleNamespace(**{**vars(np), "empty": empty})


def main():
    """Run the simulated cases, and print {name: {tensor: verdict}}."""
    from convbench.verify.check import check_against
    from convbench.verify.data import make_tensors
    from convbench.verify.reference.full import oracle

    yield_when_arrays_are_made()
    backend = NumbaCuda()
    backend.start(Settings())
    told = {}
    for name, (case, images) in SIMULATED.items():
        tensors = make_tensors(case, images, seed=0, fill="integers")
        prepared = backend.prepare(case, tensors)
        verdicts = {}
        for pass_name in PASSES:
            leaves = prepared.call_of(pass_name)()
            leaves = leaves if isinstance(leaves, tuple) else (leaves,)
            results = dict(zip(tensors_of(case, pass_name), [leaf for leaf in leaves if leaf is not None], strict=True))
            arrays = {tensor: prepared.to_numpy(tensor, leaf) for tensor, leaf in results.items()}
            for found in check_against(oracle(case, tensors), arrays, exact=True):
                verdicts[f"{pass_name} {found.tensor}"] = found.verdict
        told[name] = verdicts
    print(TOLD + json.dumps(told))


@pytest.fixture(scope="module")
def verdicts():
    pytest.importorskip("numba", reason="Numba is not installed")
    done = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, SIMULATOR: "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition(TOLD)[2])


@pytest.mark.parametrize("name", SIMULATED)
def test_kernels_are_right_in_the_simulator(verdicts, name):
    case, _ = SIMULATED[name]
    assert verdicts[name] == {f"{one} {tensor}": "agrees" for one in PASSES for tensor in tensors_of(case, one)}


# -- geometry


def test_a_tap_knows_its_channel_its_offsets_and_its_number():
    case = conv((2, 9, 9), 1, (2, 3), dilation=(2, 3))
    taps = taps_of(case, 2)
    assert taps.dtype == np.int32
    assert taps.tolist()[:7] == [
        [0, 0, 0, 0],
        [0, 0, 3, 1],
        [0, 0, 6, 2],
        [0, 2, 0, 3],
        [0, 2, 3, 4],
        [0, 2, 6, 5],
        [1, 0, 0, 0],
    ]


def test_forward_and_backward_walk_the_same_weights():
    case = conv((6, 5, 5), 9, (2, 3), groups=3)
    weights = np.arange(np.prod(case.w_shape)).reshape(3, 3, 2, 6)
    forward, backward = forward_gather(case, 1), backward_gather(case, 1)
    for group, k, channel, tap in np.ndindex(weights.shape):
        for g, filters, channels in ((forward, k, channel), (backward, channel, k)):
            place = group * g.group_step + filters * g.filter_step + channels * g.channel_step + tap
            assert weights.ravel()[place] == weights[group, k, channel, tap]


# -- where there is no GPU


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.delenv(SIMULATOR, raising=False)
    monkeypatch.setattr(backend_module, "cuda_device_count", lambda: 0)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_without_a_gpu_it_says_so_and_how_to_simulate_one(no_gpu, device):
    found = NumbaCuda().availability(device)
    assert isinstance(found, Unavailable)
    assert "\n" not in found.reason
    assert f"{SIMULATOR}=1 convbench check --backends numba-cuda" in found.reason


def test_with_a_gpu_the_cpu_is_told_to_ask_for_it(monkeypatch):
    monkeypatch.delenv(SIMULATOR, raising=False)
    monkeypatch.setattr(backend_module, "cuda_device_count", lambda: 1)
    assert "--device cuda" in NumbaCuda().availability("cpu").reason


def test_in_the_simulator_it_is_available_on_the_cpu_alone(monkeypatch):
    monkeypatch.setenv(SIMULATOR, "1")
    assert isinstance(NumbaCuda().availability("cpu"), Available)
    assert "unset it" in NumbaCuda().availability("cuda").reason


def test_the_simulator_is_passed_on_and_predicts_minutes_for_a_real_layer(monkeypatch):
    monkeypatch.setenv(SIMULATOR, "1")
    assert NumbaCuda().environment(Settings())[SIMULATOR] == "1"
    assert NumbaCuda().predict_s(conv((64, 56, 56), 64, (3, 3)), 1, "forward") > 60
    monkeypatch.delenv(SIMULATOR)
    assert SIMULATOR not in NumbaCuda().environment(Settings())
    assert NumbaCuda().predict_s(conv((64, 56, 56), 64, (3, 3)), 1, "forward") is None


def test_listing_it_and_asking_for_it_imports_no_numba():
    program = (
        "import sys; from convbench_backends.numba_cuda import NumbaCuda; backend = NumbaCuda(); "
        "backend.availability('cpu'), backend.availability('cuda'); sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


if __name__ == "__main__":
    main()
