"""Every answer of a hook is held to its type where it enters; a plug-in that hangs or dies costs itself alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.workers.channel.child import signal_name
from convbench.workers.contract import facts_of, phases_of, prediction_of, shown, text_of, variables_of
from convbench.workers.discovery import inquiry
from convbench.workers.discovery.declaration import DeclarationError, declaration_of
from convbench.workers.plugins import availability, find_backends
from convbench_specs import Available, Backend, Unavailable

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.lists(st.integers()),
    st.dictionaries(st.one_of(st.integers(), st.text()), st.one_of(st.floats(), st.text(), st.none())),
    st.just(10**400), st.just(-(10**5000)), st.builds(object), st.just(float), st.complex_numbers(),
)  # fmt: skip
PLUGIN = """
from convbench_specs import Available, Backend, hookimpl

class Quick(Backend):
    name = "quick"
    prepare = None
    def availability(self, device):
        return Available("1")

class Stuck(Quick):
    name = "stuck"
    def availability(self, device):
        {body}

@hookimpl
def convbench_backends():
    return [Stuck, Quick]
"""


class Named(Backend):
    name = "named"

    def prepare(self, case, tensors):
        raise NotImplementedError


@given(ANYTHING)
def test_a_prediction_is_a_time_or_refused(given_value):
    try:
        seconds = prediction_of(given_value, "forward")
    except ValueError:
        return
    assert seconds is None or (isinstance(seconds, float) and 0 <= seconds <= 1e9)


@pytest.mark.parametrize("value", ["soon", math.nan, math.inf, 1e300, -1, 10**400, True])
def test_predictions_that_are_no_time_are_refused_with_their_value(value):
    with pytest.raises(ValueError, match="predict_s\\(\\) must return the seconds of a call or None, not"):
        prediction_of(value, "forward")


@pytest.mark.parametrize("value", [None, 0, 0.5, np.float32(0.5), np.int64(3)])
def test_times_are_predictions(value):
    assert prediction_of(value, "forward") == value


@given(ANYTHING)
def test_any_answer_passes_as_its_type_or_is_refused(given_value):
    for check in (facts_of, phases_of, variables_of):
        try:
            found = check(given_value)
        except (TypeError, ValueError):
            continue
        assert all(type(name) is str for name in found)
    assert type(text_of(given_value)) is type(shown(given_value)) is str


@pytest.mark.parametrize(
    "variables", [None, {"A": 1}, {2: "b"}, {"A": "a\0b"}, {"": "x"}, {"A=B": "x"}, {"A": "\ud800"}]
)
def test_what_no_environment_can_hold_is_refused(variables):
    with pytest.raises((TypeError, ValueError), match="environment\\(\\)"):
        variables_of(variables)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "oracle",
        "adjoint",
        "../evil",
        "/evil",
        "a/../b",
        "a" * 300,
        "a/b",
        "a,b",
        'a"b',
        "a'b",
        "A",
        "a b",
        "<b>",
        "a" * 41,
        "-a",
        "a\n",
        "é",
        None,
        3,
    ],
)
def test_what_can_be_no_name_is_refused_with_the_rule(name):
    with pytest.raises(DeclarationError, match="name"):
        declaration_of(type("Renamed", (Named,), {"name": name})())


@pytest.mark.parametrize("name", ["a", "numpy-im2col", "winograd-4", "v1.2", "my_backend"])
def test_names_are_names(name):
    assert declaration_of(type("Renamed", (Named,), {"name": name})()).name == name


@pytest.mark.parametrize(
    ("field", "value"),
    [("devices", None), ("devices", ()), ("contract", "1.0"), ("display_order", 10**400), ("packages", ("../x",)),
     ("ranks", "2"), ("supports", ("conv",)), ("summary", b"x"), ("is_deterministic", "no"),
     ("framework_variables", None)],
)  # fmt: skip
def test_a_declaration_that_breaks_the_contract_names_its_attribute(field, value):
    with pytest.raises(DeclarationError, match=field):
        declaration_of(type("Odd", (Named,), {field: value})())


@pytest.mark.parametrize("variable", ["PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "HOME"])
def test_no_backend_takes_a_variable_that_every_worker_needs(variable):
    from convbench_specs import FrameworkVariables

    odd = type("Odd", (Named,), {"framework_variables": FrameworkVariables(threads=(variable,))})
    with pytest.raises(DeclarationError, match=variable):
        declaration_of(odd())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import threading; threading.Event().wait()", "no answer to 'availability' within"),
        ("import os; os._exit(7)", "code 7"),
    ],
    ids=["hangs", "exits"],
)
def test_an_availability_that_does_not_answer_costs_its_backend_alone(tmp_path, monkeypatch, body, reason):
    monkeypatch.setattr(inquiry, "ANSWER_LIMIT_S", 1.0)
    path = tmp_path / "stuck_plugin.py"
    path.write_text(PLUGIN.format(body=body))
    found = find_backends([str(path)], directory=tmp_path / "elsewhere")
    stuck = availability(found.backends["stuck"], "cpu")
    assert isinstance(stuck, Unavailable)
    assert reason in stuck.reason
    assert availability(found.backends["quick"], "cpu") == Available("1")


def test_an_import_that_never_ends_leaves_the_plugin_out(tmp_path, monkeypatch):
    monkeypatch.setattr(inquiry, "IMPORT_LIMIT_S", 1.0)
    path = tmp_path / "endless.py"
    path.write_text("import threading; threading.Event().wait()")
    (failed,) = find_backends([str(path)], directory=tmp_path / "elsewhere").failed
    assert "no answer to 'describe' within 1 s" in failed.reason


@given(st.integers(1, 300))
def test_every_signal_has_a_name(number):
    assert signal_name(number)
