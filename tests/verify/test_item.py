"""What the checks say of an item: verdicts of cells and rows of the agreement table."""

from __future__ import annotations

import tracemalloc
from dataclasses import asdict, replace
from math import prod
from pathlib import Path

import numpy as np
import pytest

from convbench.verify import Untrusted, make_tensors, oracle, round_to
from convbench.verify.compare import Deviation
from convbench.verify.identities.holding import Held
from convbench.verify.item import ItemCheck, Returned
from convbench.verify.reference import sampled
from convbench_specs import Case, Conv, Pool, Tensors

CONV = Conv(in_channels=3, out_channels=4, kernel_size=(3, 3))
CASE = Case(name="conv", operation=CONV, input_shape=(3, 7, 8))
POOL = Case(name="pool", operation=Pool(kind="average", kernel_size=(2, 2)), input_shape=(4, 8, 8))


@pytest.fixture
def returned(tmp_path):
    """Right results of forward and backward as files, with some of them replaced."""

    def save(case, tensors, **changed):
        reference = oracle(case, tensors)
        with np.errstate(over="ignore"):
            results = {name: round_to(reference.values(name), case.dtype) for name in reference.names} | changed
        paths = {}
        for name, result in results.items():
            paths[name] = str(tmp_path / f"{name}.npy")
            np.save(paths[name], result)
        outputs = {"forward": {"y": paths.pop("y")}, "backward": paths}
        return Returned(outputs=outputs)

    return save


def checked(case, tensors, results, *held, fill="random"):
    """Rows and cells of one backend."""
    check = ItemCheck(case, tensors, fill, seed=0)
    check.add("mine", results)
    if held:
        check.hold("mine", held)
    judgement = check.judge()
    rows = [asdict(row) | {"pass": row.pass_name} for row in judgement.rows]
    cells = {name: columns(found, fill) for (_, name), found in judgement.verdicts.items()}
    return rows, cells, check


def columns(found, fill):
    """The columns of a cell that its verdict fills."""
    told = {name: value for name, value in asdict(found).items() if value is not None and value != ()}
    own, is_wrong = told.pop("own"), told.pop("is_wrong")
    return told | {"exact" if fill == "integers" else "random": own} | ({"status": "wrong"} if is_wrong else {})


def test_right_results_agree_by_every_check(returned):
    tensors = make_tensors(CASE, 2, seed=0)
    rows, cells, _ = checked(CASE, tensors, returned(CASE, tensors))
    assert cells["forward"] == cells["backward"] == {"random": "agrees", "verdict": "agrees", "identities": "agrees"}
    named = {(row["right"], row["tensor"]) for row in rows}
    assert named == {("oracle", name) for name in ("y", "dx", "dw", "db")} | {
        ("adjoint", name) for name in ("y", "dx", "dw")
    }
    assert all(row["verdict"] == "agrees" for row in rows)


def test_an_identity_that_breaks_by_a_wrong_y_does_not_make_the_right_gradient_wrong(returned):
    tensors = make_tensors(POOL, 2, seed=0)
    y = oracle(POOL, tensors).y.astype(np.float32)
    rows, cells, _ = checked(POOL, tensors, returned(POOL, tensors, y=1.01 * y))
    assert (cells["forward"]["status"], cells["forward"]["tensor"]) == ("wrong", "y")
    assert cells["backward"]["verdict"] == "agrees"
    assert "status" not in cells["backward"]
    assert cells["backward"]["identities"] == "disagrees"  # of two alone it cannot say which
    assert {row["tensor"] for row in rows if row["right"] == "adjoint" and row["verdict"] == "disagrees"} == {"y", "dx"}


def test_what_only_an_identity_finds_makes_its_cell_wrong(returned):
    tensors = make_tensors(CASE, 2, seed=0)
    broken = Deviation(tensor="dw", verdict="disagrees", total=9, off=2)
    held = Held(identity="batch additivity", tensor="dw", results=("dw",), deviation=broken, sentence="dw: 2 of 9")
    rows, cells, _ = checked(CASE, tensors, returned(CASE, tensors), held)
    assert cells["forward"]["verdict"] == "agrees"
    assert cells["backward"] | {"status": "wrong", "tensor": "dw", "identities": "disagrees"} == cells["backward"]
    assert cells["backward"]["reason"] == "batch additivity: dw: 2 of 9"
    (row,) = [row for row in rows if row["right"] == "batch additivity"]
    assert (row["pass"], row["tensor"], row["verdict"], row["count_off"]) == ("backward", "dw", "disagrees", 2)


