"""What holds for numba-cpu beyond right results: its index arithmetic, its memory, and the machines it runs on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from conv_shapes import axes
from hypothesis import given

import convbench
from convbench_backends.numba_cpu import NumbaCpu
from convbench_backends.numba_cpu.cache_key import cache_key
from convbench_backends.numba_cpu.convolution.flat.layout import FlatAxis, forward_axis, gradient_axis
from convbench_backends.numba_cpu.convolution.winograd.plan import why_no_winograd
from convbench_backends.numba_cpu.geometry import PADDING, ConvShape, first_taps, spans, taps, window_places
from convbench_backends.numba_cpu.pooling.maxima import window_rows
from convbench_backends.shared.outputs import Output
from convbench_specs import Axis, Case, Conv, Settings, Tensors, Unsupported

GUARDED = Path(__file__).parents[1] / "support" / "numba_cpu_guarded.py"
WITH_REGISTERS = """
import runpy, sys
from convbench_backends.numba_cpu.compiler import vector
vector.VECTOR_BYTES, vector.REGISTERS = {registers}
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SMALLER_MACHINES = {
    "avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma"},
    "sse": {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": "+sse4.2"},
}


def reads(flat: FlatAxis) -> dict[tuple[int, int], int]:
    """Source place that each (target, tap) reads, those on padding left out."""
    found = {}
    for phase in flat.phases:
        for position in range(phase.low, phase.high):
            target = position * flat.target_step + phase.first
            for tap in phase.taps:
                source = (position + tap.offset) * flat.source_step + flat.firsts[tap.plane]
                if 0 <= source < flat.source_size:
                    found[target, tap.tap] = source
    return found


def expected_reads(axis: Axis) -> dict[tuple[int, int], int]:
    each = product(range(axis.output), range(axis.kernel))
    places = {(o, t): o * axis.stride - axis.before + t * axis.dilation for o, t in each}
    return {key: place for key, place in places.items() if 0 <= place < axis.size}


@given(axes())
def test_the_flat_layout_reads_each_tap_where_the_axis_says(axis):
    assert reads(forward_axis(axis)) == expected_reads(axis)


@given(axes())
def test_the_flat_layout_of_the_gradient_is_the_adjoint(axis):
    adjoint = {(source, tap): output for (output, tap), source in expected_reads(axis).items()}
    assert reads(gradient_axis(axis)) == adjoint


@given(axes())
def test_the_phases_of_the_gradient_write_each_place_once(axis):
    flat = gradient_axis(axis)
    written = [i * flat.target_step + phase.first for phase in flat.phases for i in range(phase.low, phase.high)]
    assert sorted(written) == list(range(axis.size))
    assert all(phase.low >= 0 and phase.high <= flat.grid for phase in flat.phases if phase.low < phase.high)


@given(axes())
def test_places_on_the_source_are_those_that_a_plane_counts(axis):
    flat = forward_axis(axis)
    for plane, first in enumerate(flat.firsts):
        low, high = flat.inside(plane, 30)
        assert [m for m in range(30) if 0 <= first + m * flat.source_step < flat.source_size] == list(range(low, high))


@given(axes(), axes())
def test_the_tables_of_pooling_agree(vertical, horizontal):
    table = taps(horizontal)
    for tap, (low, count, place) in enumerate(spans(horizontal)):
        inside = [o for o in range(horizontal.output) if table[tap, o] != PADDING]
        assert inside == list(range(low, low + count))
        assert [table[tap, o] for o in inside] == [place + i * horizontal.stride for i in range(count)]
    first, behind = window_places(vertical, horizontal)
    numbers = first_taps(vertical, horizontal)
    rows, columns = taps(vertical), table
    for i, j in np.ndindex(first.shape):
        r, s = divmod(int(numbers[i, j]), horizontal.kernel)
        if rows[r, i] != PADDING and columns[s, j] != PADDING:
            assert first[i, j] + behind[numbers[i, j]] == rows[r, i] * horizontal.size + columns[s, j]


@given(axes())
def test_the_rows_that_windows_reach_are_those_of_their_taps(axis):
    table = taps(axis)
    for output, (first, count) in enumerate(window_rows(axis)):
        places = [place for place in table[:, output] if place != PADDING]
        assert places == [first + number * axis.dilation for number in range(count)]


def test_a_result_that_is_kept_is_not_overwritten():
    output = Output((3, 4), np.dtype("float32"))
    kept = output.take().reshape(3, 4)
    view = kept[1:]
    address = kept.ctypes.data
    del kept
    assert all(output.take().ctypes.data != address for _ in range(5))
    assert view.base is not None


def test_a_result_that_is_dropped_is_written_again():
    output = Output((3, 4), np.dtype("float32"))
    address = output.take().ctypes.data
    assert output.take().ctypes.data == address


def test_half_precision_is_declined_with_a_reason():
    operation = Conv(in_channels=1, out_channels=1, kernel_size=(1,))
    case = Case(name="half", operation=operation, input_shape=(1, 3), dtype="float16")
    nothing = np.zeros((1, 1, 3), np.float16)
    declined = NumbaCpu().prepare(case, Tensors(x=nothing, dy=nothing, w=nothing, b=nothing))
    assert isinstance(declined, Unsupported)
    assert "float16" in declined.reason


