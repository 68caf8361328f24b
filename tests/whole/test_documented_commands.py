"""Every command line of README and documentation can be called as it stands, and the quick ones are run.

A command is parsed by the real command line; what it names (workloads, cases, backends, options, formats) is held
against what there is, up to the place where a run would begin. What only reads runs is run, on planted ones.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from documented import Line, command_lines, lines_of, python_blocks
from paths import EXAMPLE, ROOT
from stored_runs import Made

from convbench import api
from convbench.cli.export import FIGURES
from convbench.cli.main import main
from convbench.plan.entrants import Entrant
from convbench.plan.items import make_plan
from convbench.report.export import FORMATS
from convbench.results.events.schema import LimitsFound
from convbench.results.roofline import Bandwidth, Peak
from convbench.workers import entrants
from convbench.workers.entrants import Entry
from convbench.workers.plugins import Registry, find_backends
from convbench_specs import Available, load_workload, shipped_workloads

READ_RUNS = {"report", "export", "diff", "history", "publish"}
LIST = {"workloads", "show", "backends"}
QUICK_BACKENDS = {"naive", "numpy-im2col", "einsum", "my-conv"}
PLACEHOLDERS = {
    "BACKEND": "numpy-im2col",
    "BASE": "base",
    "CASE": "conv1",
    "COMMAND": "check",
    "DATE": "20261120",
    "FILE": "file.toml",
    "FOLDER": "results",
    "FORMAT": "markdown",
    "MONDAY": "monday",
    "N": "3",
    "NAME": "numpy-im2col",
    "NEW": "new",
    "OPTION": "level",
    "PYTHON": "/envs/other/bin/python",
    "RUN": "run",
    "SECONDS": "60",
    "SOURCE": "net.py:Net",
    "TUESDAY": "tuesday",
    "VALUE": "textbook",
    "WHERE": "/envs/other",
    "WORKLOAD": "quick",
}
"""What stands for something of the reader's, and what the tests put there."""
MINE = """
from convbench_specs import Backend, Prepared, hookimpl

class Mine(Backend):
    name = "mine"

    def prepare(self, case, tensors):
        return Prepared(forward=lambda: tensors.x)

@hookimpl
def convbench_backends():
    return [Mine, type("Yours", (Mine,), {"name": "yours"}), type("Reshape", (Mine,), {"name": "reshape"})]
"""
"""The backends that the pages speak of and that only their readers have."""
LINES = [line for line in command_lines() if not (line.is_mention and len(line.words) == 1)]
ONCE = list({" ".join(line.words): line for line in LINES}.values())


def name_of(line: Line) -> str:
    return f"{line.page}:{line.number}"


def filled(line: Line) -> list[str]:
    """The words of a line, with something in the place of everything that is the reader's; KeyError where it is new."""
    words = [re.sub(r"\$\w+", "variable.md", word) for word in line.words]
    return [re.sub(r"(?<![\w-])[A-Z]{1,}(?![\w.])", lambda found: PLACEHOLDERS[found[0]], word) for word in words]


def parsed(words: list[str]) -> click.Context:
    """The command that a line calls, parsed as click does before it runs it; raises what a user would see."""
    if words[0].startswith("-"):
        return main.make_context("convbench", [*words])
    if words[0] not in main.commands:
        raise click.UsageError(f"no command {words[0]!r}")
    return main.commands[words[0]].make_context(words[0], words[1:])


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """The bundled backends, and those of the pages."""
    folder = tmp_path_factory.mktemp("plugins")
    shutil.copy(EXAMPLE, folder / "convbench_einsum.py")
    (folder / "mine.py").write_text(MINE)
    (student,) = (block.text for block in python_blocks() if 'name = "my-conv"' in block.text)
    (folder / "my_conv.py").write_text(student)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = find_backends(["./convbench_einsum.py", "./mine.py", "./my_conv.py"])
    assert not found.failed
    return found


class _BeginsNowError(Exception):
    """Everything that can be refused was not."""


