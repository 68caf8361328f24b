"""Prepared.update of every bundled backend: results are those of a fresh prepare on the same tensors, bit for bit.

Frameworks must find their environment when they are imported, so each backend runs in a process of its own: this file,
as a program. It prints what is wrong, by case; a test reads the lines of its case.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from itertools import permutations
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from convbench.measure.cold_caches import copy_of
from convbench.plan.entrants import Entrant
from convbench.verify.data import make_tensors
from convbench.workers.contract import arrays_of
from convbench.workers.discovery.loading import load_backend
from convbench.workers.entrants import with_options
from convbench.workers.plugins import Registered, availability, environment, find_backends
from convbench_backends.naive import Naive
from convbench_backends.numba_cuda.simulation import SIMULATOR
from convbench_backends.pytorch.compiler import compile_environment, no_compiler
from convbench_specs import PASSES, Available, Case, Conv, Flatten, Native, PassName, Pool, Prepared, Settings, Tensors

TOLD = "what is wrong, by case: "
BACKENDS = ["naive", "numpy-im2col", "numba-cpu", "numba-cuda", "pytorch", "tensorflow", "jax"]
COMPILED = "torch-compiled=pytorch:mode=compile"
XLA = "tf-xla=tensorflow:xla=on"
WITH_OPTIONS = [COMPILED, XLA, "jax-nchw=jax:layout=NCHW"]
"""Those that compile or trace, as --entrant takes them; test_options.py updates the others, too."""


def conv(shape, out_channels, kernel_size, **parameters):
    return Conv(in_channels=shape[0], out_channels=out_channels, kernel_size=kernel_size, **parameters), shape


def pool(shape, kind, kernel_size, **parameters):
    return Pool(kind=kind, kernel_size=kernel_size, **parameters), shape


OPERATIONS = {
    "convolution": conv((3, 7, 8), 10, (3, 3), padding="same"),
    "convolution with strides": conv((3, 7, 8), 4, (3, 2), stride=(2, 2), bias=False),
    "convolution of 1 x 1": conv((8, 5, 5), 9, (1, 1)),
    "convolution in one dimension": conv((3, 9), 4, (3,), padding=((1, 1),)),
    "grouped": conv((4, 6, 6), 6, (3, 3), groups=2),
    "depthwise": conv((3, 6, 6), 6, (3, 3), groups=3, padding="same"),
    "edge": conv((2, 5, 6), 3, (3, 3), padding=((1, 2), (2, 0)), padding_mode="edge"),
    "maximum": pool((3, 6, 6), "max", (2, 2)),
    "overlapping maximum": pool((3, 7, 7), "max", (3, 3), stride=(2, 2), padding=((1, 1), (1, 1))),
    "maximum in one dimension": pool((3, 9), "max", (3,), stride=(2,)),
    "dilated maximum": pool((2, 7, 7), "max", (2, 2), stride=(1, 1), dilation=(2, 2)),
    "maximum of a plane": pool((3, 5, 5), "max", "global"),
    "maximum over channels": pool((6, 4, 4), "max", 2, over="channels"),
    "average": pool((3, 6, 7), "average", (3, 2), stride=(2, 2), padding=((1, 1), (1, 0)), count_include_pad=False),
    "average of a plane": pool((3, 9, 9), "average", "global"),
    "average over channels": pool((6, 4, 4), "average", 2, over="channels"),
    "flatten": (Flatten(), (3, 4, 5)),
    "flatten, channels last": (Flatten(order="channels_last"), (3, 4, 5)),
    "flatten of one channel, channels last": (Flatten(order="channels_last"), (1, 4, 5)),
    "flatten in one dimension": (Flatten(order="channels_last"), (3, 6)),
}
"""(operation, input shape) by name."""
LARGE = {
    "a batch in blocks": conv((16, 20, 20), 16, (3, 3), padding="same"),
    "a batch in blocks, with strides": conv((16, 41, 41), 16, (3, 3), stride=(2, 2), padding="same"),
}
"""Those for which a backend may take another path, too many for loops of Python."""
SIMULATED = {
    "tiles": conv((8, 2, 3), 8, (1, 2)),
    "a thread an output at the edge, in one dimension": conv((2, 3), 2, (2,), padding=((1, 1),), padding_mode="edge"),
    "grouped": conv((4, 2, 3), 4, (2, 2), groups=2),
    "depthwise": conv((2, 3, 3), 2, (2, 2), groups=2, bias=False),
    "overlapping maximum": pool((1, 3, 4), "max", (2, 2), stride=(1, 1)),
    "maximum over channels": pool((4, 2, 2), "max", 2, over="channels"),
    "average": pool((1, 3, 4), "average", (2, 2), stride=(1, 2), padding=((1, 0), (0, 1))),
    "average of a plane": pool((1, 9, 8), "average", "global"),
    "flatten": (Flatten(), (2, 3)),
    "flatten, channels last": (Flatten(order="channels_last"), (2, 2, 3)),
    "flatten of one channel, channels last": (Flatten(order="channels_last"), (1, 2, 2)),
}
"""Those for a simulator, where an element takes tens of microseconds."""


def cases_of(operations, *dtypes):
    """Cases by name."""
    return {
        f"{name}, {dtype}": Case(name="c", operation=operation, input_shape=shape, dtype=dtype)
        for name, (operation, shape) in operations.items()
        for dtype in dtypes
    }


CASES = {
    **dict.fromkeys(BACKENDS, cases_of(OPERATIONS, "float32", "float64", "bfloat16") | cases_of(LARGE, "float32")),
    **dict.fromkeys(WITH_OPTIONS, cases_of(OPERATIONS, "float32")),
    "naive": cases_of(OPERATIONS, "float32", "float64"),
    "numba-cuda": cases_of(SIMULATED, "float32") | cases_of({"tiles": SIMULATED["tiles"]}, "float64"),
}
"""By backend."""
BATCH_SIZE = 2

SCRIPTS: list[tuple[int | PassName, ...]] = [
    *((*order, 1, *order, 2, *order) for order in permutations(PASSES)),
    *((1, each) for each in PASSES),
    *((each, 1, 2, 1, 0, each) for each in PASSES),
    ("backward", 1, "forward", 2, "backward"),
]
"""What is done to a case that was prepared on set 0: a pass is run, a number updates to the set of tensors with it."""
SHORT_SCRIPTS: list[tuple[int | PassName, ...]] = [("forward", "backward", 1, "backward", "both", 2, 0, "forward")]
"""The same for the simulator, and for entrants with options."""


def check_updates(
    prepare: Callable[[Case, Tensors], Prepared],
    case: Case,
    *,
    count: Callable[[], int] = lambda: 0,
    scripts: Sequence[Sequence[int | PassName]] = SCRIPTS,
) -> list[str]:
    """What is wrong with the updates of a case; `count` tells what was traced and compiled so far."""
    sets = [make_tensors(case, BATCH_SIZE, seed=seed) for seed in range(3)]
    fresh = [Stage(prepare, case, tensors).run_all() for tensors in sets]
    before = count()
    wrong = [line for script in scripts for line in play(Stage(prepare, case, sets[0]), script, sets, fresh)]
    if count() > before:
        wrong.append(f"{count() - before} times something was traced or compiled again")
    return [*wrong, *train(Stage(prepare, case, sets[0]), sets, fresh, count)]


def train(stage: Stage, sets: list[Tensors], fresh: list[Any], count: Callable[[], int]) -> Iterator[str]:
    """Lines that say in which step of training a result was not that of `fresh`; other passes come in between."""
    before = 0
    for number, now in enumerate((1, 2, 0, 1, 1)):
        where = f"in step {number} of training"
        stage.update(replace(sets[now], dy=sets[number % 3].dy))
        y = stage.kept_forward()
        yield from differing(stage.bits("forward", y), fresh[now]["forward"], where)
        stage.update_dy(sets[now].dy)
        yield from differing(stage.bits("backward", stage.run("backward")), fresh[now]["backward"], where)
        yield from differing(stage.bits("forward", y), fresh[now]["forward"], f"{where}, after its backward")
        if number % 2:
            for name, expected in fresh[now].items():
                yield from differing(stage.bits(name, stage.run(name)), expected, f"after step {number} of training")
            stage.update(sets[0])
            yield from differing(stage.bits("backward", stage.run("backward")), fresh[0]["backward"], "after training")
        before = before or count()
    if count() > before:
        yield f"in training {count() - before} times something was traced or compiled again"


class Stage:
    """A prepared case and the tensors that it was given last, in memory that nobody else has."""

    def __init__(self, prepare: Callable[[Case, Tensors], Prepared], case: Case, tensors: Tensors) -> None:
        self._case, self._given = case, copy_of(tensors)
        self._prepared = prepare(case, self._given)

    def update(self, tensors: Tensors) -> None:
        """Update, then spoil what was given before: nothing may need it any more."""
        assert self._prepared.update is not None
        before, self._given = self._given, copy_of(tensors)
        self._prepared.update(self._given)
        for array in (before.x, before.dy, before.w, before.b):
            if array is not None:
                array.flags.writeable = True
                array.fill(np.nan)

    def kept_forward(self) -> Native:
        """What the forward pass of a step of training returns."""
        native = (self._prepared.kept_forward or self._prepared.forward)()
        self._prepared.wait(native)
        return native

    def update_dy(self, dy: Any) -> None:
        """Put a new dy in, then spoil the one before."""
        given = replace(self._given, dy=np.array(dy))
        if self._prepared.update_dy is None:
            self.update(given)
        else:
            before, self._given = self._given.dy, given
            self._prepared.update_dy(given.dy)
            before.flags.writeable = True
            before.fill(np.nan)

    def run(self, pass_name: PassName) -> Native:
        """What a pass returns, once it exists."""
        native = self._prepared.call_of(pass_name)()
        self._prepared.wait(native)
        return native

    def bits(self, pass_name: PassName, native: Native) -> dict[str, bytes]:
        """What a pass returned, by tensor."""
        arrays = arrays_of(self._case, self._prepared, pass_name, native)
        return {tensor: array.tobytes() for tensor, array in arrays.items()}

    def run_all(self) -> dict[PassName, dict[str, bytes]]:
        """What all passes return."""
        return {each: self.bits(each, self.run(each)) for each in PASSES}


def play(stage: Stage, script: Sequence[int | PassName], sets: list[Tensors], fresh: list[Any]) -> Iterator[str]:
    """Lines that say at which step a result was not that of `fresh`, or changed later while it was held."""
    now, held = 0, []
    for number, step in enumerate(script, start=1):
        if isinstance(step, int):
            now = step
            stage.update(sets[now])
        else:
            native = stage.run(step)
            held.append((number, step, native, now))
            yield from differing(stage.bits(step, native), fresh[now][step], f"after {script[:number]}")
    for number, step, native, then in held:
        yield from differing(stage.bits(step, native), fresh[then][step], f"of {script[:number]}, after {script}")


def differing(found: Mapping[str, bytes], expected: Mapping[str, bytes], where: str) -> list[str]:
    return [f"{tensor} {where}" for tensor in expected if found[tensor] != expected[tensor]]


def count_in_tensorflow() -> Callable[[], int]:
    """Counts the graphs that are traced."""
    from tensorflow.python.framework.func_graph import FuncGraph

    traced = []
    plain = FuncGraph.__init__

    def counting(self, *arguments, **keywords):
        traced.append(None)
        plain(self, *arguments, **keywords)

    FuncGraph.__init__ = counting
    return lambda: len(traced)


def count_in_jax() -> Callable[[], int]:
    """Counts what JAX traces, and what it has XLA compile."""
    from jax import monitoring

    events = []
    monitoring.register_event_duration_secs_listener(
        lambda event, *_, **__: events.append(event) if event.startswith("/jax/core/compile/") else None
    )
    return lambda: len(events)


def count_in_torch_compile() -> Callable[[], int]:
    """Counts the graphs that Dynamo makes, and those that Inductor compiles or finds in its cache."""
    from torch._dynamo.utils import counters

    def count() -> int:
        inductor = sum(number for name, number in counters["inductor"].items() if name.startswith("fxgraph_cache"))
        return counters["stats"]["unique_graphs"] + inductor

    return count


COUNTERS = {
    "tensorflow": count_in_tensorflow,
    "jax": count_in_jax,
    COMPILED: count_in_torch_compile,
    XLA: count_in_tensorflow,
    "jax-nchw=jax:layout=NCHW": count_in_jax,
}


def entered(name: str) -> Registered:
    """A backend by its name, or an entrant by its text."""
    backends = find_backends().backends
    if "=" not in name:
        return backends[name]
    entrant = Entrant.parse(name)
    return with_options(backends[entrant.backend], entrant)


def main(name: str) -> None:
    """Check all cases with one backend, and print what is wrong by case and dtype, or why it is not available."""
    registered = entered(name)
    found = availability(registered, "cpu")
    if not isinstance(found, Available):
        print(TOLD + json.dumps({"unavailable": found.reason}))
        return
    backend = load_backend(registered.plugin, registered.known_as)
    backend.start(Settings(threads=2, options=registered.options))
    options: dict[str, Any] = {"count": COUNTERS[name]()} if name in COUNTERS else {}
    if name == "numba-cuda" or name in WITH_OPTIONS:
        options["scripts"] = SHORT_SCRIPTS
    told = {}
    for label, case in CASES[name].items():
        prepared = backend.prepare(case, make_tensors(case, BATCH_SIZE, seed=0))
        if isinstance(prepared, Prepared):
            told[label] = check_updates(backend.prepare, case, **options) if prepared.update else ["there is no update"]
    print(TOLD + json.dumps(told))


def told_by(name: str) -> dict[str, Any]:
    """What `main` says, in a process of its own."""
    simulator = {SIMULATOR: "1"} if name == "numba-cuda" else {}
    with TemporaryDirectory() as scratch:
        registered = entered(name)
        settings = Settings(threads=2, scratch_folder=scratch, options=registered.options)
        variables = environment(registered, settings)
        done = subprocess.run(
            [sys.executable, __file__, name],
            env={**os.environ, **variables, **simulator},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition(TOLD)[2])


QUICK = ("naive", "numpy-im2col")
"""What an ordinary run tests here: the others import a framework or compile. The suite holds them to the rule, too."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in BACKENDS + WITH_OPTIONS]
)
def test_an_update_gives_what_a_fresh_prepare_gives(name):
    told = told_by(name)
    if "unavailable" in told:
        pytest.skip(told["unavailable"])
    unsupported = {"edge, float32"} if name == COMPILED else set()  # see compiled.why_not_compiled
    assert {label for label in CASES[name] if not label.endswith("bfloat16")} - unsupported <= set(told)
    assert {label: wrong for label, wrong in told.items() if wrong} == {}


