"""A source leads to one extractor, whatever it names; what cannot be read is said with the user's own line."""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest

from convbench.extraction import network
from convbench.extraction.network import NetworkRefusedError
from convbench.extraction.reading import read_source
from convbench_specs import ExtractionError, Extractor

NET = """
live = [4]

def make(width=4):
    return [width]

def number():
    return 7

def fail():
    raise ValueError("no such width")

def function(x):
    raise RuntimeError("not on this shape")

class Needs:
    def __init__(self, width, depth):
        self.width = width
"""
SHAPES = ((3, 9, 9),)


@pytest.fixture
def toy(plugins):
    spec = importlib.util.spec_from_file_location("toy_models", plugins / "toy_models.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Toy()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "net", None)
    monkeypatch.setitem(os.environ, "TOY_VARIABLE", "mine")
    (tmp_path / "net.py").write_text(NET)
    for what in ("refuse", "4 4 8"):
        (tmp_path / f"{what.replace(' ', '_')}.toy").write_text(what)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "filters"),
    [
        ("net.py:live", [4]),
        ("net.py:make", [4]),
        ("net.py:make(width=6)", [6]),
        ("toys:5", [5]),
        ("4_4_8.toy", [4, 4, 8]),
    ],
)
def test_every_form_of_source_leads_to_its_model(folder, toy, source, filters):
    found = read_source(source, SHAPES, [toy])
    assert [layer.case.operation.out_channels for layer in found.layers] == filters


def test_a_variable_of_the_user_is_left_as_it_is(folder, toy):
    read_source("toys:5", SHAPES, [toy])
    assert os.environ["TOY_VARIABLE"] == "mine"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("net.py:fail", "net.py:fail raised ValueError: no such width (net.py, line 11)"),
        ("net.py:number", "net.py:number is of type int, which is no model of toy"),
        ("net.py:Needs", "net.py:Needs needs width, depth: name them, as in net.py:Needs(width=...)"),
        ("net.py:make(depth=4)", "net.py:make(depth=4) raised TypeError: make() got an unexpected keyword"),
        ("refuse.toy", "refuse.toy is no toy"),
        ("gone.toy", "there is no file gone.toy"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(folder, toy, source, problem):
    with pytest.raises(ExtractionError) as raised:
        read_source(source, SHAPES, [toy])
    assert problem in str(raised.value)


def test_a_function_of_arrays_is_traced_by_who_can(folder, toy):
    class Traces(Extractor):
        name = "traces"

        def takes(self, model):
            return False

        def traces(self, function):
            return True

        def extract(self, model, shapes):
            model(None)

    with pytest.raises(RuntimeError, match="not on this shape"):
        read_source("net.py:function", SHAPES, [toy, Traces()])
    with pytest.raises(ExtractionError, match=r"cannot be traced: with traces: not on this shape; with traces: not on"):
        read_source("net.py:function", SHAPES, [Traces(), Traces()])


@pytest.mark.parametrize(
    ("event", "arguments"),
    [("socket.getaddrinfo", ("models.example", 80)), ("socket.gethostbyname", ("models.example",))],
)
def test_looking_up_a_name_is_refused(event, arguments):
    with pytest.raises(NetworkRefusedError, match=r"it asks for models\.example, and nothing is downloaded"):
        network._refuse(event, arguments)


def test_what_is_not_the_network_is_let_through():
    import socket

    with socket.socket(socket.AF_UNIX) as local:
        network._refuse("socket.connect", (local, "/tmp/socket"))
    network._refuse("open", ("file", "r", 0))
