"""Options of the bundled backends: every value that is not the default passes the checks that the defaults pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from convbench.plan.entrants import Entrant
from convbench.plan.settings import RunSettings
from convbench.testing.checker import Checker
from convbench.verify import make_tensors
from convbench.workers.entrants import with_options
from convbench.workers.failure import Failure
from convbench.workers.plugins import Registered, availability, find_backends
from convbench_specs import PASSES, Case, Conv, Unavailable, load_workload

QUICK = "textbook=numpy-im2col:level=textbook"
ENTRANTS = [
    QUICK,
    "torch-cl=pytorch:layout=channels_last",
    "torch-compiled=pytorch:mode=compile",
    "torch-compiled-cl=pytorch:layout=channels_last,mode=compile",
    "tf-xla=tensorflow:xla=on",
    "tf-no-xla=tensorflow:xla=off",
    "jax-nchw=jax:layout=NCHW",
    "numba-readable=numba-cpu:level=readable",
    "numba-gemm=numba-cpu:algorithm=implicit_gemm",
    "numba-panels=numba-cpu:algorithm=panels",
    "numba-columns=numba-cpu:algorithm=columns",
    "numba-winograd=numba-cpu:algorithm=winograd",
    "numba-depthwise=numba-cpu:algorithm=depthwise",
    "numba-places=numba-cpu:algorithm=few_places",
]
NAMES = (
    "pointwise_tails", "one_place", "windows_of_padding", "asymmetric_padding", "same_even_kernel", "edge_asymmetric",
    "swapped_strides", "pointwise_stride", "dilation_and_stride", "groups_tails", "depthwise", "depthwise_multiplier",
    "line_causal", "line_edge", "max_overlapping", "max_wide_padding", "max_dilated_stride", "max_channels",
    "average_overlapping", "average_ceil_uncounted", "average_channels_rest", "average_line_global", "flatten_first",
    "flatten_last",
)  # fmt: skip
"""Of the edge cases: each kind of window, padding, group and pool."""
COMPILED = (
    "asymmetric_padding", "edge_asymmetric", "dilation_and_stride", "depthwise_multiplier", "line_causal",
    "max_overlapping", "max_channels", "average_ceil_uncounted", "flatten_last",
)  # fmt: skip
"""Those for torch.compile, which takes seconds for each."""


def conv(name: str, channels: int, filters: int, size: tuple[int, ...], kernel: tuple[int, ...], **further) -> Case:
    operation = Conv(in_channels=channels, out_channels=filters, kernel_size=kernel, **further)
    return Case(name=name, operation=operation, input_shape=(channels, *size))


FORMULATIONS = {
    "implicit_gemm": conv("gemm", 17, 18, (9, 8), (3, 3), padding="same"),
    "panels": conv("panels_strided", 19, 21, (9, 8), (1, 1), stride=(2, 2)),
    "panels_windows": conv("panels_windows", 5, 9, (9, 7), (3, 2), stride=(1, 2), padding=((4, 0), (1, 3))),
    "columns": conv("columns", 5, 9, (9, 8), (3, 2)),
    "winograd": conv("winograd", 16, 17, (9, 7), (3, 3), padding=((1, 0), (1, 2))),
    "depthwise": conv("depthwise_last", 4, 4, (3, 40), (3, 3), groups=4, padding="same"),
    "depthwise_stride_2": conv(
        "depthwise_halving", 3, 3, (6, 35), (3, 3), stride=(2, 2), padding=((1, 1), (1, 1)), groups=3
    ),
    "depthwise_5_x_5": conv("depthwise_wide", 3, 3, (8, 19), (5, 5), groups=3, padding="same"),
    "depthwise_5_x_4_stride_2": conv(
        "depthwise_wide_halving", 3, 3, (9, 19), (5, 4), stride=(2, 2), padding=((2, 2), (1, 3)), groups=3
    ),
    "few_places": conv("places", 16, 40, (4, 5), (3, 3)),
}
"""What each formulation of numba-cpu can do, though its rule gives some to another one."""
CASES = [case for case in load_workload("edge_cases").cases if case.name in NAMES] + list(FORMULATIONS.values())
UPDATED = {"asymmetric_padding", "depthwise_multiplier", "max_overlapping", "flatten_last"}
UPDATED |= {case.name for case in FORMULATIONS.values()}
SEEDS = 0, 1


@dataclass(frozen=True)
class Checked:
    """An entrant, its options, and what checks it."""

    name: str
    options: Mapping[str, str | int]
    checker: Checker

    @property
    def cases(self) -> list[Case]:
        """What it is asked for: what its options concern, in a time that is theirs."""
        if self.options.get("mode") == "compile":
            return [case for case in CASES if case.name in COMPILED]
        if "algorithm" in self.options or self.options.get("level") == "readable":
            return [case for case in CASES if isinstance(case.operation, Conv)]
        return CASES

    @property
    def wanted(self) -> set[str]:
        """Names of those that it must be able to do."""
        if "algorithm" in self.options:
            wanted = str(self.options["algorithm"])
            return {case.name for name, case in FORMULATIONS.items() if name.startswith(wanted)}
        asked = {case.name for case in self.cases}
        if self.options.get("xla") == "off":
            return asked - {case.name for case in CASES if needs_xla(case)}
        return asked - {"edge_asymmetric"} if self.options.get("mode") == "compile" else asked


def needs_xla(case: Case) -> bool:
    """Whether TensorFlow's own kernels may have no gradient."""
    return isinstance(case.operation, Conv) and (case.operation.groups > 1 or max(case.operation.dilation) > 1)


def entry(text: str) -> Registered:
    """What a text enters."""
    entrant = Entrant.parse(text)
    return with_options(find_backends().backends[entrant.backend], entrant)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(text, id=text.split("=")[0], marks=() if text == QUICK else pytest.mark.slow) for text in ENTRANTS
    ],
)
def entrant(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    """One entrant, in a worker that stays."""
    entered = entry(request.param)
    found = availability(entered, "cpu")
    if isinstance(found, Unavailable):
        pytest.skip(found.reason)
    with Checker([entered], RunSettings(threads=2, budget_s=20), tmp_path_factory.mktemp("logs")) as checker:
        yield Checked(entered.backend.name, entered.given, checker)


def test_every_pass_of_edge_cases_is_right(entrant: Checked) -> None:
    wrong, able = {}, set()
    for case in entrant.cases:
        checked = entrant.checker.check(case, 2)
        if checked.faults:
            wrong[case.name] = [f"{each.status} {each.pass_name}: {each.reason}" for each in checked.faults]
        if not checked.left_out(entrant.name):
            able.add(case.name)
    assert wrong == {}
    assert able >= entrant.wanted


def test_an_update_gives_the_results_of_a_fresh_preparation(entrant: Checked) -> None:
    name, checker = entrant.name, entrant.checker
    for case in [each for each in entrant.cases if each.name in UPDATED]:
        first, second = (make_tensors(case, 2, seed=seed) for seed in SEEDS)
        for passes in (PASSES, PASSES[::-1]):
            fresh = checker.compute(name, case, second, passes)
            if isinstance(fresh, Failure) and fresh.status == "unsupported":
                continue
            updated = checker.compute_updated(name, case, first, second, passes)
            assert isinstance(fresh, dict)
            assert isinstance(updated, dict)
            for tensor, expected in fresh.items():
                np.testing.assert_array_equal(updated[tensor], expected, err_msg=f"{tensor} of {case}", strict=True)
