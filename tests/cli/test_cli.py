"""The command line as a user meets it: what it prints, which code it exits with, what it leaves behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from convbench.cli.exit_codes import EXIT_INTERRUPTED, EXIT_USAGE, EXIT_WRONG
from convbench.cli.main import main
from convbench.plan.settings import EFFORTS, QUICK

TINY = """
title = "Tiny"
[[cases]]
name = "conv"
operation = "conv"
input = [2, 5, 5]
out_channels = 3
kernel_size = 3
[[cases]]
name = "flat"
operation = "flatten"
input = [2, 3, 3]
"""


@pytest.fixture
def convbench(tmp_path, monkeypatch):
    """Calls a command in a folder of its own, in this process."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY)

    def call(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return call


def test_compare_leaves_a_run_that_pandas_and_report_can_read(convbench, tmp_path):
    done = convbench(
        "compare", "tiny.toml", "--backends", "naive", "--batch-sizes", "1,2", "--blocks", "2", "--output", "run"
    )
    assert done.exit_code == 0, done.output
    assert "run/report.html" in done.output.replace("\n", "")
    cells = pd.read_csv(tmp_path / "run" / "measurements.csv")
    assert len(cells) == 2 * 2 * 2
    assert set(cells["status"]) == {"ok"}
    assert (cells["median_s"] > 0).all()
    (tmp_path / "run" / "report.html").unlink()
    assert convbench("report", "run").exit_code == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_two_runs_make_one_report(convbench, tmp_path):
    for name in ("one", "two"):
        convbench(
            "compare", "tiny.toml", "--backends", "naive", "--batch-sizes", "1", "--blocks", "1", "--output", name,
            "--no-memory",
        )  # fmt: skip
    done = convbench("report", "one", "two", "--output", "both")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0].split() == ["run", "one", "two"]
    cells = pd.read_csv(tmp_path / "both" / "measurements.csv")
    assert set(cells["workload"]) == {"tiny"}
    assert set(cells["run"]) == {"one", "two"}


def test_a_wrong_backend_is_called_wrong_and_exits_with_1(convbench, tmp_path, plugins):
    done = convbench(
        "check", "tiny.toml", "--plugin", plugins / "last_tap.py", "--backends", "last-tap,naive", "--batch-sizes", "1",
        "--output", "run",
    )  # fmt: skip
    assert done.exit_code == EXIT_WRONG, done.output
    assert "wrong: last-tap" in done.output
    cells = pd.read_csv(tmp_path / "run" / "measurements.csv").set_index(["backend", "case", "pass"])
    assert cells.loc[("last-tap", "conv", "forward"), "status"] == "wrong"
    assert cells.loc[("last-tap", "conv", "backward"), "status"] == "unsupported"
    assert cells.loc[("naive", "conv", "forward"), "status"] == "ok"
    pairs = pd.read_csv(tmp_path / "run" / "agreement.csv")
    disagreeing = pairs[pairs["verdict"] == "disagrees"]
    assert set(disagreeing["tensor"]) == {"y"}
    assert {"oracle", "naive"} <= set(disagreeing["left"]) | set(disagreeing["right"])
    assert cells.loc[("last-tap", "conv", "forward"), "hypothesis"] == "last_tap_missing"
    assert "why:" not in done.output


def test_on_request_check_says_why_a_result_is_wrong(convbench, plugins):
    done = convbench(
        "check", "tiny.toml", "--plugin", plugins / "last_tap.py", "--backends", "last-tap", "--batch-sizes", "1",
        "--passes", "forward", "--explain", "--output", "run",
    )  # fmt: skip
    assert done.exit_code == EXIT_WRONG, done.output
    assert "  why: the last tap of the kernel is left out of the sum" in done.output


@pytest.fixture
def check_mutant(convbench, plugins, tmp_path, monkeypatch):
    """Checks a mutant, which must be named where the mutants lie."""
    monkeypatch.syspath_prepend(str(plugins))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(plugins), *sys.path]))

    def check(name, *arguments):
        done = convbench(
            "check", tmp_path / "tiny.toml", "--plugin", "mutants", "--backends", name, "--batch-sizes", "2,1",
            "--output", "run", *arguments,
        )  # fmt: skip
        return done, pd.read_csv(tmp_path / "run" / "measurements.csv", keep_default_na=False).set_index(
            ["case", "batch_size", "pass"]
        )

    return check


