"""A new distribution: names, files, refusals; and that it installs, passes its own tests and is listed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from click.testing import CliRunner
from paths import ROOT

from convbench.cli.exit_codes import EXIT_USAGE
from convbench.cli.main import main
from convbench.testing.scaffold.distribution import LICENSES, files_of, frameworks
from convbench.testing.scaffold.names import Names

FRAMEWORKS = frameworks()
SOME = ["-k", "not test_case_of_the_workload and not test_random_cases"]
"""Of the tests of a distribution the quick ones, among them that enough cases are computed."""
RECIPE = ROOT / "docs" / "examples" / "convbench-einsum" / ".github" / "workflows" / "convbench.yml"


@pytest.fixture
def convbench(tmp_path, monkeypatch):
    """Calls a command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


def files(framework="numpy-like", license_name="MIT", name="my-conv"):
    return files_of(Names(name), framework=framework, license_name=license_name)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_file_is_filled_in_and_can_be_read(framework):
    made = files(framework)
    assert set(made) == {
        "pyproject.toml", "README.md", "LICENSE", ".gitignore", ".github/workflows/convbench.yml",
        "src/convbench_my_conv/__init__.py", "src/convbench_my_conv/backend.py", "tests/test_backend.py",
    }  # fmt: skip
    assert not [path for path, text in made.items() if re.search(r"@[a-z_]+@", text)]
    for path, text in made.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
    project = tomllib.loads(made["pyproject.toml"])["project"]
    assert project["entry-points"]["convbench"] == {"my-conv": "convbench_my_conv.backend"}
    assert project["license"] == "MIT"
    assert 'name = "my-conv"' in made["src/convbench_my_conv/backend.py"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_its_code_is_as_clean_as_ours(framework, tmp_path):
    for path, text in files(framework).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    rules = ["--select", "E,F,I,B,UP", "--line-length", "120", "--isolated"]
    for command in (["check", *rules], ["format", "--check", "--line-length", "120", "--isolated"]):
        done = subprocess.run([*ruff, *command, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("license_name", LICENSES)
def test_its_licence_is_the_one_that_was_chosen(license_name):
    made = files(license_name=license_name)
    project = tomllib.loads(made["pyproject.toml"])["project"]
    if license_name == "none":
        assert "LICENSE" not in made
        assert "license" not in project
    else:
        assert made["LICENSE"].startswith(license_name.split("-")[0])
        assert project["license"] == license_name


def test_its_workflow_is_the_recipe_and_runs_its_tests():
    recipe, made = (yaml.safe_load(text) for text in (RECIPE.read_text(), files()[".github/workflows/convbench.yml"]))
    assert made["env"].pop("BACKEND") == "my-conv"
    recipe["env"].pop("BACKEND")
    steps = made["jobs"]["convbench"].pop("steps")
    of_recipe = recipe["jobs"]["convbench"].pop("steps")
    assert made == recipe
    assert {"name": "Test", "run": "python -m pytest"} in steps
    assert [step for step in steps if step.get("name") not in {"Test", "Install this commit"}] == [
        step for step in of_recipe if step.get("name") != "Install this commit"
    ]


def test_the_command_writes_what_it_prints_and_says_what_comes_next(convbench, tmp_path):
    done = convbench("new-backend", "my-conv")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "convbench-my-conv"
    listed = [line for line in done.output.splitlines() if line.startswith("convbench-my-conv/")]
    assert sorted(listed) == sorted(str(p.relative_to(tmp_path)) for p in folder.rglob("*") if p.is_file())
    assert "  convbench check edge_cases --backends my-conv --explain" in done.output
    assert [each.name for each in tmp_path.iterdir()] == ["convbench-my-conv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["numpy-im2col"], "the name 'numpy-im2col' is taken by an installed backend"),
        (["oracle"], "'oracle' cannot be the name of a backend"),
        (["backends"], "the name 'backends' is taken: convbench-backends is installed already"),
        (["My Conv"], "'My Conv' cannot be the name of a backend: lower case letters and digits"),
        (["../up"], "'../up' cannot be the name of a backend"),
        (["x" * 41], "at most 40 characters"),
        (["mine", "--framework", "torch"], "unknown framework 'torch'; did you mean torch-like?"),
        (["mine", "--license", "GPL"], "unknown license 'GPL'"),
        (["mine", "--output", "there"], "there exists already: name another folder with --output"),
        (["mine", "--output", "/proc/mine"], "cannot write /proc/mine: "),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(convbench, tmp_path, arguments, message):
    (tmp_path / "there").mkdir()
    done = convbench("new-backend", *arguments)
    assert done.exit_code == EXIT_USAGE
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert [each.name for each in tmp_path.rglob("*")] == ["there"]


def test_names_become_what_python_takes():
    assert [Names(name).class_name for name in ("class", "conv", "my-backend", "3d", "a.b_c")] == [
        "ClassBackend", "ConvBackend", "MyBackend", "Own3dBackend", "ABCBackend",
    ]  # fmt: skip
    assert Names("a.b_c").distribution == "convbench-a-b-c"
    assert Names("a.b_c").module == "convbench_a_b_c"


@pytest.mark.slow
@pytest.mark.parametrize(("framework", "which"), [("numpy-like", []), ("torch-like", SOME), ("layers", SOME)])
def test_a_new_distribution_installs_passes_its_tests_and_is_listed(convbench, tmp_path, framework, which):
    done = convbench("new-backend", "mine", "--framework", framework, "--output", "made")
    assert done.exit_code == 0, done.output
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(tmp_path / "site"), str(tmp_path / "made")], check=True, capture_output=True)
    paths = [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTEST_ADDOPTS": ""}

    def run(*arguments):
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(
            command, cwd=tmp_path / "made", env=environment, capture_output=True, text=True, check=False
        )

    listed = run("convbench", "backends")
    assert any(line.startswith("mine ") for line in listed.stdout.splitlines()), listed.stdout + listed.stderr
    tested = run("pytest", "-q", "-p", "no:cacheprovider", *which)
    assert tested.returncode == 0, tested.stdout[-4000:]
    assert int(re.search(r"(\d+) passed", tested.stdout)[1]) >= 5
