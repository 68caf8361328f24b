"""The recipe for CI: its workflow is valid YAML, and every command line in it can be called."""

from __future__ import annotations

import pytest
import yaml
from documented import Line
from paths import ROOT

from convbench.cli.main import main

WORKFLOW = ROOT / "docs" / "examples" / "convbench-einsum" / ".github" / "workflows" / "convbench.yml"


def steps():
    (job,) = yaml.safe_load(WORKFLOW.read_text())["jobs"].values()
    return job["steps"]


def in_workflow():
    """Each line of a step that calls convbench."""
    lines = [line for step in steps() for line in step.get("run", "").splitlines()]
    return [line for line in lines if line.startswith("convbench ")]


@pytest.mark.parametrize("line", in_workflow())
def test_every_command_line_of_the_workflow_can_be_called(line):
    words = Line("workflow", 1, line).words
    main.commands[words[0]].make_context(words[0], words[1:])


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