def test_a_fault_on_a_kind_of_data_names_it_and_the_command_that_shows_it_again(check_mutant):
    done, cells = check_mutant("equal-elements-are-skipped")
    assert done.exit_code == EXIT_WRONG, done.output
    assert "on constant data, y: " in done.output
    wrong = cells.loc[("conv", 1, "forward")]
    assert (wrong["status"], wrong["exact"], wrong["random"], wrong["other_data"]) == (
        "wrong", "agrees", "agrees", "disagrees",
    )  # fmt: skip
    assert wrong["reproduce"].endswith(" --data constant --plugin mutants")
    assert cells.loc[("conv", 2, "forward"), "other_data"] == "", "the smallest batch size is enough"
    assert cells.loc[("conv", 2, "forward"), "status"] == "ok"


def test_only_the_kinds_of_data_that_are_named_are_tried(check_mutant):
    done, cells = check_mutant("equal-elements-are-skipped", "--data", "none")
    assert done.exit_code == 0
    assert "other_data" not in cells
    done, cells = check_mutant("equal-elements-are-skipped", "--data", "huge,not-a-number", "--output", "other")
    assert done.exit_code == 0


def test_who_differs_on_nan_is_told_so_in_its_own_words_and_is_not_wrong(check_mutant, tmp_path):
    done, cells = check_mutant("nan-spreads-over-an-instance", "--data", "not-a-number")
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "differs on NaN: nan-spreads-over-an-instance, conv forward float32" in said
    assert "2 differ on NaN" in said
    cell = cells.loc[("conv", 1, "forward")]
    assert (cell["status"], cell["verdict"], cell["non_finite"]) == ("ok", "differs on NaN", "differs on NaN")
    assert "on not-a-number data, y: " in (tmp_path / "run" / "report.html").read_text()
    rows = pd.read_csv(tmp_path / "run" / "agreement.csv")
    assert set(rows.loc[rows["data"] == "not-a-number", "verdict"]) == {"agrees", "differs on NaN"}
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines()
    assert any(json.loads(line).get("verdict") == "differs on NaN" for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--data", "nan"], "unknown kind of data 'nan'"),
        (["check", "--data", ","], "data must name at least one kind"),
        (["fuzz", "--data", "tinny"], "unknown kind of data 'tinny'; did you mean tiny"),
        (["compare", "quik"], "unknown workload 'quik'; did you mean quick?"),
        (["compare", "--backends", "pytroch"], "unknown backend 'pytroch'; did you mean pytorch?"),
        (["compare", "--passes", "foward"], "unknown pass 'foward'; did you mean forward"),
        (["compare", "--device", "tpu"], "unknown device 'tpu'"),
        (["compare", "--dtypes", "float23"], "unknown dtype 'float23'; did you mean float32"),
        (["compare", "--cases", "conv9"], "unknown case 'conv9'; did you mean conv"),
        (["compare", "--cases", '"3x3, stride 2"'], "unknown case '3x3, stride 2'"),
        (["compare", "--batch-sizes", "0"], "batch sizes must be at least 1, not 0"),
        (["compare", "--batch-sizes", "4,-1"], "batch sizes must be at least 1"),
        (["compare", "--batch-sizes", "four"], "must be whole numbers separated by commas"),
        (["compare", "--output", "/proc/here"], "cannot write to the output folder /proc/here"),
        (["compare", "missing.toml"], "cannot read workload missing.toml"),
        (["check", "--budget", "0"], "budget must be more than 0"),
        (["check", "--backends", ","], "backends is empty: name at least one"),
        (["check", "--dtypes", ""], "dtypes is empty: name at least one"),
        (["check", "--case", 'operation = "conv'], "--case: not an inline TOML table"),
        (["check", "--case", 'operation = "flatten", input = [0, 3, 3]'], "--case: input: must be at least 1"),
        (["fuzz", "--count", "0"], "fuzzing needs a budget: --count must be more than 0"),
        (["fuzz", "--time", "0"], "fuzzing needs a budget: --time must be more than 0"),
        (["show", "mnist"], "unknown workload 'mnist'; did you mean"),
        (["show", "quick", "--batch-size", "0"], "batch size must be at least 1, not 0"),
        (["report", "nowhere"], "nowhere is not the folder of a run"),
        (["backends", "--device", "gpu"], "unknown device 'gpu'"),
    ],
)
def test_bad_input_is_one_or_two_lines_and_exits_with_2(convbench, tmp_path, arguments, message):
    done = convbench(*arguments)
    assert done.exit_code == EXIT_USAGE
    assert message in done.output
    assert "Traceback" not in done.output
    if "must be whole numbers" not in message:  # click adds its usage lines to what it refuses itself
        assert len(done.output.strip().splitlines()) <= 2
    assert not (tmp_path / "results").exists()