# -- what an update has made before the next call


BACKWARD_OF_PYTORCH = """
import sys

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from convbench.verify.data import make_tensors
from convbench_backends.pytorch import PyTorch
from convbench_specs import Case, Conv, Settings

class Called(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        print(function.name())
        return function(*arguments, **(keywords or {}))

backend = PyTorch()
backend.start(Settings(options={"mode": sys.argv[1]}))
case = Case(name="c", operation=Conv(in_channels=2, out_channels=3, kernel_size=(3, 3)), input_shape=(2, 5, 5))
prepared = backend.prepare(case, make_tensors(case, 1, seed=0))
prepared.backward()
prepared.update(make_tensors(case, 1, seed=1))
with Called():
    prepared.backward()
print("training")
for seed in (2, 3) if sys.argv[1] == "eager" else ():  # compiled code is not made while calls are told
    new = make_tensors(case, 1, seed=seed)
    with Called():
        prepared.update(new)
        prepared.kept_forward()
        prepared.update_dy(new.dy)
        prepared.backward()
"""


@pytest.mark.parametrize("mode", ["eager", pytest.param("compile", marks=pytest.mark.slow)])
def test_a_backward_of_pytorch_after_an_update_contains_no_forward_and_a_step_of_training_one(mode, tmp_path):
    if find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    if mode == "compile" and (reason := no_compiler("cpu")):
        pytest.skip(reason.reason)
    done = subprocess.run(
        [sys.executable, "-c", BACKWARD_OF_PYTORCH, mode],
        env={**os.environ, **compile_environment(Settings(scratch_folder=str(tmp_path)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    backward, training = (told.split() for told in done.stdout.split("training"))
    assert "aten::convolution_backward" in backward
    assert "aten::convolution" not in backward
    steps = 2 if mode == "eager" else 0
    assert training.count("aten::convolution_backward") == training.count("aten::convolution") == steps


# -- the check itself, on updates that forget


def forgetful(forgotten: str) -> Callable[[Case, Tensors], Prepared]:
    """The naive backend, whose update forgets one tensor, or all that an earlier backward had found."""

    def prepare(case: Case, tensors: Tensors) -> Prepared:
        prepared = Naive().prepare(case, tensors)
        assert isinstance(prepared, Prepared)
        old = copy_of(tensors)
        if forgotten == "kept results":
            return replace(prepared, backward=cache(prepared.backward))
        return replace(
            prepared, update=lambda new: prepared.update(replace(new, **{forgotten: getattr(old, forgotten)}))
        )

    return prepare


@pytest.mark.parametrize("forgotten", ["x", "dy", "w", "b", "kept results"])
def test_an_update_that_forgets_is_found(forgotten):
    case = CASES["naive"]["convolution, float64"]
    assert check_updates(lambda *given: Naive().prepare(*given), case) == []
    assert check_updates(forgetful(forgotten), case)


def test_a_result_that_an_update_writes_over_is_found():
    def prepare(case: Case, tensors: Tensors) -> Prepared:
        x = tensors.x.copy()
        return Prepared(
            forward=lambda: x.reshape(len(x), -1),
            backward=lambda: (tensors.dy.reshape(x.shape), None, None),
            update=lambda new: np.copyto(x, new.x),
        )

    wrong = check_updates(prepare, CASES["naive"]["flatten, float32"])
    assert any(line.startswith("y of (") for line in wrong)


if __name__ == "__main__":
    main(sys.argv[1])