@pytest.fixture
def planned(registry, monkeypatch, tmp_path):
    """A function that goes through a call of compare or check until a run would begin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "find_backends", lambda *_, **__: registry)
    monkeypatch.setattr(Entry, "_registry_at", lambda _, where: at(where, registry))
    monkeypatch.setattr(
        entrants, "availabilities", lambda able, _: {each.backend.name: Available("1") for each in able}
    )
    monkeypatch.setattr(api, "stored_run", lambda folder: (_ for _ in ()).throw(_BeginsNowError))

    def execute(settings, registry, **_):
        for name in settings.workloads:
            if name.endswith(".toml"):
                shutil.copy(ROOT / "specs/convbench_specs/workloads/lenet5.toml", tmp_path / name)
        models = {name: load_workload("lenet5") for name in settings.workloads if is_model(name)}
        assert not models or settings.inputs or not any(name.endswith((".py", ".pt", ".onnx")) for name in models)
        assert make_plan(settings, registry.workloads, models).items
        Entry(registry).entered(settings.backends, [*map(Entrant.parse, settings.entrants)], settings.against, "cpu")
        raise _BeginsNowError

    monkeypatch.setattr(api, "execute", execute)

    def call(words):
        done = CliRunner().invoke(main, words)
        assert isinstance(done.exception, _BeginsNowError), done.output or repr(done.exception)

    return call


def at(where: str, registry: Registry) -> Registry:
    """The same backends as another interpreter would have them; files of plug-ins have their own."""
    if not where or where.endswith(".py"):
        return registry
    backends = {
        name: replace(entry, plugin=replace(entry.plugin, python=where)) for name, entry in registry.backends.items()
    }
    return Registry(backends=backends)


def is_model(name: str) -> bool:
    return ":" in name or name.endswith((".pt", ".pt2", ".pth", ".keras", ".h5", ".onnx"))


@pytest.mark.parametrize("line", ONCE, ids=name_of)
def test_every_command_line_can_be_called(line, request):
    words = filled(line)
    try:
        context = parsed(words)
    except (click.MissingParameter, click.BadOptionUsage):
        if line.is_mention:  # in a sentence, a command may stand without what it needs
            return
        raise
    if words[0] in {"compare", "check"} and context.params.get("device") != "cuda":
        request.getfixturevalue("planned")(words)
    if words[0] in {"fuzz", "limits", "doctor"}:
        known = request.getfixturevalue("registry").backends
        given = [*(context.params.get("backends") or ()), *filter(None, [context.params.get("backend")])]
        assert set(given) <= set(known)
    if words[0] == "show":
        assert words[1] in shipped_workloads() or words[1].endswith(".toml")


@dataclass
class Folder:
    """A folder with the runs that a command reads."""

    path: Path

    def store(self, names: list[str], entrants: list[str]) -> None:
        backends = dict.fromkeys([*entrants, "pytorch", "other"], "1")
        for seed, name in enumerate(names):
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            WithLimits(backends=backends, peaks={("conv1", "other"): 10**7}, seed=seed).store(self.path / name)


class WithLimits(Made):
    """A run that knows what its machine reaches."""

    def events(self):
        limits = LimitsFound(
            device="cpu",
            threads=2,
            bandwidth=Bandwidth(gbytes_per_s=20.0, way="copy", array_bytes=2**30),
            peaks=(Peak(dtype="float32", gflops_per_s=100.0, backend="other", case="none", considered=("other",)),),
        )
        return [*super().events()[:-1], limits, super().events()[-1]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def runs_of(context: click.Context) -> list[str]:
    """The folders of runs that a command reads."""
    given = context.params
    if context.info_name in {"history", "publish"}:
        return [f"{given['folder']}/{day}" for day in ("monday", "tuesday", "wednesday")]
    found = [*given.get("runs", ()), *(given.get(name) for name in ("run", "base", "new"))]
    return [str(run) for run in found if run is not None]


def way_of(line: Line) -> tuple[str, frozenset[str]]:
    """The command with its options, formats and figures, without the names of files, runs and entrants."""
    named = {word for word in line.words[1:] if word.startswith("--") or word in {*FORMATS, *FIGURES}}
    return line.words[0], frozenset(named)


READING = list({way_of(line): line for line in ONCE if line.words[0] in READ_RUNS and not line.is_mention}.values())
"""One line for each way of reading runs."""
LISTING = [line for line in ONCE if line.words[0] in LIST and "--plugin" not in line.words]


@pytest.mark.parametrize("line", READING, ids=name_of)
def test_what_reads_runs_does_so(line, folder):
    words = filled(line)
    context = parsed(words)
    folder.store(runs_of(context), [name for key in ("left", "right") if (name := context.params.get(key))])
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert done.output or context.params.get("output")


@pytest.mark.parametrize("line", LISTING, ids=name_of)
def test_what_lists_something_does_so(line, folder):
    words = filled(line)
    for name in words[1:]:
        if name.endswith(".toml"):
            shutil.copy(ROOT / "specs/convbench_specs/workloads/quick.toml", folder.path / name)
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output + repr(done.exception)


def is_quick_check(line: Line) -> bool:
    words = line.words
    if words[0] != "check" or "--cases" not in words:
        return False
    context = parsed(filled(line))
    return set(context.params["backends"] or {"all"}) <= QUICK_BACKENDS


@pytest.mark.slow
@pytest.mark.parametrize("line", list(filter(is_quick_check, ONCE)), ids=name_of)
def test_small_checks_find_the_backends_right(line, folder):
    (student,) = (block.text for block in python_blocks() if 'name = "my-conv"' in block.text)
    (folder.path / "my_conv.py").write_text(student)
    shutil.copy(EXAMPLE, folder.path)
    done = CliRunner().invoke(main, filled(line))
    assert done.exit_code == 0, done.output + repr(done.exception)


@pytest.mark.slow
def test_the_model_of_the_tutorial_becomes_a_workload_that_is_shown(folder):
    pytest.importorskip("torch", reason="the tutorial's model is one of PyTorch")
    lines = [line for line in ONCE if line.page.endswith("ml_engineer.md") and line.words[0] in {"extract", "show"}]
    (model,) = (block.text for block in python_blocks() if "class Net" in block.text)
    (folder.path / "net.py").write_text(model)
    assert [line.words[0] for line in lines] == ["extract", "show"]
    for line in lines:
        done = CliRunner().invoke(main, filled(line))
        assert done.exit_code == 0, done.output + repr(done.exception)
    assert "Global AvgPool" in done.output


@pytest.mark.parametrize("line", [line for line in command_lines() if line not in LINES], ids=name_of)
def test_every_command_that_is_mentioned_exists(line):
    assert line.words[0] in main.commands or line.words[0] == "--help"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("convbench check edge_cases --no-such-option", "No such option"),
        ("convbench chekc edge_cases", "no command"),
        ("convbench compare --batch-sizes many", "must be whole numbers"),
    ],
)
def test_a_line_that_cannot_be_parsed_would_be_found(line, error):
    with pytest.raises(click.UsageError, match=error):
        parsed(Line("page", 1, line).words)


@pytest.mark.parametrize(
    "line",
    [
        "convbench check no_such_workload",
        "convbench check --backends no-such-backend",
        "convbench compare --entrant one=numba-cpu:no_such_option=1",
        "convbench compare lenet5 --cases no_such_case",
        "convbench compare --effort huge",
    ],
)
def test_a_name_that_does_not_exist_would_be_found(line, planned):
    with pytest.raises(AssertionError):
        planned(Line("page", 1, line).words)


def test_command_lines_are_found_wherever_they_stand():
    text = """
