"""What the bundled backends say of their options: names, defaults, and what keeps a choice from running here."""

from __future__ import annotations

import pytest

from convbench_backends.jax import Jax
from convbench_backends.naive import Naive
from convbench_backends.numba_cpu import NumbaCpu
from convbench_backends.numba_cuda import NumbaCuda
from convbench_backends.numpy_im2col import NumpyIm2col
from convbench_backends.pytorch import PyTorch
from convbench_backends.pytorch.compiler import compile_environment, no_compiler
from convbench_backends.shared.options import choices
from convbench_backends.tensorflow import TensorFlow
from convbench_specs import Available, Settings, Unavailable

DEFAULTS = {
    Naive: {},
    NumbaCuda: {},
    NumpyIm2col: {"level": "blocked"},
    NumbaCpu: {"level": "fast", "algorithm": "auto"},
    PyTorch: {"layout": "NCHW", "mode": "eager"},
    TensorFlow: {"xla": "auto"},
    Jax: {"layout": "NHWC"},
}
COMPILED = Settings(options={"mode": "compile"})


@pytest.mark.parametrize("backend", DEFAULTS, ids=lambda backend: backend.name)
def test_a_host_that_knows_no_options_gets_the_defaults(backend):
    assert choices(backend.options, Settings()) == DEFAULTS[backend]


def test_a_value_that_is_not_declared_is_refused():
    with pytest.raises(ValueError, match="NCHW, channels_last"):
        choices(PyTorch.options, Settings(options={"layout": "NHWC"}))


@pytest.fixture
def machine_with_compiler(monkeypatch, tmp_path):
    """PyTorch, a compiler named mycxx and Python's headers are there."""
    (tmp_path / "Python.h").touch()
    compiler = tmp_path / "mycxx"
    compiler.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", "mycxx")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(PyTorch, "availability", lambda *_: Available("2"))
    return tmp_path


def test_compile_runs_where_there_is_a_compiler_and_the_worker_is_told_which(machine_with_compiler):
    assert PyTorch().availability_with(COMPILED) == Available("2")
    assert PyTorch().environment(COMPILED)["CXX"] == "mycxx"


def test_compile_needs_a_compiler_and_eager_does_not(machine_with_compiler, monkeypatch):
    monkeypatch.delenv("CXX")
    found = PyTorch().availability_with(COMPILED)
    assert isinstance(found, Unavailable)
    assert "C++ compiler" in found.reason
    assert "$CXX" in found.reason
    assert PyTorch().availability_with(Settings()) == Available("2")


def test_compile_needs_the_headers_of_python(machine_with_compiler):
    (machine_with_compiler / "Python.h").unlink()
    assert "Python.h" in no_compiler("cpu").reason


def test_compile_on_a_gpu_needs_triton(machine_with_compiler, monkeypatch):
    monkeypatch.setattr("convbench_backends.pytorch.compiler.installed_version", lambda *_: None)
    assert "Triton" in no_compiler("cuda").reason
    assert no_compiler("cpu") is None


def test_the_caches_of_torch_compile_lie_in_the_scratch_folder_of_the_run():
    caches = {"TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"}
    within = compile_environment(Settings(scratch_folder="/scratch"))
    assert all(within[name].startswith("/scratch") for name in caches)
    assert not caches & set(compile_environment(Settings()))


def test_eager_pytorch_needs_no_environment():
    assert PyTorch().environment(Settings(scratch_folder="/scratch")) == {}


def test_the_readable_level_of_numba_takes_no_formulation(monkeypatch):
    monkeypatch.setattr(NumbaCpu, "availability", lambda *_: Available("0"))
    refused = NumbaCpu().availability_with(Settings(options={"level": "readable", "algorithm": "winograd"}))
    assert isinstance(refused, Unavailable)
    assert NumbaCpu().availability_with(Settings(options={"algorithm": "winograd"})) == Available("0")
