"""Plug-ins are found, the broken ones are told and left out, and names are unique."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint

import pytest
from click.testing import CliRunner

import convbench
from convbench.cli.main import main
from convbench.errors import UsageError
from convbench.workers import plugins as plugins_module
from convbench.workers.discovery.loading import PluginRef, load_backend
from convbench.workers.plugins import LOCAL_PLUGIN, find_backends, only_available
from convbench_specs import hooks

BUNDLED = ["naive", "numpy-im2col", "numba-cpu", "numba-cuda", "pytorch", "tensorflow", "jax"]
HOOK = "from convbench_specs import hookimpl\n@hookimpl\ndef"
FRAMEWORKS = ("torch", "tensorflow", "jax", "numba")


def test_the_bundled_backends_are_found_in_the_documented_order(tmp_path):
    registry = find_backends(directory=tmp_path)
    assert [name for name in registry.backends if name in BUNDLED] == BUNDLED
    assert not registry.failed


def test_listing_imports_no_framework(tmp_path):
    import subprocess

    code = (
        "import sys; from convbench.workers.plugins import availability, find_backends; r = find_backends();"
        "[availability(e, 'cpu') for e in r.backends.values()];"
        f"print([n for n in {FRAMEWORKS!r} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_a_file_given_as_plugin_is_loaded(plugins, tmp_path):
    registry = find_backends([str(plugins / "last_tap.py")], directory=tmp_path)
    assert registry.backends["last-tap"].plugin.path == str(plugins / "last_tap.py")


def test_the_plugin_of_the_current_directory_is_loaded(plugins, tmp_path):
    (tmp_path / LOCAL_PLUGIN).write_text((plugins / "last_tap.py").read_text())
    assert "last-tap" in find_backends(directory=tmp_path).backends


def test_a_module_on_the_path_is_loaded(plugins, tmp_path, monkeypatch):
    (tmp_path / "some_backend.py").write_text((plugins / "last_tap.py").read_text())
    monkeypatch.chdir(tmp_path)
    registry = find_backends(["some_backend"])
    assert registry.backends["last-tap"].plugin.module == "some_backend"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("import sys; sys.exit(7)", "SystemExit: 7"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("x = 1", "no hook"),
        ("from convbench_specs import hookimpl\n@hookimpl\ndef convbench_backends():\n    return [int]\n", "int"),
        (
            "from convbench_specs import hookimpl\n@hookimpl\ndef convbench_backend():\n    return []\n",
            "convbench_backend",
        ),
    ],
)
def test_a_plugin_that_fails_is_told_and_the_rest_goes_on(tmp_path, text, reason):
    path = tmp_path / "bad_plugin.py"
    path.write_text(text)
    registry = find_backends([str(path)], directory=tmp_path / "elsewhere")
    assert [name for name in registry.backends if name in BUNDLED] == BUNDLED
    (failed,) = registry.failed
    assert failed.plugin.path == str(path)
    assert reason in failed.reason
    assert "\n" not in failed.reason


def test_a_name_that_is_taken_is_refused_to_the_second(plugins, tmp_path):
    copy = tmp_path / "copy_of_it.py"
    copy.write_text((plugins / "last_tap.py").read_text())
    registry = find_backends([str(plugins / "last_tap.py"), str(copy)], directory=tmp_path / "elsewhere")
    assert registry.backends["last-tap"].plugin.path == str(plugins / "last_tap.py")
    assert "is taken by" in registry.failed[0].reason


def test_an_unknown_backend_is_named_with_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="unknown backend 'pytroch'; did you mean pytorch"):
        find_backends(directory=tmp_path).select(["naive", "pytroch"])


def test_a_selection_keeps_the_order_of_the_call_without_repeats(tmp_path):
    selected = find_backends(directory=tmp_path).select(["jax", "naive", "jax"])
    assert [entry.backend.name for entry in selected] == ["jax", "naive"]


def test_a_worker_loads_the_same_backend_from_a_reference(plugins):
    ref = PluginRef("last_tap", path=str(plugins / "last_tap.py"))
    assert load_backend(ref, "last-tap").name == "last-tap"
    with pytest.raises(LookupError, match="no backend 'other'"):
        load_backend(ref, "other")


MINIMAL = """
from pathlib import Path
from convbench_specs import Backend, Flatten, Prepared, hookimpl