def test_a_case_that_no_backend_computes_is_told_with_every_reason_and_exits_with_2(convbench):
    done = convbench(
        "check", "tiny.toml", "--dtypes", "bfloat16", "--backends", "naive,numpy-im2col", "--output", "run"
    )
    assert done.exit_code == EXIT_USAGE
    (line,) = [line for line in done.output.splitlines() if line.startswith("not computed: ")]
    assert line.startswith("not computed: conv (bfloat16) and flat (bfloat16): naive: unsupported: NumPy")
    assert "; numpy-im2col: unsupported: NumPy has no bfloat16" in line
    assert "nothing was computed" in done.output


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("colour = 1", "case conv: colour: unknown key"),
        ("stride = -2", "case conv: stride: must be at least 1"),
        ("groups = 3", "case conv: groups: must divide in_channels"),
        ("dilation = 4", "case conv: kernel_size: is larger than the padded input"),
    ],
)
def test_a_wrong_workload_file_names_file_case_and_key(convbench, tmp_path, line, message):
    (tmp_path / "bad.toml").write_text(TINY.replace("kernel_size = 3", f"kernel_size = 3\n{line}"))
    done = convbench("compare", "bad.toml")
    assert done.exit_code == EXIT_USAGE
    assert f"bad.toml: {message}" in done.output
    assert not (tmp_path / "results").exists()


def test_a_run_of_a_newer_schema_is_refused(convbench, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"schema": 99}))
    done = convbench("report", "run")
    assert done.exit_code == EXIT_USAGE
    assert "schema 99" in done.output


def test_a_folder_with_a_run_in_it_is_not_overwritten(convbench, tmp_path):
    arguments = ["check", "tiny.toml", "--backends", "naive", "--batch-sizes", "1", "--output", "run"]
    assert convbench(*arguments).exit_code == 0
    before = (tmp_path / "run" / "journal.jsonl").read_text()
    done = convbench(*arguments)
    assert done.exit_code == EXIT_USAGE
    assert "already contains a run" in done.output
    assert (tmp_path / "run" / "journal.jsonl").read_text() == before


def test_numba_cuda_without_a_gpu_is_unavailable_with_the_way_to_check_it(convbench):
    from convbench_backends.shared.cuda_driver import cuda_device_count

    if cuda_device_count():
        pytest.skip("this machine has a GPU")
    done = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["backends"])
    (line,) = [line for line in done.output.splitlines() if line.startswith("numba-cuda")]
    assert "unavailable" in line
    assert "NUMBA_ENABLE_CUDASIM=1" in line


def test_workloads_lists_every_shipped_one(convbench):
    from convbench_specs import shipped_workloads

    done = convbench("workloads")
    assert all(name in done.output for name in shipped_workloads())


@pytest.mark.parametrize("command", ["compare", "check", "backends", "workloads", "show", "report"])
def test_every_command_has_help(convbench, command):
    done = convbench(command, "--help")
    assert done.exit_code == 0
    assert "Usage:" in done.output


@pytest.mark.parametrize("command", ["compare", "check", "show", "report"])
def test_help_shows_examples(convbench, command):
    assert f"  convbench {command}" in convbench(command, "--help").output


def test_the_help_says_what_a_default_run_does(convbench):
    text = " ".join(convbench("compare", "--help").output.split())
    assert f"every backend has one turn. Default: {QUICK.rounds}." in text
    assert f"Default: {QUICK.blocks} to {QUICK.most_blocks}, as time allows." in text
    assert f"Default: {QUICK.within_s:g} for quick, {EFFORTS['thorough'].within_s:g} for thorough." in text


