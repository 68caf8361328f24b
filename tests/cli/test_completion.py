"""Completion in the shell: the right names, from a real bash, and nothing is imported for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from click.testing import CliRunner

from convbench.cli.completion import values
from convbench.cli.main import main
from convbench.testing.scaffold.distribution import frameworks
from convbench.workers.plugins import find_backends
from convbench_specs import DATA_KINDS, DTYPES, PASSES, load_workload, shipped_workloads

FORBIDDEN = {"numpy", "pandas", "pluggy", "convbench_specs", "convbench_backends", "torch", "rich", "msgspec"}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A folder with the command, as pip makes it."""
    folder = tmp_path_factory.mktemp("bin")
    file = folder / "convbench"
    file.write_text(f"#!{sys.executable}\nfrom convbench.cli.main import main\nmain(prog_name='convbench')\n")
    file.chmod(0o755)
    return folder


def script(shell):
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    return done.output


@pytest.fixture
def complete(program, tmp_path):
    """What bash offers for a line whose last word is incomplete, by the function of the script."""

    def completed(*words, cwd=tmp_path):
        listed = " ".join(f"'{word}'" for word in words)
        code = (
            f"{script('bash')}\nCOMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}\n"
            '_convbench_completion convbench 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        environment = {**os.environ, "PATH": f"{program}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            [shutil.which("bash"), "--norc", "-c", code], env=environment, cwd=cwd, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        return done.stdout.split()

    return completed


def test_bash_completes_commands_options_and_values(complete):
    assert "compare" in complete("convbench", "com")
    assert complete("convbench", "compare", "--back") == ["--backends"]
    assert complete("convbench", "compare", "resn") == ["resnet18", "resnet50"]
    assert complete("convbench", "compare", "--backends", "numpy-im2col,na") == ["numpy-im2col,naive"]
    assert complete("convbench", "check", "lenet5", "--cases", "conv1,po") == [
        f"conv1,{case.name}" for case in load_workload("lenet5").cases if case.name.startswith("po")
    ]


def test_an_option_and_its_value_may_be_joined(complete):
    # bash makes three words of --passes=forward,b
    assert complete("convbench", "compare", "--passes", "=", "forward,b") == ["forward,backward", "forward,both"]


def test_cases_of_a_file_of_ones_own_are_read(complete, tmp_path):
    (tmp_path / "mine.toml").write_text('[[cases]]\nname = "stem"\n[[cases]]\nname = "a, b"\n')
    assert complete("convbench", "compare", "mine.toml", "--cases", "") == ["stem"]


@pytest.mark.filterwarnings(r"ignore:os.fork\(\) was called")  # JAX, loaded by another test: the child becomes bash
def test_the_tab_key_completes_in_an_interactive_bash(program, tmp_path):
    environment = {**os.environ, "PATH": f"{program}{os.pathsep}{os.environ['PATH']}", "PS1": "ready> "}
    bash = pexpect.spawn(
        shutil.which("bash"),
        ["--norc", "--noprofile"],
        env=environment,
        cwd=str(tmp_path),
        encoding="utf-8",
        timeout=30,
    )
    try:
        bash.expect("ready> ")
        bash.sendline('bind "set enable-bracketed-paste off"; eval "$(convbench completion bash)"; echo rea"dy"')
        bash.expect("ready\r\n")
        bash.send("convbench compare --backends numpy-im2col,nai\t")
        bash.expect("numpy-im2col,naive")
        bash.send(",numba-cp\t")
        bash.expect(",numba-cpu")
    finally:
        bash.close(force=True)


def test_names_are_those_that_a_run_would_find():
    found = find_backends(directory=Path("/nowhere")).backends
    assert {name for name, entry in found.items() if entry.is_bundled} <= set(values.backend_names())
    assert sorted(values.workload_files()) == sorted(shipped_workloads())
    assert values.case_names(["resnet18"]) == [case.name for case in load_workload("resnet18").cases]
    assert set(values.DTYPES) == set(DTYPES)
    assert values.PASSES == PASSES
    assert set(values.DATA) == {*DATA_KINDS, "all", "none"}


def test_what_a_new_backend_is_written_with_is_completed(complete):
    assert complete("convbench", "new-backend", "mine", "--framework", "") == frameworks()


def test_what_cannot_be_read_has_no_cases(tmp_path):
    (tmp_path / "broken.toml").write_text("[[cases")
    assert values.case_names([str(tmp_path / "broken.toml"), "nowhere", "lenet5"]) == values.case_names(["lenet5"])


@pytest.mark.parametrize(
    "words", [["convbench", "compare", "--backends", "n"], ["convbench", "compare", "resnet18", "--cases", "c"]]
)
def test_nothing_is_imported_for_it(words):
    code = (
        "import sys\nfrom convbench.cli.main import main\n"
        "try:\n    main(prog_name='convbench')\nexcept SystemExit:\n    pass\nprint(*sys.modules, file=sys.stderr)"
    )
    environment = {
        **os.environ, "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1),
        "_CONVBENCH_COMPLETE": "bash_complete",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("list,")
    assert not FORBIDDEN & set(done.stderr.split())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_have_scripts_that_ask_the_same(shell):
    text = script(shell)
    assert f"_CONVBENCH_COMPLETE={shell}_complete" in text
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([found, "-n"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_shell_is_one_line():
    done = CliRunner().invoke(main, ["completion", "tcsh"])
    assert done.exit_code == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in done.output
