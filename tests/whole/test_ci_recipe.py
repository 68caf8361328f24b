"""The recipe for CI: its workflow is valid YAML, and every command line in it and in its page can be called."""

from __future__ import annotations

import re
import shlex

import click
import pytest
import yaml
from paths import ROOT

from convbench.cli.main import main

WORKFLOW = ROOT / "docs" / "examples" / "convbench-einsum" / ".github" / "workflows" / "convbench.yml"
PAGES = (ROOT / "docs" / "ci.md", ROOT / "docs" / "export.md")
ENDS = {">", ">>", "|", "&&", ";"}
"""Where the shell takes over."""


def steps():
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    return job["steps"]


def in_workflow():
    """Each line of a step that calls convbench."""
    lines = [line for step in steps() for line in step.get("run", "").splitlines()]
    return [line for line in lines if line.startswith("convbench ")]


def in_pages():
    """Each indented line of a page that calls convbench, without what is left open in it."""
    lines = [line.strip() for page in PAGES for line in page.read_text().splitlines() if line.startswith("    ")]
    calls = [line for line in lines if line.startswith("convbench ")]
    return [re.sub(r"\[--output FILE\]", "--output FILE", line) for line in calls]


def parsed(line):
    """The command that a line calls, parsed as click does before it runs it; raises what a user would see."""
    words = shlex.split(line)[1 : next((place for place, word in enumerate(shlex.split(line)) if word in ENDS), None)]
    assert words
    if words[0] not in main.commands:
        raise click.UsageError(f"no command {words[0]!r}")
    return main.commands[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("line", [*dict.fromkeys([*in_workflow(), *in_pages()])])
def test_every_command_line_can_be_called(line):
    parsed(line)


def test_an_option_that_does_not_exist_would_be_found():
    with pytest.raises(click.UsageError, match="No such option"):
        parsed("convbench check edge_cases --no-such-option")


def test_the_workflow_does_what_the_recipe_says():
    commands = [line.split()[1] for line in in_workflow()]
    assert commands == ["check", "export", "export", "compare", "export", "diff"]
    assert "--against" in in_workflow()[3]
    assert [step["uses"] for step in steps() if "uses" in step][-1].startswith("actions/upload-artifact@")


def test_what_was_found_is_told_after_a_failure_too():
    conditions = {step["name"]: step.get("if", "") for step in steps() if "name" in step}
    assert conditions["Keep the runs"] == "${{ !cancelled() }}"
    for name, before in (("Tell what the checks found", "check"), ("Tell what was measured", "compare")):
        assert conditions[name] == f"${{{{ !cancelled() && steps.{before}.outcome != 'skipped' }}}}"
        assert before in {step.get("id") for step in steps()}
    assert conditions["Did it get slower, or wrong?"] == ""


def test_the_workflow_is_for_the_backend_beside_it():
    backend = yaml.safe_load(WORKFLOW.read_text())["env"]["BACKEND"]
    assert f'name = "{backend}"' in (WORKFLOW.parents[2] / "convbench_einsum.py").read_text()