FAILS = """
from convbench_specs import Available, Backend, hookimpl

class Fails(Backend):
    name = "fails"

    def availability(self, device):
        return AVAILABILITY

    def prepare(self, case, tensors):
        raise ArithmeticError("why")

@hookimpl
def convbench_backends():
    return [Fails]
"""


def test_a_backend_that_fails_everywhere_ends_with_1_and_is_not_called_right(convbench, tmp_path):
    (tmp_path / "fails.py").write_text(FAILS.replace("AVAILABILITY", 'Available("1")'))
    done = convbench("check", "tiny.toml", "--plugin", "fails.py", "--backends", "fails,naive", "--output", "run")
    assert done.exit_code == EXIT_WRONG
    page = (tmp_path / "run" / "report.html").read_text()
    assert "The one backend that ran is right where it computed; fails failed in 12 cells." in page


COMMANDS_WITH_A_PLUGIN = (
    ["check", "tiny.toml", "--backends", "naive"],
    ["check", "--backends", "mine"],
    ["fuzz"],
    ["limits"],
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("hello =", "SyntaxError"),
        ("x = 1", "it has no hook convbench_backends"),
        (None, "FileNotFoundError"),
    ],
)
def test_a_plug_in_that_was_named_and_cannot_be_used_ends_the_run_before_it_begins(convbench, tmp_path, text, why):
    if text is not None:
        (tmp_path / "mine.py").write_text(text)
    for command in COMMANDS_WITH_A_PLUGIN:
        done = convbench(*command, "--plugin", "mine.py")
        assert done.exit_code == EXIT_USAGE
        assert "plug-in " in done.output
        assert why in done.output
    assert not (tmp_path / "results").exists()


RAISES = """
from convbench_specs import Available, Backend, Prepared, hookimpl
class Raises(Backend):
    name = "raises"
    def availability(self, device):
        return Available("1")
    def prepare(self, case, tensors):
        return Prepared(forward=lambda: 1 / 0)
@hookimpl
def convbench_backends():
    return [Raises]
"""


def test_a_failure_names_its_line_and_its_traceback_can_be_asked_for(convbench, tmp_path):
    (tmp_path / "mine.py").write_text(RAISES)
    done = convbench("check", "tiny.toml", "--plugin", "mine.py", "--backends", "raises", "--output", "run")
    assert done.exit_code == EXIT_WRONG
    assert "ZeroDivisionError: division by zero (mine.py:8, in <lambda>)" in " ".join(done.output.split())
    assert "tracebacks: convbench --debug report run" in done.output
    assert "Traceback" not in done.output
    again = convbench("--debug", "report", "run").output
    assert "Traceback (most recent call last)" in again
    assert "tracebacks:" not in again


def test_more_threads_than_cores_are_told_before_anything_is_checked(convbench):
    for command in (["check", "tiny.toml", "--output", "run"], ["fuzz", "--count", "1"]):
        done = convbench(*command, "--backends", "naive", "--threads", "99")
        assert done.exit_code == 0, done.output
        assert "warning: cores: 99 threads requested, but" in done.output


def test_an_availability_that_is_none_is_told_as_one(convbench, tmp_path):
    (tmp_path / "fails.py").write_text(FAILS.replace("AVAILABILITY", "True"))
    done = convbench("backends", "--plugin", "fails.py")
    assert done.exit_code == 0, done.output
    assert "must return Available or Unavailable, not True" in " ".join(done.output.split())


@pytest.fixture
def sigint_arrives():
    """A shell starts what runs in its background with SIGINT ignored, and a child would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_leaves_a_folder_that_report_can_use(tmp_path, plugins, sigint_arrives):
    process = subprocess.Popen(
        [sys.executable, "-m", "convbench", "compare", str(plugins / "faulty.toml"), "--plugin",
         str(plugins / "faulty.py"), "--backends", "honest,hangs", "--batch-sizes", "1", "--output", "run"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    journal = tmp_path / "run" / "journal.jsonl"
    # the first word of the bad case means that the good one is done
    _wait_for(lambda: journal.exists() and '"case": "bad"' in journal.read_text(), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED
    assert "convbench report run" in errors
    done = CliRunner().invoke(main, ["report", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    cells = pd.read_csv(tmp_path / "run" / "measurements.csv")
    assert (cells[cells["case"] == "good"]["status"] == "ok").all()


def _wait_for(condition, process) -> None:
    """Until the condition holds; the process must go on meanwhile. Bounded by the process's own time limits."""
    while not condition():
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"it ended early: {process.stderr.read()}")