`convbench doctor` and `convbench
compare quick --blocks 3` here, `convbench.compare` not.

    convbench show lenet5    # layers
    convbench show vgg16     somebody's layers
    convbench check quick \\
      --backends jax
    convbench check --ba<Tab>
    A=1 convbench check | less

- a list

      pip install x && convbench compare

```bash
convbench export RUN [--output FILE] > table.tex
```
```python
convbench = 1
```
"""
    assert [" ".join(line.words) for line in lines_of(text)] == [
        "doctor", "compare quick --blocks 3", "show lenet5", "show vgg16", "check quick --backends jax", "check",
        "compare", "export RUN",
    ]  # fmt: skip


@pytest.mark.parametrize("block", python_blocks(), ids=lambda block: f"{block.page}:{block.number}")
def test_every_block_of_python_compiles(block):
    compile(block.text, f"{block.page}:{block.number}", "exec")


@pytest.mark.parametrize(
    "block", [block for block in python_blocks() if block.is_runnable], ids=lambda block: f"{block.page}:{block.number}"
)
def test_a_runnable_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, f"{block.page}:{block.number}", "exec"), {"__name__": "block"})


def test_every_extra_that_is_installed_exists():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    text += (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {extra for found in re.findall(r"(?:convbench|\.)\[([a-z,]+)\]", text) for extra in found.split(",")}
    assert named
    assert named <= set(extras)
