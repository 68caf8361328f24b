"""What a script may use is listed, and editors can complete every setting."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version

import pytest

import convbench
import convbench.testing
import convbench_specs
from convbench.plan.settings import RunSettings
from convbench.training.settings import TrainingSettings

PUBLIC = {
    "ConvbenchError",
    "Diff",
    "Entrant",
    "History",
    "Published",
    "Run",
    "RunError",
    "Runs",
    "Training",
    "UsageError",
    "__version__",
    "check",
    "compare",
    "diff",
    "export",
    "extract",
    "history",
    "load_run",
    "load_runs",
    "load_training",
    "publish",
    "read_csv",
    "train",
}


def test_the_public_names_are_these():
    assert set(convbench.__all__) == PUBLIC
    assert set(convbench.__all__) <= set(dir(convbench))
    assert all(getattr(convbench, name) for name in convbench.__all__)
    assert convbench.testing.__all__ == ["BackendTests"]


def test_the_version_is_that_of_the_distribution():
    assert convbench.__version__ == version("convbench")


def test_every_setting_is_a_keyword_of_compare_with_its_type():
    keywords = inspect.signature(convbench.compare).parameters
    settings = {field.name for field in fields(RunSettings)} - {"workloads", "in_time"}  # which follows from others
    assert settings <= set(keywords)
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in keywords.values())
    assert all(parameter.annotation is not parameter.empty for parameter in keywords.values())


def test_every_setting_of_a_training_is_a_keyword_of_train():
    keywords = set(inspect.signature(convbench.train).parameters)
    settings = {field.name for field in fields(TrainingSettings)}
    assert keywords - settings == {"output", "resume", "plugins", "observer"}
    assert settings <= keywords


def test_every_keyword_of_check_is_one_of_compare():
    checks, compares = (inspect.signature(call).parameters for call in (convbench.check, convbench.compare))
    assert set(checks) <= set(compares)
    assert {"blocks", "rounds", "timing", "memory", "effort"}.isdisjoint(checks)


def test_a_keyword_that_does_not_exist_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'batchsizes'"):
        convbench.compare(batchsizes=[1])


def test_the_import_alone_brings_nothing_heavy():
    code = "import convbench, sys; print({'numpy', 'pandas', 'msgspec'} & set(sys.modules) or 'none')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "none"


def test_the_contract_has_a_version_and_every_name_of_it_exists():
    assert convbench_specs.CONTRACT == (1, 2)
    assert all(hasattr(convbench_specs, name) for name in convbench_specs.__all__)
