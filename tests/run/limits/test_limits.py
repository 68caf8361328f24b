"""The machine's limit: formulas worked out by hand, the cache whatever becomes of its file, who is asked for a peak."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import PLUGINS, ROOT, RUNS

import convbench
from convbench.cli.main import main
from convbench.plan.items import CellKey
from convbench.report.inputs import ROOFLINE_COLUMNS
from convbench.results.events.journal import Journal
from convbench.results.events.schema import CellSkipped, LimitsFound, fields_of
from convbench.results.events.state import RunState
from convbench.results.loading import load_run
from convbench.results.roofline import Bandwidth, Limits, Peak, attainable_gflops_per_s, roofline_share
from convbench.results.roofline_columns import add_roofline
from convbench.run.limits.attainable import _to_ask, without
from convbench.run.limits.bandwidth import best_bandwidth, measure_bandwidth, size_of_array
from convbench.run.limits.cache import VERSION, cache_file, fingerprint, keep_limits, merge, read_limits
from convbench.run.limits.ladder import LEAST_FLOPS, RUNGS, copy_item, ladder
from convbench.workers.plugins import find_backends
from convbench.workers.session import BackendSession
from convbench_specs import cost

BANDWIDTH = Bandwidth(gbytes_per_s=40.0, way="copy", array_bytes=2**27)
PEAK = Peak(dtype="float32", gflops_per_s=200.0, backend="fast", case="1 x 1", considered=("fast", "slow"))
LIMITS = Limits(device="cpu", threads=2, bandwidth=BANDWIDTH, peaks=(PEAK,), measured="2026-11-20T12:00:00+00:00")


# Formulas


@pytest.mark.parametrize(
    ("intensity", "attainable"),
    [(0.0, 0.0), (0.25, 10.0), (5.0, 200.0), (100.0, 200.0)],  # the ridge is at 200 / 40 = 5 FLOPs a byte
)
def test_the_roof_is_the_lower_of_the_two_limits(intensity, attainable):
    assert attainable_gflops_per_s(intensity, 200.0, 40.0) == attainable


@pytest.mark.parametrize(
    ("flops", "moved", "seconds", "share"),
    [
        (2e9, 4e7, 0.01, 1.0),  # 10 ms of arithmetic, 1 ms of memory
        (2e9, 4e7, 0.04, 0.25),
        (1e6, 4e8, 0.02, 0.5),  # 10 ms of memory
        (0, 4e8, 0.02, 0.5),  # a flatten that copies
        (4e9, 4e7, 0.01, 2.0),  # over the roof, and not clipped
        (0, 0, 0.02, np.nan),  # a view
        (2e9, 4e7, np.nan, np.nan),
    ],
)
def test_the_share_is_the_least_time_over_the_time(flops, moved, seconds, share):
    assert roofline_share(flops, moved, seconds, 200.0, 40.0) == pytest.approx(share, nan_ok=True)


@given(*[st.floats(1.0, 1e12)] * 2, *[st.floats(1e-6, 1e3)] * 3)
def test_the_share_is_the_rate_over_what_is_attainable(flops, moved, seconds, peak, bandwidth):
    attainable = attainable_gflops_per_s(flops / moved, peak, bandwidth)
    share = roofline_share(flops, moved, seconds, peak, bandwidth)
    assert share == pytest.approx(flops / seconds / 1e9 / attainable, rel=1e-9)


def test_without_flops_the_share_needs_no_peak():
    assert roofline_share(0, 4e8, 0.02, np.nan, 40.0) == pytest.approx(0.5)
    assert np.isnan(roofline_share(1e6, 4e8, 0.02, np.nan, 40.0))


def _cells(**columns):
    cell = {"dtype": "float32", "flops": 2e9, "valid_flops": 1e9, "compulsory_bytes": 4e7, "median_s": 0.01}
    return pd.DataFrame([cell | columns])


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({}, (100.0, 50.0, 200.0, 1.0, "compute", "")),
        ({"median_s": 0.005}, (200.0, 50.0, 200.0, 2.0, "compute", "effective")),
        ({"flops": 4e7, "valid_flops": 4e7}, (4.0, 1.0, 40.0, 0.1, "bandwidth", "")),
        ({"flops": 0, "valid_flops": 0}, (0.0, 0.0, 0.0, 0.1, "bandwidth", "")),
        ({"flops": 0, "valid_flops": 0, "compulsory_bytes": 0}, (0.0, np.nan, np.nan, np.nan, "", "")),
        ({"dtype": "float64"}, (100.0, 50.0, np.nan, np.nan, "", "")),  # its peak is not known
        ({"median_s": np.nan}, (np.nan, 50.0, 200.0, np.nan, "compute", "")),
    ],
)
def test_the_columns_of_a_cell(changes, columns):
    found = add_roofline(_cells(**changes), LIMITS).iloc[0]
    for name, expected in zip(ROOFLINE_COLUMNS, columns, strict=True):
        assert found[name] == (expected if isinstance(expected, str) else pytest.approx(expected, nan_ok=True)), name


def test_without_limits_only_what_needs_none_is_known():
    found = add_roofline(_cells(), None).iloc[0]
    assert found["valid_gflops_per_s"] == pytest.approx(100.0)
    assert found["intensity_flops_per_byte"] == pytest.approx(50.0)
    assert found[["attainable_gflops_per_s", "roofline_share"]].isna().all()
    assert (found["bound_by"], found["roofline_label"]) == ("", "")


def test_a_frame_without_cells_gets_the_columns():
    assert set(ROOFLINE_COLUMNS) <= set(add_roofline(_cells().iloc[:0], LIMITS))


def test_every_column_is_documented():
    text = (ROOT / "docs" / "results.md").read_text()
    assert all(f"| {name} |" in text for name in ROOFLINE_COLUMNS)


# The cases


@pytest.mark.parametrize("device", list(RUNGS))
def test_the_cases_of_the_peak_are_dense_and_grow(device):
    work = [cost(item.case, item.batch_size, "forward") for item in ladder(device, "float32")]
    assert all(each.flops == each.valid_flops for each in work)
    assert work[0].flops == 2 * 64 * 64 * 16 * 16
    large = [each for each in work if each.flops >= LEAST_FLOPS]
    assert len(large) >= 2
    assert all(each.flops / each.bytes > 100 for each in large)
    assert all(later.flops < 100 * earlier.flops for earlier, later in pairwise(work))


def test_the_case_of_a_devices_bandwidth_copies():
    item = copy_item()
    moved = cost(item.case, item.batch_size, "forward").bytes
    assert item.case.output_shape == item.case.input_shape
    assert moved == 2 * 4 * 8 * 64 * 256 * 256


# Bandwidth


@pytest.mark.parametrize(
    ("cache", "memory", "size"),
    [
        (32 * 2**20, 2**40, 128 * 2**20),
        (384 * 2**20, 12 * 2**30, 2**30),  # a quarter of 12 GiB for three arrays
        (32 * 2**20, 0, 4096),
    ],
)
def test_an_array_is_larger_than_the_caches_if_memory_allows(cache, memory, size):
    assert size_of_array(cache, memory) == size


@pytest.mark.parametrize("threads", [1, 3])
def test_every_element_is_moved_by_one_of_the_threads(threads, monkeypatch):
    moved = []
    kernels = {"watch": (lambda a, b, c: moved.append((a.size, b[0], c[-1])), 2)}
    monkeypatch.setattr("convbench.run.limits.bandwidth.KERNELS", kernels)
    monkeypatch.setattr("convbench.run.limits.bandwidth.SPEND_S", 0)
    found = best_bandwidth(threads, 8 * 1000)
    assert sum(size for size, *_ in moved) == 1000
    assert all(row[1:] == (2.0, 3.0) for row in moved)
    assert (found.way, found.array_bytes) == ("watch", 8000)


def test_the_bandwidth_comes_from_a_process_of_its_own(monkeypatch):
    monkeypatch.setattr("convbench.run.limits.bandwidth.size_of_array", lambda cache, memory: 2**20)
    found = measure_bandwidth(1)
    assert found.gbytes_per_s > 0
    assert found.way in {"copy", "add"}
    assert found.array_bytes == 2**20


def test_a_bandwidth_that_cannot_be_measured_is_not_known(monkeypatch):
    monkeypatch.setattr("convbench.run.limits.bandwidth.size_of_array", lambda cache, memory: -1)
    assert measure_bandwidth(1) is None


# The cache


def test_limits_come_back_as_they_were_kept(tmp_path):
    path = tmp_path / "deep" / "limits.json"
    unknown = Limits(device="cuda", threads=2, peaks=(replace(PEAK, gflops_per_s=None),))
    assert keep_limits(path, {"processor": "p"}, LIMITS) == ""
    assert keep_limits(path, {"processor": "p"}, unknown) == ""
    assert read_limits(path, "cpu", 2) == LIMITS
    assert read_limits(path, "cuda", 2) == unknown
    assert read_limits(path, "cpu", 1) == Limits(device="cpu", threads=1)
    assert [entry.name for entry in path.parent.iterdir()] == ["limits.json"]


def _file(**changes):
    return json.dumps({"version": VERSION, "limits": [LIMITS.as_dict() | changes]})


BANDWIDTH_TABLE, PEAK_TABLE = LIMITS.as_dict()["bandwidth"], LIMITS.as_dict()["peaks"][0]
DAMAGED = {
    "empty": "",
    "cut short": _file()[:-20],
    "no table": "[1, 2]",
    "another version": _file().replace(f'"version": {VERSION}', '"version": 1'),
    "an unknown field": _file(bandwidth={"speed": 1}),
    "a peak of nothing": _file(peaks=[PEAK_TABLE | {"gflops_per_s": 0.0}]),
    "a peak without backends": _file(peaks=[PEAK_TABLE | {"considered": None}]),
    "a negative bandwidth": _file(bandwidth=BANDWIDTH_TABLE | {"gbytes_per_s": -1}),
    "text for a number": _file(bandwidth=BANDWIDTH_TABLE | {"gbytes_per_s": "x"}),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_counts_as_none_and_is_replaced(tmp_path, text):
    path = tmp_path / "limits.json"
    path.write_text(text)
    assert read_limits(path, "cpu", 2) == Limits(device="cpu", threads=2)
    assert keep_limits(path, {}, LIMITS) == ""
    assert read_limits(path, "cpu", 2) == LIMITS


def test_a_cache_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert "cannot be written" in keep_limits(tmp_path / "file" / "limits.json", {}, LIMITS)


def test_another_machine_or_package_has_another_file(monkeypatch):
    facts, environment = fingerprint(()), {"CONVBENCH_CACHE_DIR": "/there"}
    assert cache_file(facts, environment).parent == Path("/there")
    assert cache_file(facts, environment) == cache_file(json.loads(json.dumps(facts)), environment)
    for key, value in (("usable cores", 99), ("packages", {**facts["packages"], "numpy": "9"}), ("processor", "other")):
        assert cache_file({**facts, key: value}, environment) != cache_file(facts, environment)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "something")
    assert cache_file(fingerprint(()), environment) != cache_file(facts, environment)


def test_the_higher_of_two_limits_counts_and_both_were_asked():
    later = replace(
        LIMITS,
        bandwidth=replace(BANDWIDTH, gbytes_per_s=30.0),
        peaks=(
            Peak(dtype="float32", gflops_per_s=300.0, backend="new", case="c", considered=("new",)),
            replace(PEAK, dtype="float64"),
        ),
        measured="2027",
    )
    merged = merge(LIMITS, later)
    assert merged.bandwidth == BANDWIDTH
    assert (merged.gflops_per_s("float32"), merged.peak("float32").backend) == (300.0, "new")
    assert merged.peak("float32").considered == ("fast", "slow", "new")
    assert merged.gflops_per_s("float64") == 200.0
    assert merged.measured == "2027"


@pytest.mark.parametrize(
    ("first", "second", "contended"),
    [
        ((100.0, True), (100.0, True), True),
        ((100.0, True), (120.0, False), False),  # higher, and undisturbed
        ((100.0, True), (95.0, False), False),  # confirmed
        ((100.0, True), (10.0, False), True),  # a slow backend's says nothing
        ((100.0, False), (95.0, True), False),
    ],
)
def test_contention_is_over_when_an_undisturbed_measurement_confirms(first, second, contended):
    one, other = (replace(PEAK, gflops_per_s=rate, contended=flag) for rate, flag in (first, second))
    assert one.or_better(other).contended == contended
    lines = [replace(BANDWIDTH, gbytes_per_s=rate, contended=flag) for rate, flag in (first, second)]
    assert lines[0].or_better(lines[1]).contended == contended


class _Session:
    def __init__(self, name):
        self.name = name


@pytest.mark.parametrize(
    ("peak", "names", "asked"),
    [
        (None, ["fast", "slow"], ["fast", "slow"]),
        (PEAK, ["fast", "slow"], []),
        (PEAK, ["slow", "new"], ["new"]),
        (replace(PEAK, contended=True), ["fast", "slow"], ["fast", "slow"]),
        (replace(PEAK, contended=True), ["slow"], []),  # it cannot confirm what another reached
    ],
)
def test_who_is_asked_for_a_peak(peak, names, asked):
    assert [session.name for session in _to_ask(peak, [_Session(name) for name in names])] == asked


# A run


@pytest.fixture(scope="module")
def runs(tmp_path_factory, plugins_of_limits):
    """Two runs with the same cache, the first of which measures."""
    folder = tmp_path_factory.mktemp("limits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVBENCH_CACHE_DIR", str(folder / "cache"))
        patch.setattr("convbench.run.limits.attainable.measure_bandwidth", lambda threads, left_s: BANDWIDTH)
        patch.setattr("convbench.run.limits.peak.is_contended", lambda waited, elapsed: False)  # other tests may run
        # else only the bundled ones that the checks found right would be asked
        patch.setattr(BackendSession, "is_reference", True)
        patch.setattr(RunState, "wrong_backends", frozenset())
        return [
            convbench.compare(
                "quick",
                cases=["conv1", "flatten"],
                backends=["naive", "einsum", "wrong", "winograd"],
                plugins=[str(plugins_of_limits)],
                batch_sizes=[1],
                passes=["forward"],
                blocks=1,
                memory=False,
                threads=1,
                output=folder / name,
            )
            for name in ("first", "second")
        ]


@pytest.fixture(scope="module")
def plugins_of_limits():
    return PLUGINS / "limits.py"


def test_the_peak_is_that_of_a_right_backend_that_does_what_is_counted(runs):
    peak = runs[0].limits.peak("float32")
    assert peak.backend == "einsum"
    assert peak.gflops_per_s > 0
    assert set(peak.considered) == {"naive", "einsum", "wrong", "winograd"}


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of its own, and a machine that is measured in no time; the file of the cache."""
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("convbench.run.limits.attainable.measure_bandwidth", lambda threads, left_s: BANDWIDTH)
    return cache_file(fingerprint(find_backends().packages))