def test_every_independent_fault_of_a_cell_is_told(returned):
    tensors = make_tensors(CASE, 2, seed=0)
    right = oracle(CASE, tensors)
    changed = {"dx": right.dx * 1.5, "dw": right.dw, "db": right.db.astype(np.float32)[:1]}
    results = returned(CASE, tensors, **changed)
    results = replace(results, findings={"backward": [Untrusted("input_changed", "x")]})
    _, cells, _ = checked(CASE, tensors, results)
    reason = cells["backward"]["reason"]
    assert (cells["backward"]["status"], cells["backward"]["tensor"]) == ("wrong", "dx")
    assert reason.startswith("dx: has dtype float64, not float32; 336 of 336 elements off")
    assert "also dw: has dtype float64, not float32" in reason
    assert "also db: has shape (1,), not (4,)" in reason
    assert "also x: the call changed an input" in reason
    assert "dw: 108" not in reason  # its values are right


@pytest.mark.parametrize("fill", ["integers", "random"])
def test_a_wrong_dtype_alone_is_wrong_and_nothing_else_is_told(returned, fill):
    tensors = make_tensors(CASE, 2, seed=0, fill=fill)
    _, cells, _ = checked(CASE, tensors, returned(CASE, tensors, dx=oracle(CASE, tensors).dx), fill=fill)
    assert (cells["backward"]["status"], cells["backward"]["verdict"]) == ("wrong", "untrusted")
    assert cells["backward"]["reason"] == "dx: has dtype float64, not float32"


def test_overflow_of_float16_is_called_overflow_and_not_wrong(returned):
    case = Case(name="half", operation=CONV, input_shape=(3, 7, 8), dtype="float16")
    drawn = make_tensors(case, 2, seed=0)
    tensors = Tensors(x=drawn.x * np.float16(2000), w=drawn.w * np.float16(60), b=drawn.b, dy=drawn.dy)
    rows, cells, _ = checked(case, tensors, returned(case, tensors))
    forward = cells["forward"]
    assert forward["verdict"] == "untrusted"
    assert "overflowed to infinity" in forward["reason"]
    assert forward.keys().isdisjoint({"status", "finding"})  # it is no fault of the backend
    (row,) = [row for row in rows if (row["right"], row["tensor"]) == ("oracle", "y")]
    assert row["verdict"] == "untrusted"
    assert "overflowed to infinity" in row["description"]


def test_infinity_where_no_sum_can_overflow_is_wrong(returned):
    case = CASE.with_dtype("float16")
    tensors = make_tensors(case, 2, seed=0)
    y = oracle(case, tensors).y.astype(np.float16)
    y[0, 0, 0, 0] = np.inf
    _, cells, _ = checked(case, tensors, returned(case, tensors, y=y))
    assert (cells["forward"]["status"], cells["forward"]["verdict"]) == ("wrong", "disagrees")


def test_of_a_large_case_what_was_sampled_is_told_and_db_is_whole(returned, monkeypatch):
    monkeypatch.setattr(sampled, "MOST_ELEMENTS", 100)
    tensors = make_tensors(CASE, 4, seed=0)
    rows, _, check = checked(CASE, tensors, returned(CASE, tensors))
    assert check.sampled.startswith("y: ")
    assert check.sampled.endswith("; db: all 4 elements")
    counts = {row["tensor"]: row["count"] for row in rows if row["right"] == "oracle"}
    assert counts["y"] < prod(CASE.y_shape(4))
    assert counts["db"] == 4


def layer(channels, filters, kernel, size):
    conv = Conv(in_channels=channels, out_channels=filters, kernel_size=(kernel, kernel), padding="same")
    return Case(name="layer", operation=conv, input_shape=(channels, size, size))


def line(size, **pool):
    return Case(name="line", operation=Pool(stride=(1,), **pool), input_shape=(1, size))


LARGE = {
    "1x1": layer(64, 64, 1, 56),
    "3x3": layer(32, 32, 3, 80),
    "long maximum": line(300_000, kind="max", kernel_size=(1921,)),
    "long average": line(300_000, kind="average", kernel_size=(1921,), padding=((960, 960),)),
    "short windows of a long line": line(300_000, kind="max", kernel_size=(3,)),
}


@pytest.mark.parametrize("fill", ["integers", "random"])
@pytest.mark.parametrize("case", LARGE.values(), ids=LARGE)
def test_the_memory_of_a_check_is_under_three_times_the_tensors(returned, case, fill):
    tensors = make_tensors(case, 2, seed=0, fill=fill)
    results = returned(case, tensors)
    own = 2 * sum(each.nbytes for each in (tensors.x, tensors.w, tensors.b, tensors.dy) if each is not None)
    tracemalloc.start()
    try:
        checked(case, tensors, results, fill=fill)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak + own / 2 < 3 * own  # the inputs were there before


