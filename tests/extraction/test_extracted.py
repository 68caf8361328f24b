"""Equal layers become one case with their count, names are unique, and what is left out is told with its share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.errors import UsageError
from convbench.extraction.extracted import extracted, merged
from convbench_specs import Case, Conv, Extraction, Flatten, Layer, LeftOut, Pool, cost, parse_workload


def conv(name, filters=4, *, count=1, **others):
    operation = Conv(in_channels=3, out_channels=filters, kernel_size=(3, 3), **others)
    return Layer(case=Case(name=name, operation=operation, input_shape=(3, 9, 9)), count=count)


UP = LeftOut(name="up", what="transposed convolution", reason="convbench has none", flops=1000)
HEAD = LeftOut(name="head", what="2 products of matrices", reason="no layers", flops=500, in_scope=False)


def test_equal_layers_are_one_case_under_the_name_and_in_the_place_of_the_first():
    found = merged([conv("a"), conv("b", 8), conv("c", count=3), conv("d", 8)])
    assert [(layer.case.name, layer.count) for layer in found] == [("a", 4), ("b", 2)]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.integers(1, 3)), max_size=8))
def test_merging_keeps_the_work_and_makes_names_unique(drawn):
    layers = [conv(name, filters, count=count) for name, filters, count in drawn]
    found = merged(layers)
    work = [sum(cost(each.case, 1, "forward").flops * each.count for each in some) for some in (layers, found)]
    assert work[0] == work[1]
    names = [layer.case.name for layer in found]
    assert len(set(names)) == len(names) == len({filters for _, filters, _ in drawn})


def test_the_file_is_the_workload_again():
    pool = Pool(kind="average", kernel_size=(3, 2), padding=((1, 1), (0, 0)), count_include_pad=False, ceil_mode=True)
    layers = (
        conv("first", padding=((0, 1), (2, 0)), padding_mode="edge", count=2),
        Layer(case=Case(name='a "b" # c', operation=pool, input_shape=(3, 9, 9), dtype="bfloat16")),
        Layer(case=Case(name="conv3", operation=Flatten(order="channels_last"), input_shape=(3, 4))),
    )
    found = extracted("net", "net.py:make", Extraction(layers=layers, dense=(10, 2), left_out=(UP, HEAD)))
    again = parse_workload(found.toml, name="net", origin="net.toml")
    assert again == found.workload
    assert again.layers == layers


def test_what_is_left_out_stands_behind_the_cases_with_its_share():
    found = extracted("net", "net.py:make", Extraction(layers=(conv("c"),), left_out=(UP, HEAD), dense_flops=100))
    assert found.flops == cost(found.workload.cases[0], 1, "forward").flops + 1600
    share = f"{100 * 1000 / found.flops:.3g} %"
    assert f"# - {share}: up: transposed convolution: convbench has none" in found.toml
    assert found.toml.index("# Left out") > found.toml.index("cases")
    assert found.case_share + found.left_out_share + found.dense_share == pytest.approx(1)


def test_only_what_is_whole_is_called_a_network():
    whole = extracted("net", "s", Extraction(layers=(conv("c"),), left_out=(HEAD,)))
    part = extracted("net", "s", Extraction(layers=(conv("c"),), left_out=(UP,)))
    assert whole.workload.network
    assert not part.workload.network


def test_a_model_without_a_layer_that_is_a_case_is_refused_with_what_it_has():
    with pytest.raises(UsageError, match="s has no layer that convbench can measure: up: transposed convolution"):
        extracted("net", "s", Extraction(layers=(), left_out=(UP,)))


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    found = extracted("net", "s", Extraction(layers=(conv("c"),)))
    with pytest.raises(UsageError, match="cannot write"):
        found.write(tmp_path / "no" / "net.toml")
