"""The largest batch is found in a real worker, and whatever ends a try is an answer."""

from __future__ import annotations

import pytest
from paths import PLUGINS

import convbench
from convbench.errors import UsageError
from convbench.plan.settings import RunSettings
from convbench.run.largest_batch import search
from convbench.run.largest_batch.search import reserve_bytes, safe_limit

PLUGIN = str(PLUGINS / "hungry.py")
LIMIT = 400_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return convbench.compare(
        case='operation = "flatten", input = [1, 1000], order = "channels_last"',
        plugins=[PLUGIN],
        backends=["tenfold", "raises-memory", "breaks-later"],
        passes=["forward"],
        batch_sizes=[1],
        blocks=1,
        rounds=1,
        memory=False,
        find_largest_batch=True,
        memory_limit_bytes=LIMIT,
        search_s=20,
        output=tmp_path_factory.mktemp("runs") / "largest",
    )


def found(run, backend):
    frame = run.largest_batches
    return frame[frame["backend"] == backend].iloc[0]


def test_what_fits_is_next_to_what_does_not(run):
    row = found(run, "tenfold")
    assert row["status"] == "ok"
    assert row["peak_bytes"] <= LIMIT
    assert row["largest_batch_size"] < row["too_large"] <= 1.02 * row["largest_batch_size"]
    assert row["bytes_an_instance"] == pytest.approx(12 * 4000, rel=0.1)  # x, y and ten times x


def test_the_limit_is_nearly_used(run):
    assert found(run, "tenfold")["peak_bytes"] > 0.95 * LIMIT


def test_a_backend_that_raises_for_lack_of_memory_is_not_at_fault(run):
    row = found(run, "raises-memory")
    assert row["status"] == "ok"
    assert row["largest_batch_size"] <= 5000 < row["too_large"]


def test_another_fault_ends_the_search_with_what_fitted(run):
    row = found(run, "breaks-later")
    assert row["status"] == "at least"
    assert row["largest_batch_size"] <= 5000
    assert "this many were not foreseen" in row["reason"]


def test_the_table_is_in_its_file_and_on_the_page(run):
    assert "tenfold" in (run.folder / "largest_batches.csv").read_text()
    assert "The largest batch that fits" in (run.folder / "report.html").read_text()


def test_a_limit_beyond_what_is_free_is_lowered_and_said(monkeypatch):
    monkeypatch.setattr(search, "free_bytes", lambda: 10 * 10**9)
    assert safe_limit(2 * 10**9) == (2 * 10**9, "")
    assert safe_limit(0) == (9 * 10**9, "")
    limit, told = safe_limit(50 * 10**9)
    assert limit == 9 * 10**9
    assert "50.0 GB is too high, because only 10.0 GB are free" in told


def test_the_reserve_is_never_small():
    assert reserve_bytes(10**9) == 512_000_000
    assert reserve_bytes(10**11) == 10**10


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"memory_limit_bytes": 10}, "add --find-largest-batch"),
        ({"search_s": 10.0}, "--search-time limits the search for the largest batch: add --find-largest-batch"),
        ({"memory_limit_bytes": -1, "find_largest_batch": True}, "must be more than 0 bytes"),
        ({"device": "cuda", "find_largest_batch": True}, "is not possible on cuda"),
    ],
)
def test_a_search_that_cannot_be_is_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        RunSettings(**settings)


def test_a_size_that_is_none_is_told_what_one_looks_like():
    from click.testing import CliRunner

    from convbench.cli.main import main

    done = CliRunner().invoke(main, ["compare", "--find-largest-batch", "--memory-limit", "many"])
    assert done.exit_code == 2
    assert "'many' must be a size such as 2GB, 512MB or 1.5GiB" in done.output