def test_a_fault_on_a_further_kind_of_data_names_it_and_makes_a_cell_wrong(returned):
    tensors = make_tensors(CASE, 2, seed=0, fill="constant")
    rows, cells, _ = checked(
        CASE, tensors, returned(CASE, tensors, y=np.zeros((2, 4, 5, 6), np.float32)), fill="constant"
    )
    assert cells["forward"]["status"] == "wrong"
    assert cells["forward"]["reason"].startswith("on constant data, y: 240 of 240 elements off")
    assert cells["backward"]["verdict"] == "agrees"
    assert {row["data"] for row in rows} == {"constant"}
    assert {row["right"] for row in rows} == {"oracle"}, "who agrees with whom is known from plain numbers"


@pytest.mark.parametrize("kind", ["not-a-number", "infinite"])
def test_who_differs_on_nan_or_infinity_is_called_so_and_not_wrong(returned, kind):
    tensors = make_tensors(CASE, 2, seed=0, fill=kind)
    rows, cells, _ = checked(CASE, tensors, returned(CASE, tensors, y=np.zeros((2, 4, 5, 6), np.float32)), fill=kind)
    assert cells["forward"]["verdict"] == "differs on NaN"
    assert cells["forward"]["reason"].startswith(f"on {kind} data, y: ")
    assert "status" not in cells["forward"]
    assert [row["verdict"] for row in rows] == ["differs on NaN", "agrees", "agrees", "agrees"]


@pytest.mark.parametrize("kind", ["not-a-number", "infinite"])
def test_a_result_of_another_form_is_wrong_on_nan_too(returned, kind):
    tensors = make_tensors(CASE, 2, seed=0, fill=kind)
    _, cells, _ = checked(CASE, tensors, returned(CASE, tensors, y=np.zeros((2, 4, 5, 5), np.float32)), fill=kind)
    assert (cells["forward"]["verdict"], cells["forward"]["status"]) == ("untrusted", "wrong")


def test_denormal_numbers_may_be_taken_for_zero_also_where_nothing_is_summed(returned):
    case = Case(name="max", operation=Pool(kind="max", kernel_size=(2, 2)), input_shape=(4, 8, 8))
    tensors = make_tensors(case, 1, seed=0, fill="denormal")
    assert tensors.x.any()
    zeros = {"y": np.zeros(case.y_shape(1), np.float32), "dx": np.zeros(case.x_shape(1), np.float32)}
    _, cells, _ = checked(case, tensors, returned(case, tensors, **zeros), fill="denormal")
    assert {cell["verdict"] for cell in cells.values()} == {"agrees"}
    large = {"y": np.full(case.y_shape(1), 1e-30, np.float32)}
    _, cells, _ = checked(case, tensors, returned(case, tensors, **large), fill="denormal")
    assert cells["forward"]["verdict"] == "disagrees"


SPOILED = {
    "removed": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "a dangling link": lambda file: (file.unlink(), file.symlink_to("/nowhere/at/all")),
    "of text": lambda file: np.save(file, np.array(["x"])),
    "of objects": lambda file: np.save(file, np.array([{}]), allow_pickle=True),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_a_result_that_was_spoiled_after_the_call_is_told_and_the_other_passes_are_judged(returned, spoil):
    tensors = make_tensors(CASE, 2, seed=0)
    results = returned(CASE, tensors)
    spoil(Path(results.outputs["backward"]["dw"]))
    check = ItemCheck(CASE, tensors, "random", seed=0)
    unread = check.add("mine", results)
    assert list(unread) == ["backward"]
    assert "removed or replaced" in unread["backward"]
    verdicts = check.judge().verdicts
    assert {key: found.verdict for key, found in verdicts.items()} == {("mine", "forward"): "agrees"}


def test_results_that_are_removed_while_others_are_judged_are_compared_all_the_same(returned):
    tensors = make_tensors(CASE, 2, seed=0)
    results = returned(CASE, tensors)
    check = ItemCheck(CASE, tensors, "random", seed=0)
    assert check.add("mine", results) == {}
    for paths in results.outputs.values():
        for path in paths.values():
            Path(path).unlink()
    judgement = check.judge()
    assert {found.verdict for found in judgement.verdicts.values()} == {"agrees"}
    assert check.right_output("y") is None
