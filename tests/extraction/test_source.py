"""A source is a text: what it names, what it is called, and what is said where it names nothing."""

from __future__ import annotations

import pytest

from convbench.extraction.source import load_object, looks_like_source, model_name
from convbench_specs import ExtractionError

CODE = """
class Net:
    def __init__(self, width, deep=False):
        self.width = width

class Group:
    make = staticmethod(lambda: "made")

def factory():
    return Net(1)
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(CODE)
    return tmp_path / "net.py"


def test_an_object_of_a_file_is_found_and_not_called(net):
    value, call = load_object(f"{net}:factory")
    assert value.__name__ == "factory"
    assert call is None


def test_names_may_have_dots(net):
    value, _ = load_object("net.py:Group.make")
    assert value() == "made"


def test_a_module_is_looked_for_in_the_current_folder(net):
    value, _ = load_object("net:factory")
    assert callable(value)


def test_arguments_are_literals(net):
    _, call = load_object("net.py:Net(8, deep=True)")
    assert call is not None
    assert (call.positional, dict(call.named)) == ((8,), {"deep": True})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("net.py:factry", "net.py has no 'factry'; did you mean factory?"),
        ("gone.py:make", "there is no file gone.py"),
        ("no_such_package.net:make", "there is no module no_such_package.net here"),
        ("net.py:Net(open('x'))", "the arguments must be numbers, texts, True, False or None"),
        ("net.py:Net(", "names no model"),
        ("net", "names no model: give FILE.py:FACTORY"),
        ("raises.py:make", "importing raises.py raised ValueError: not today"),
        ("imports.py:make", "importing imports.py raised ModuleNotFoundError: No module named 'not_there'"),
    ],
)
def test_a_source_that_names_nothing_says_what_is_missing(net, text, problem):
    (net.parent / "raises.py").write_text("raise ValueError('not today')")
    (net.parent / "imports.py").write_text("import not_there")
    with pytest.raises(ExtractionError) as raised:
        load_object(text)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("net.py:make", True),
        ("a.b:make", True),
        ("net.py:Net(width=64)", True),
        ("lib:resnet-18.v2", True),
        ("model.toy", True),
        ("layers.toml", False),
        ("resnet18", False),
        ("layers.txt", False),
        ("other:resnet-18", False),
    ],
)
def test_a_source_is_told_from_a_workload(text, looks):
    assert looks_like_source(text, ("lib",), (".toy",)) is looks


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nets/net.py:Group.make", "make"),
        ("lib:resnet/18", "resnet-18"),
        ("some/m o del.toy", "m-o-del"),
        ("net.py:Net(width=64)", "Net"),
    ],
)
def test_a_workload_is_named_after_its_model(text, name):
    assert model_name(text) == name