def _limits_of(folder, *backends, cases=("flatten",)):
    return convbench.compare(
        "quick", cases=list(cases), backends=list(backends), plugins=[str(PLUGINS / "limits.py")], batch_sizes=[1],
        passes=["forward"], blocks=1, memory=False, threads=1, output=folder,
    ).limits  # fmt: skip


def test_a_backend_that_is_not_bundled_is_not_asked_what_the_machine_can_do(own_cache, tmp_path):
    peak = _limits_of(tmp_path / "run", "naive", "einsum").peak("float32")
    assert peak.considered == ("naive",)
    kept = read_limits(own_cache, "cpu", 1).peak("float32")
    assert kept.considered == ("naive",)


def test_a_rate_that_the_processor_cannot_reach_is_never_kept(own_cache, tmp_path, monkeypatch):
    monkeypatch.setattr("convbench.run.limits.peak.peak_flops_per_s", lambda dtype, cores: 1.0)
    peak = _limits_of(tmp_path / "run", "numpy-im2col").peak("float32")
    assert peak.gflops_per_s is None
    assert peak.considered == ("numpy-im2col",)


def test_what_a_wrong_backend_reached_is_forgotten():
    assert without(LIMITS, {"fast"}).peaks == ()
    assert without(LIMITS, {"slow"}) == LIMITS


