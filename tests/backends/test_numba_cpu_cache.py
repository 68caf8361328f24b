"""The folder of kept kernels of numba-cpu: another one for all that makes another kernel, the same one else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from convbench_backends import numba_cpu
from convbench_backends.numba_cpu import cache_key as keys
from convbench_backends.numba_cpu.cache_key import cache_key


@pytest.fixture
def sources(tmp_path):
    """A copy of the backend's modules."""
    return Path(shutil.copytree(Path(numba_cpu.__file__).parent, tmp_path / "numba_cpu"))


def test_the_key_is_the_same_for_the_same_text_wherever_and_whenever_it_was_written(sources):
    (sources / "__pycache__" / "left.pyc").parent.mkdir(exist_ok=True)
    (sources / "__pycache__" / "left.pyc").write_bytes(b"compiled")
    assert cache_key(sources) == cache_key()
    (sources / "compiler" / "rows.py").touch()
    assert cache_key(sources) == cache_key()


@pytest.mark.parametrize("module", ["compiler/rows.py", "convolution/register_tiles.py", "geometry.py"])
def test_the_key_changes_with_the_text_of_any_module(sources, module):
    with (sources / module).open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    assert cache_key(sources) != cache_key()


def test_the_key_changes_where_text_moves_from_one_module_to_another(sources):
    (sources / "geometry.py").rename(sources / "geometries.py")
    assert cache_key(sources) != cache_key()


@pytest.mark.parametrize("compiler", keys.COMPILERS)
def test_the_key_changes_with_the_version_of_each_compiler(compiler, monkeypatch):
    before, version = cache_key(), keys.version
    monkeypatch.setattr(keys, "version", lambda name: "0.0.1" if name == compiler else version(name))
    assert cache_key() != before


@pytest.mark.parametrize(
    ("variable", "matters"),
    [
        ("NUMBA_CPU_NAME", True),
        ("NUMBA_CPU_FEATURES", True),
        ("NUMBA_OPT", True),
        ("NUMBA_CACHE_DIR", False),
        ("NUMBA_NUM_THREADS", False),
        ("NUMBA_THREADING_LAYER_PRIORITY", False),
        ("HOME", False),
    ],
)
def test_the_key_changes_with_variables_on_which_machine_code_depends_and_with_no_others(variable, matters):
    assert (cache_key(variables={variable: "another"}) != cache_key(variables={})) == matters


def test_the_key_changes_with_the_processor(monkeypatch):
    before = cache_key()
    monkeypatch.setattr(keys, "processor_facts", lambda: ["another model", "fewer features"])
    assert cache_key() != before
