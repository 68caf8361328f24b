"""Plug-ins are found, the broken ones are told and left out, and names are unique."""

from __future__ import annotations

import sys

import pytest

from convbench.errors import UsageError
from convbench.workers.plugins import LOCAL_PLUGIN, PluginRef, find_backends, load_backend

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
        "import sys; from convbench.workers.plugins import find_backends; r = find_backends();"
        "[e.backend.availability('cpu') for e in r.backends.values()];"
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