def test_a_run_that_finds_a_backend_wrong_drops_the_limit_that_it_reached(own_cache, tmp_path):
    facts = fingerprint(find_backends().packages)
    keep_limits(own_cache, facts, replace(LIMITS, threads=1, peaks=(replace(PEAK, backend="wrong"),)))
    found = _limits_of(tmp_path / "run", "naive", "wrong", cases=("conv1",))
    assert found.peak("float32").backend != "wrong"
    assert read_limits(own_cache, "cpu", 1).peak("float32").backend != "wrong"


def test_a_second_run_takes_the_limits_from_the_cache(runs):
    assert runs[1].limits == runs[0].limits


def test_cells_of_a_run_have_their_share(runs):
    cells = runs[0].measurements
    cells = cells[(cells["status"] == "ok") & (cells["case"] == "conv1")]
    assert len(cells) >= 2
    assert (cells["roofline_share"] > 0).all()
    expected = cells["gflops_per_s"] / cells["attainable_gflops_per_s"]
    assert np.allclose(cells["roofline_share"], expected)


def test_checking_measures_no_limit(tmp_path):
    run = convbench.check("quick", cases=["flatten"], backends=["numpy-im2col"], batch_sizes=[1], output=tmp_path / "r")
    assert run.limits is None
    assert run.measurements["roofline_share"].isna().all()


