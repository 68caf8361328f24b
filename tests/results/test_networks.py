"""Networks are the sums of their layers: nothing missing is summed up, and the mix is never slower than anybody."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_rows import BOTH_RIGHT, LAYERS, NETWORK, TINY, frame, row

from convbench.report.views.networks import network_lines, networks_view
from convbench.results.networks import LAYER_COLUMNS, NETWORK_COLUMNS, fastest_layers, roll_up
from convbench_specs import parse_workload


def of(networks, backend):
    return networks[networks["backend"] == backend].iloc[0]


def test_a_network_takes_what_its_layers_take_as_often_as_they_occur():
    networks = roll_up(BOTH_RIGHT, [NETWORK])
    assert list(networks.columns) == list(NETWORK_COLUMNS)
    assert (of(networks, "a")["time_s"], of(networks, "b")["time_s"]) == (4.0, 6.25)
    assert set(networks["layers"]) == {LAYERS}
    assert networks["backend"].tolist() == ["a", "b"]  # the fastest first


def test_the_interval_of_a_sum_is_narrower_than_the_sum_of_intervals():
    first = of(roll_up(BOTH_RIGHT, [NETWORK]), "a")
    assert first["time_low_s"] == pytest.approx(4.0 - np.hypot(0.3, 0.1))
    assert first["time_high_s"] == pytest.approx(4.0 + np.hypot(0.6, 0.2))


def test_the_mix_takes_the_fastest_of_each_layer():
    networks = roll_up(BOTH_RIGHT, [NETWORK])
    assert set(networks["mix_s"]) == {3.25}
    assert set(networks["mix"]) == {"a 3, b 1"}
    assert of(networks, "a")["gain"] == pytest.approx(4 / 3.25)
    assert of(networks, "a")["gain_low"] < 4 / 3.25 < of(networks, "a")["gain_high"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "wrong", "verdict": "disagrees"}, "wrong"),
        ({"status": "skipped", "median_s": np.nan}, "skipped"),
        ({"verdict": "untrusted"}, "untrusted"),
        ({"verdict": ""}, "not checked"),
        ({"median_s": np.nan}, "not timed"),
    ],
)
def test_a_network_that_lacks_a_layer_has_no_total_and_says_which(changes, why):
    cells = frame(row("conv1", "a", 1.0, **changes), row("pool1", "a", 1.0), *BOTH_RIGHT.iloc[2:].to_dict("records"))
    networks = roll_up(cells, [NETWORK])
    lacking = of(networks, "a")
    assert np.isnan(lacking["time_s"])
    assert np.isnan(lacking["gain"])
    assert (lacking["missing"], lacking["missing_layers"], lacking["measured_s"]) == (3, f"conv1 ({why})", 1.0)
    assert of(networks, "b")["missing"] == 0
    assert networks["backend"].tolist() == ["b", "a"]


def test_of_a_network_of_which_the_user_chose_cases_nothing_is_summed_up():
    chosen = BOTH_RIGHT[BOTH_RIGHT["case"] == "conv1"]
    assert roll_up(chosen, [NETWORK]).empty
    assert fastest_layers(chosen, [NETWORK]).empty


def test_a_layer_that_was_reached_by_nobody_is_missing_for_all_and_there_is_no_mix():
    reached = BOTH_RIGHT["case"] == "conv1"
    networks = roll_up(BOTH_RIGHT.assign(status=BOTH_RIGHT["status"].where(reached, "not reached")), [NETWORK])
    assert set(networks["missing_layers"]) == {"pool1 (not reached)"}
    assert networks["mix_s"].isna().all()
    assert set(networks["mix"]) == {""}


def test_training_memory_is_all_that_is_kept_and_the_largest_peak():
    first = of(roll_up(BOTH_RIGHT, [NETWORK]), "a")
    assert (first["kept_bytes"], first["training_memory_bytes"]) == (40e6, 70e6)


def test_the_peak_is_that_of_the_backward_where_it_was_measured():
    alone = [row(case, "a", 1.0, "backward", peak_memory_bytes=25e6) for case in ("conv1", "pool1")]
    networks = roll_up(frame(*BOTH_RIGHT.to_dict("records"), *alone), [NETWORK])
    assert set(networks.loc[networks["backend"] == "a", "training_memory_bytes"]) == {65e6}


def test_a_layer_without_a_number_of_memory_leaves_none_for_the_network():
    cells = frame(row("conv1", "a", 1.0, kept_memory_bytes=np.nan), row("pool1", "a", 1.0))
    first = of(roll_up(cells, [NETWORK]), "a")
    assert np.isnan(first["training_memory_bytes"])
    assert first["memory_missing"] == 3


def test_a_run_without_kept_memory_still_has_times():
    first = of(roll_up(BOTH_RIGHT.drop(columns="kept_memory_bytes"), [NETWORK]), "a")
    assert (first["time_s"], first["memory_missing"]) == (4.0, LAYERS)


def test_what_is_no_network_is_not_summed():
    plain = parse_workload(TINY.replace("network = true", ""), name="tiny", origin="tiny.toml")
    assert roll_up(BOTH_RIGHT, [plain]).empty
    assert fastest_layers(BOTH_RIGHT, [plain]).empty
    assert networks_view(roll_up(BOTH_RIGHT, [plain]), fastest_layers(BOTH_RIGHT, [plain])) == []


def test_layers_name_their_fastest_in_the_order_of_the_network():
    layers = fastest_layers(BOTH_RIGHT.iloc[::-1], [NETWORK])
    assert list(layers.columns) == list(LAYER_COLUMNS)
    assert layers["case"].tolist() == ["conv1", "pool1"]
    assert layers["backend"].tolist() == ["a", "b"]
    assert layers["time_s"].tolist() == [3.0, 0.25]
    assert layers["share"].sum() == pytest.approx(1)


seconds = st.floats(1e-6, 10)


@given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=5))
def test_the_mix_is_as_fast_as_the_fastest_or_faster(times):
    rows = [
        row(case, str(n), time)
        for n, pair in enumerate(times)
        for case, time in zip(("conv1", "pool1"), pair, strict=True)
    ]
    networks = roll_up(frame(*rows), [NETWORK])
    assert (networks["gain"] >= 1 - 1e-12).all()
    layers = fastest_layers(frame(*rows), [NETWORK])
    assert layers["time_s"].sum() == pytest.approx(networks["mix_s"].iloc[0])


def test_the_terminal_tells_totals_the_mix_and_what_is_missing():
    cells = frame(*BOTH_RIGHT.to_dict("records"), row("conv1", "c", 1.0))
    (line,) = network_lines(roll_up(cells, [NETWORK]))
    assert line == (
        "tiny, 4 layers, batch 8, both: a 4.00 s, b 6.25 s (1.56×); the fastest of each layer 3.25 s, "
        "1.23× as fast as a (a 3, b 1). Layers missing: c 1."
    )


def test_a_bar_that_would_hide_the_others_is_cut():
    slow = [row(case, "slow", 100.0) for case in ("conv1", "pool1")]
    cells = frame(*BOTH_RIGHT.to_dict("records"), *slow)
    (view,) = networks_view(roll_up(cells, [NETWORK]), fastest_layers(cells, [NETWORK]))
    bars = {entry.network.backend: (entry.bar.share, entry.bar.cut) for entry in view.totals[0].rows}
    assert bars == {"a": (64.0, False), "b": (100.0, False), "slow": (100.0, True)}