class Mine(Backend):
    name = "mine"
    {attributes}

    def prepare(self, case, tensors):
        x, dy = tensors.x.copy(), tensors.dy.copy()
        return Prepared(forward=lambda: x.reshape(len(x), -1), backward=lambda: (dy.reshape(x.shape), None, None))

@hookimpl
def convbench_backends():
    return [Mine]
"""
WORKLOAD = """
title = "A workload of a plug-in"
cases = [{ name = "flatten", operation = "flatten", input = [2, 3] }]
"""


def a_plugin(folder, attributes="pass", more=""):
    path = folder / "mine_plugin.py"
    path.write_text(MINIMAL.format(attributes=attributes) + more)
    return path


def test_a_plugin_for_a_later_contract_is_left_out_and_told_why(tmp_path):
    registry = find_backends([str(a_plugin(tmp_path, "contract = (2, 0)"))], directory=tmp_path)
    assert "mine" not in registry.backends
    assert [failed.reason for failed in registry.failed] == [
        "'mine' was made for contract 2.0, this convbench has 1.2: upgrade convbench"
    ]


@pytest.mark.parametrize("attributes", ["pass", "contract = (1, 9)"])
def test_a_plugin_of_this_major_version_takes_part(tmp_path, attributes):
    assert "mine" in find_backends([str(a_plugin(tmp_path, attributes))], directory=tmp_path).backends


@pytest.mark.parametrize(
    ("attributes", "case", "reason"),
    [
        ('operations = ("conv",)', 'operation = "flatten", input = [2, 3]', "it does not compute flatten, only conv"),
        (
            "ranks = (2,)",
            'operation = "flatten", input = [2, 3]',
            "it computes inputs with 2 spatial axes, not with 1",
        ),
        (
            'from convbench_specs import Supports\n    supports = Supports(dtypes=("float64",))',
            'operation = "flatten", input = [2, 3]',
            "it computes in float64, not in float32",
        ),
    ],
)
def test_what_a_backend_does_not_declare_it_is_never_asked_for(tmp_path, attributes, case, reason):
    plugin = a_plugin(tmp_path, attributes, "\nMine.prepare = lambda self, case, tensors: 1 / 0\n")
    run = convbench.check(case=case, plugins=[str(plugin)], backends=["mine"], batch_sizes=[1], output=tmp_path / "run")
    assert set(run.measurements["status"]) == {"unsupported"}
    assert set(run.measurements["reason"]) == {reason}


def test_an_unsupported_cell_is_never_skipped_for_its_predicted_time(tmp_path):
    more = """
from convbench_specs import Unsupported
Mine.predict_s = lambda self, case, batch_size, pass_name: 1e6
Mine.prepare = lambda self, case, tensors: Unsupported("no flatten")
"""
    plugin = a_plugin(tmp_path, more=more)
    case = 'operation = "flatten", input = [2, 3]'
    run = convbench.check(case=case, plugins=[str(plugin)], backends=["mine"], batch_sizes=[1], output=tmp_path / "run")
    assert set(run.measurements["status"]) == {"unsupported"}
    assert set(run.measurements["reason"]) == {"no flatten"}


def with_workload(folder):
    (folder / "theirs.toml").write_text(WORKLOAD)
    more = f"""
@hookimpl
def convbench_workloads():
    return [Path(r"{folder}") / "theirs.toml"]