def test_a_cache_that_cannot_be_written_is_a_warning_of_the_run(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("convbench.run.limits.attainable.measure_bandwidth", lambda threads, left_s: None)
    run = convbench.compare(
        "quick", cases=["flatten"], backends=["naive"], batch_sizes=[1], blocks=1, memory=False, output=tmp_path / "r"
    )
    assert any("limits are not kept" in text for text in run.warnings)
    assert run.limits.bandwidth is None
    assert (run.folder / "report.html").is_file()


SETTINGS = {"threads": 1, "device": "cpu", "batch_sizes": [1], "seed": 0}


def test_the_journal_brings_the_limits(tmp_path):
    header = {"command": "", "started": "", "settings": SETTINGS, "machine": {}, "packages": {}, "workloads": []}
    with Journal.begin(tmp_path, header) as journal:
        journal.write(CellSkipped(**fields_of(CellKey("w", "c", "float32", 1, "mine", "forward")), reason="slow"))
        journal.write(LimitsFound.of(LIMITS))
    assert load_run(tmp_path).limits == LIMITS


def test_a_run_from_before_there_were_limits_is_reported(tmp_path):
    from convbench.report.files import write_reports

    run = load_run(RUNS / "schema_1")
    write_reports([run], tmp_path)
    assert run.limits is None
    assert run.measurements["valid_gflops_per_s"].notna().any()
    assert 'id="roofline"' not in (tmp_path / "report.html").read_text()


# The command


def test_the_command_shows_what_is_known(tmp_path, monkeypatch):
    from click.testing import CliRunner

    monkeypatch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("convbench.run.limits.attainable._to_ask", lambda peak, sessions: [])
    facts = fingerprint(find_backends().packages)
    for threads in (1, 2):
        keep_limits(cache_file(facts), facts, replace(LIMITS, threads=threads))
    shown = CliRunner().invoke(main, ["limits", "--threads", "1,2"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert shown.output.count("200 GFLOP/s") == 2
    assert shown.output.count("40.0 GB/s") == 2
    assert "fast: 1 x 1" in shown.output


@pytest.mark.parametrize(
    "arguments", [["--threads", "0"], ["--threads", "-1"], ["--dtypes", "float23"], ["--device", "tpu"]]
)
def test_the_command_refuses_what_cannot_be(arguments):
    from click.testing import CliRunner

    assert CliRunner().invoke(main, ["limits", *arguments]).exit_code == 2
