"""A model is read in a process of its own: whatever it does, the host has a workload or one line that says why not."""

from __future__ import annotations

import sys

import pytest

import convbench
from convbench.errors import UsageError
from convbench.extraction.asking import shapes_of
from convbench.workers.plugins import find_backends
from convbench_specs import Extraction, Extractor

NET = """
import os, sys, socket
print("this must not be in the file")
assert os.environ["TOY_VARIABLE"] == "set"

def make():
    return [4, 8, 4]

def download():
    return socket.create_connection(("192.0.2.1", 80))

"""


@pytest.fixture
def toy(plugins, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    for what in ("hang", "die", "raise"):
        (tmp_path / f"{what}.toy").write_text(what)

    def extract(source, shape=(3, 9, 9), **options):
        return convbench.extract(source, shape, plugins=str(plugins / "toy_models.py"), **options)

    return extract


def test_a_factory_of_a_file_becomes_a_workload(toy):
    before = set(sys.modules)
    found = toy("net.py:make")
    assert not {"torch", "tensorflow", "jax", "keras", "onnx", "net"} & (set(sys.modules) - before)
    assert [(layer.case.name, layer.count) for layer in found.workload.layers] == [("conv0", 2), ("conv1", 1)]
    assert found.workload.source.startswith("extracted from net.py:make, traced by Toy 1.0.")
    assert [each.name for each in found.left_out] == ["up"]
    assert "must not be" not in found.toml


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("net.py:download", "it asks for 192.0.2.1, and nothing is downloaded"),
        ("die.toy", "die.toy: the worker exited with code 3"),
        ("raise.toy", "raise.toy: RuntimeError: a fault of the extractor"),
    ],
)
def test_what_goes_wrong_is_one_line(toy, source, problem):
    with pytest.raises(UsageError) as raised:
        toy(source)
    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_model_that_hangs_is_ended(toy):
    with pytest.raises(UsageError, match=r"hang\.toy: no answer to 'read_model' within 1 s"):
        toy("hang.toy", timeout_s=1.0)


@pytest.mark.parametrize("shape", [(3,), (3, 0), (3, 4, 5, 6, 7), (2**20, 2**20, 2**20), "3,4,5", [(3, 9, 9), "x"]])
def test_a_shape_that_cannot_be_is_refused(shape):
    with pytest.raises(UsageError, match=r"input|example"):
        shapes_of(shape)


def test_one_shape_is_that_of_one_input():
    assert shapes_of((3, 9, 9)) == shapes_of([[3, 9, 9]]) == ((3, 9, 9),)
    assert shapes_of(()) == ()


def test_extractors_are_found_with_what_they_open(plugins):
    found = find_backends([str(plugins / "toy_models.py")])
    assert found.extractors["toy"][0].suffixes == (".toy",)
    assert not found.failed


def test_a_class_is_no_model():
    with pytest.raises(UsageError, match=r"dict is a class: extract\(\) takes a model, such as dict\(\)"):
        convbench.extract(dict, (3, 9, 9))


def test_a_live_model_is_read_where_it_is(monkeypatch):
    class Mine(Extractor):
        name = "mine"

        def takes(self, model):
            return isinstance(model, dict)

        def extract(self, model, shapes):
            model["seen"] = shapes
            return Extraction(layers=())

    class Array:
        shape = (5, 3, 9, 9)

    monkeypatch.setattr("convbench.extraction.asking._live_extractors", lambda: [Mine()])
    for example in ((3, 9, 9), Array(), (Array(),)):
        model = {}
        with pytest.raises(UsageError, match=r"a live dict has no layer"):
            convbench.extract(model, example)
        assert model["seen"] == ((3, 9, 9),)