def test_workers_die_with_a_killed_host(tmp_path, plugins):
    import psutil

    process = subprocess.Popen(
        [sys.executable, "-m", "convbench", "compare", str(plugins / "faulty.toml"), "--plugin",
         str(plugins / "faulty.py"), "--backends", "hangs", "--batch-sizes", "1", "--output", "run"],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ},
    )  # fmt: skip
    _wait_for(lambda: psutil.Process(process.pid).children(), process)
    workers = psutil.Process(process.pid).children()
    process.kill()
    process.communicate(timeout=60)
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


@pytest.mark.parametrize("folder", ["", "a\0b"])
@pytest.mark.parametrize("command", [["check", "--output"], ["report", "run", "--output"], ["report"]])
def test_a_folder_without_a_name_is_refused(convbench, tmp_path, command, folder):
    done = convbench(*command, folder)
    assert done.exit_code == EXIT_USAGE
    assert "the name of a folder is missing" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_numbers_that_no_computer_holds_are_refused_where_they_are_parsed(convbench, tmp_path):
    (tmp_path / "huge.toml").write_text(
        TINY.replace("kernel_size = 3", "kernel_size = 3\npadding = 99999999999999999999")
    )
    done = convbench("show", "huge.toml")
    assert done.exit_code == EXIT_USAGE
    assert done.output == "convbench: huge.toml: case conv: padding: must be at most 268,435,456\n"


def test_what_the_system_refuses_is_one_line_with_the_path(convbench, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(28, "No space left on device", "/some/where")

    monkeypatch.setattr("convbench.api.find_backends", refuse)
    done = convbench("check", "tiny.toml")
    assert done.exit_code == EXIT_USAGE
    assert done.output == "convbench: No space left on device: /some/where\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", [["workloads"], ["backends"], ["check", "tiny.toml", "--backends", "naive"]])
def test_a_full_standard_output_is_one_line(convbench, tmp_path, command):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "convbench", *command],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == EXIT_USAGE
    assert done.stderr.splitlines()[-1] == "convbench: No space left on device"
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("most", [5, 8, 11])
def test_too_few_file_descriptors_are_one_line(tmp_path, most):
    done = subprocess.run(
        [sys.executable, "-m", "convbench", "check", "--case", 'operation = "flatten", input = [2, 3, 3]', "--backends",
         "naive", "--batch-sizes", "1", "--output", "run"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
    )  # fmt: skip
    assert done.returncode == EXIT_USAGE, done.stdout
    assert done.stderr.splitlines()[-1].startswith("convbench: Too many open files")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("columns", ["0", "80"])
def test_names_are_shown_as_they_are_whatever_they_would_be_as_markup(convbench, tmp_path, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    names = ["a[/nope]", "conv[same]", "[bold]x"]
    for name in names:
        with (tmp_path / "marked.toml").open("a") as file:
            file.write(f'[[cases]]\nname = "{name}"\noperation = "flatten"\ninput = [2, 3]\n')
    (tmp_path / "marked.py").write_text(
        "from convbench_specs import Backend, Unsupported, hookimpl\n"
        "class Marked(Backend):\n"
        "    name = 'marked'\n"
        "    def prepare(self, case, tensors):\n"
        "        return Unsupported('needs mylib[cuda]')\n"
        "@hookimpl\n"
        "def convbench_backends():\n"
        "    return [Marked]\n"
    )
    done = convbench(
        "check", "marked.toml", "--plugin", "./marked.py", "--backends", "marked", "--batch-sizes", 1, "--output", "run"
    )
    assert done.exit_code == EXIT_USAGE, done.output
    for output in (done.output, convbench("report", "run").output):
        assert "needs mylib[cuda]" in output
        assert all(name in output for name in names)
    assert all(name in convbench("show", "marked.toml").output for name in names)
