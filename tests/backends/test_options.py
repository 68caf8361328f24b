"""Options of the bundled backends: every value that is not the default passes the checks that the defaults pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from convbench.testing.suite import BackendTests

PLUGIN = str(Path(__file__).with_name("option_backends.py"))


class OptionTests(BackendTests):
    plugin = PLUGIN
    batch_sizes = (3,)
    dtypes = ("float32",)
    max_examples = 20


class TestNumpyTextbook(OptionTests):
    backend = "numpy-im2col-textbook"
    batch_sizes = (0, 3)


@pytest.mark.slow
class TestPyTorchChannelsLast(OptionTests):
    backend = "pytorch-channels-last"
    batch_sizes = (0, 3)
    dtypes = ("float32", "float64")


@pytest.mark.slow
class TestPyTorchCompiled(OptionTests):
    backend = "pytorch-compile"


@pytest.mark.slow
class TestPyTorchCompiledChannelsLast(OptionTests):
    backend = "pytorch-compile-channels-last"


@pytest.mark.slow
class TestTensorFlowByXla(OptionTests):
    backend = "tensorflow-xla-on"


@pytest.mark.slow
class TestTensorFlowWithoutXla(OptionTests):
    backend = "tensorflow-xla-off"


@pytest.mark.slow
class TestJaxChannelsFirst(OptionTests):
    backend = "jax-nchw"


@pytest.mark.slow
class TestNumbaReadable(OptionTests):
    backend = "numba-cpu-readable"


@pytest.mark.slow
class TestNumbaImplicitGemm(OptionTests):
    backend = "numba-cpu-implicit-gemm"


@pytest.mark.slow
class TestNumbaColumns(OptionTests):
    backend = "numba-cpu-columns"


@pytest.mark.slow
class TestNumbaWinograd(OptionTests):
    backend = "numba-cpu-winograd"


@pytest.mark.slow
class TestNumbaDepthwise(OptionTests):
    backend = "numba-cpu-depthwise"


@pytest.mark.slow
class TestNumbaFewPlaces(OptionTests):
    backend = "numba-cpu-few-places"