def test_threads_are_bound_and_the_product_inside_a_thread_has_one():
    environment = NumbaCpu().environment(Settings(threads=3))
    assert environment["NUMBA_NUM_THREADS"] == "3"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment["OMP_PROC_BIND"] == "TRUE"


def test_compiled_kernels_go_to_the_folder_of_the_user_else_to_that_of_the_run_else_nowhere(monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert "NUMBA_CACHE_DIR" not in NumbaCpu().environment(Settings())
    assert NumbaCpu().environment(Settings(scratch_folder="/run"))["NUMBA_CACHE_DIR"] == f"/run/numba/{cache_key()}"
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/kept")
    assert NumbaCpu().environment(Settings(scratch_folder="/run"))["NUMBA_CACHE_DIR"] == f"/kept/{cache_key()}"


def test_a_folder_that_the_user_names_keeps_compiled_kernels_from_run_to_run(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    case = 'operation = "pool", kind = "max", kernel_size = 2, input = [1, 4, 4]'
    convbench.check(case=case, backends=["numba-cpu"], batch_sizes=[1], output=tmp_path / "run")
    assert list((tmp_path / "kept").rglob("*.nbc"))


def run_guarded(*groups: str, registers: tuple[int, int] | None = None, **environment: str) -> list[tuple[str, str]]:
    """Algorithm, as people read it, and digest of each case, in a process whose arrays lie between guard pages.

    `registers` are the bytes and number of the vector registers that the kernels take the machine to have: what is
    compiled for them is kept nowhere, as Numba would take it for the kernels of this machine.
    """
    prelude = ["-c", WITH_REGISTERS.format(registers=registers)] if registers else []
    command = [sys.executable, *prelude, str(GUARDED), *groups]
    settings = os.environ | NumbaCpu().environment(Settings(threads=2)) | environment
    if registers:
        settings.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


def run_all_guarded(cache: Path) -> tuple[list[tuple[str, str]], dict[Path, int]]:
    """Run every case; returns what ran, and when each compiled kernel was written."""
    lines = run_guarded(NUMBA_CACHE_DIR=str(cache))
    assert {title for title, _ in lines} == {
        "implicit GEMM",
        "packed panels",
        "packed panels, dx by implicit GEMM",
        "implicit GEMM, dx by columns, dw by dot products",
        "Winograd F(2x2, 3x3)",
        "depthwise rows",
        "dot products of places",
        "im2col bands, BLAS product a thread",
        "row by row",
        "row by row, winner in one byte",
        "small windows",
        "small windows, winner in one byte",
        "whole planes",
    }
    return lines, {path: path.stat().st_mtime_ns for path in cache.rglob("*.nbc")}


needs_mprotect = pytest.mark.skipif(sys.platform != "linux", reason="guard pages are made with mprotect")


@needs_mprotect
def test_no_kernel_touches_memory_outside_its_arrays_or_computes_from_slack():
    run_guarded(
        "gemm", "rows in place", "panels", "columns", "winograd", "few places", "depthwise strides",
        "depthwise kernels", "pools",
    )  # fmt: skip


@pytest.mark.slow
@needs_mprotect
def test_every_case_keeps_within_its_arrays_and_a_second_process_repeats_it_bit_by_bit_compiling_nothing(tmp_path):
    lines, compiled = run_all_guarded(tmp_path)
    assert compiled
    assert run_all_guarded(tmp_path) == (lines, compiled)


@pytest.mark.slow
@needs_mprotect
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the machines that are imitated are x86")
@pytest.mark.parametrize("machine", SMALLER_MACHINES)
def test_shorter_vectors_and_fewer_registers_compute_the_same(machine):
    lines = run_guarded(**SMALLER_MACHINES[machine])
    assert {"implicit GEMM", "packed panels"} <= {title for title, _ in lines}


@pytest.mark.slow
@needs_mprotect
def test_short_vectors_and_many_registers_as_arm_has_them_compute_the_same():
    lines = run_guarded(registers=(16, 32))
    assert {"implicit GEMM", "packed panels"} <= {title for title, _ in lines}


@pytest.mark.parametrize(
    ("filters", "size", "padding", "batch"),
    [(20, (2, 2), ((3, 3), (0, 2)), 3), (24, (12, 2), ((0, 2), (1, 0)), 1), (21, (4, 4), ((0, 0), (1, 1)), 1)],
    ids=["padding is all that a tap reads in rows", "and in columns", "few places"],
)
def test_a_gradient_by_w_over_few_places_is_not_computed_in_tiles_that_lose_digits(filters, size, padding, batch):
    def shape(padding, size, batch):
        conv = Conv(in_channels=16, out_channels=filters, kernel_size=(3, 3), padding=padding)
        return ConvShape.of(Case(name="c", operation=conv, input_shape=(16, *size)), batch)

    assert "digits" in why_no_winograd(shape(padding, size, batch))
    assert why_no_winograd(shape(((1, 1), (1, 1)), (8, 8), 1)) == ""
