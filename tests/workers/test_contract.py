"""What breaks the contract is told as such: what was expected, what came, and where in the author's own source."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from convbench.workers.contract import arrays_of, fault_line, prepared_or_unsupported
from convbench_specs import Available, Backend, Case, Flatten, Prepared, Unsupported

CASE = Case(name="flatten", operation=Flatten(), input_shape=(2, 3, 4))
Y, DX = np.zeros((1, 24)), np.zeros((1, 2, 3, 4))


def _forward():
    return Y


@pytest.mark.parametrize(
    ("given", "message"),
    [(None, "not None"), (_forward, "not function"), ({"forward": _forward}, "not dict"), (Y, "not ndarray")],
)
def test_prepare_returns_nothing_else(given, message):
    with pytest.raises(TypeError, match=f"prepare must return Prepared or Unsupported, {message}"):
        prepared_or_unsupported(given)
    for right in (Prepared(forward=_forward), Unsupported("no")):
        assert prepared_or_unsupported(right) is right


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"forward": Y}, "Prepared.forward must be callable, not ndarray"),
        ({"forward": None}, "Prepared.forward must be callable, not None"),
        ({"backward": None}, "Prepared.backward must be callable or Unsupported, not None"),
        ({"both": (Y, DX)}, "Prepared.both must be callable or Unsupported or None, not tuple"),
        ({"wait": None}, "Prepared.wait must be callable, not None"),
    ],
)
def test_a_field_that_cannot_be_called_is_told_where_it_is_made(fields, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        Prepared(**{"forward": _forward, **fields})


@pytest.mark.parametrize(
    ("pass_name", "result", "message"),
    [
        ("backward", (DX, None), r"backward must return \(dx, dw, db\), not 2 values"),
        ("backward", [DX], "not 1 value$"),
        ("backward", np.zeros((3, 2, 3, 4)), "not ndarray"),  # three instances are no three gradients
        ("both", None, r"both must return \(y, dx, dw, db\), not None"),
    ],
)
def test_gradients_come_in_their_slots(pass_name, result, message):
    with pytest.raises(TypeError, match=message):
        arrays_of(CASE, Prepared(forward=_forward), pass_name, result)


def test_results_are_arrays_by_tensor():
    prepared = Prepared(forward=_forward)
    assert list(arrays_of(CASE, prepared, "forward", Y)) == ["y"]
    assert list(arrays_of(CASE, prepared, "both", [Y, DX, None, None])) == ["y", "dx"]
    with pytest.raises(ValueError, match="forward returned None for y"):
        arrays_of(CASE, prepared, "forward", None)
    with pytest.raises(TypeError, match="y has dtype object"):
        arrays_of(CASE, prepared, "forward", np.array(["a", None]))


class _Divides(Backend):
    name = "divides"

    def availability(self, device):
        return Available("1")

    def prepare(self, case, tensors):
        np.split(np.zeros(3), 2)  # raises in NumPy, whose lines an author cannot change


def test_a_fault_names_the_last_place_in_the_backends_own_file():
    with pytest.raises(ValueError, match="equal division") as caught:
        _Divides().prepare(CASE, None)
    line = fault_line(caught.value, _Divides())
    source = Path(__file__)
    number = 1 + next(i for i, text in enumerate(source.read_text().splitlines()) if "np.split(np.zeros" in text)
    assert line == f"ValueError: array split does not result in an equal division ({source.name}:{number}, in prepare)"


def test_a_fault_that_never_was_in_the_backend_names_no_place():
    with pytest.raises(TypeError) as caught:
        prepared_or_unsupported(None)
    error = caught.value
    for backend in (None, type("Typed", (_Divides,), {"__module__": "__main__"})()):
        assert fault_line(error, backend) == f"TypeError: {error}"


def test_a_long_message_is_cut_and_has_one_line():
    line = fault_line(ValueError("a\nb " * 1000), None)
    assert line.startswith("ValueError: a b a b")
    assert len(line) == 500


def test_an_exception_without_text_has_the_place_where_it_was_raised():
    def elsewhere():
        raise NotImplementedError

    with pytest.raises(NotImplementedError) as caught:
        elsewhere()
    for backend in (None, _Divides()):
        line = fault_line(caught.value, backend)
        assert re.fullmatch(r"NotImplementedError \(test_contract.py:\d+, in elsewhere\)", line)