"""
    return a_plugin(folder, more=more)


def test_a_plugin_brings_workloads_that_are_known_by_name(tmp_path):
    plugin = with_workload(tmp_path)
    registry = find_backends([str(plugin)], directory=tmp_path / "elsewhere")
    assert registry.workloads == {"theirs": tmp_path / "theirs.toml"}
    run = convbench.check("theirs", plugins=[str(plugin)], backends=["mine"], batch_sizes=[1], output=tmp_path / "run")
    assert run.is_right
    assert set(run.measurements["workload"]) == {"theirs"}


def test_a_workload_file_that_does_not_exist_is_told(tmp_path):
    plugin = with_workload(tmp_path)
    (tmp_path / "theirs.toml").unlink()
    (failed,) = find_backends([str(plugin)], directory=tmp_path / "elsewhere").failed
    assert "must return existing TOML files" in failed.reason


def test_the_workloads_of_plugins_are_listed_and_shown(tmp_path):
    plugin = with_workload(tmp_path)
    for arguments in (["workloads"], ["show", "theirs"]):
        done = CliRunner().invoke(main, [*arguments, "--plugin", str(plugin)], catch_exceptions=False)
        assert done.exit_code == 0
        assert "A workload of a plug-in" in done.output or "theirs" in done.output


@pytest.fixture
def installed(tmp_path, monkeypatch, plugins):
    """An installed plug-in that has the backend last-tap, too."""
    (tmp_path / "installed_last_tap.py").write_text((plugins / "last_tap.py").read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    entry = EntryPoint("last-tap", "installed_last_tap", hooks.PROJECT)
    found = plugins_module._entry_points()
    monkeypatch.setattr(plugins_module, "_entry_points", lambda: [*found, entry])
    return "installed_last_tap"


def test_a_plugin_that_is_named_goes_before_an_installed_one_and_it_is_said(installed, plugins, tmp_path):
    folder = tmp_path / "elsewhere"
    assert find_backends(directory=folder).backends["last-tap"].plugin.module == installed
    registry = find_backends([str(plugins / "last_tap.py")], directory=folder)
    assert registry.backends["last-tap"].plugin.path == str(plugins / "last_tap.py")
    (told,) = registry.failed
    assert told.plugin.module == installed
    assert told.reason == f"its backend 'last-tap' is replaced by that of {plugins / 'last_tap.py'}"


def test_a_plugin_that_is_named_takes_no_name_of_convbenchs_own(tmp_path, plugins):
    path = tmp_path / "mine.py"
    path.write_text((plugins / "last_tap.py").read_text().replace('"last-tap"', '"naive"'))
    registry = find_backends([str(path)], directory=tmp_path / "elsewhere")
    assert registry.backends["naive"].is_bundled
    assert "is taken by" in registry.failed[0].reason


@pytest.mark.parametrize(
    "raised", ["raise SystemExit(0)", "import os; os._exit(0)", "raise KeyboardInterrupt", "raise GeneratorExit"]
)
def test_a_plugin_that_ends_its_process_without_a_fault_is_never_nothing_in_silence(tmp_path, raised):
    asking, loading = tmp_path / "asking.py", tmp_path / "loading.py"
    loading.write_text(f"{raised}\n")
    asking.write_text(
        "from convbench_specs import Backend\n"
        "class Ends(Backend):\n"
        "    name = 'ends'\n"
        "    def availability(self, device):\n"
        f"        {raised}\n"
        "    def prepare(self, case, tensors):\n"
        "        raise AssertionError\n"
        f"{HOOK} convbench_backends():\n    return [Ends]\n"
    )
    registry = find_backends([str(asking), str(loading)], directory=tmp_path / "elsewhere")
    (failed,) = registry.failed
    assert failed.plugin.path == str(loading)
    assert failed.reason
    with pytest.raises(UsageError, match=r"no backend is available on device cpu: ends: availability\(\) failed: "):
        only_available([registry.backends["ends"]], "cpu")
