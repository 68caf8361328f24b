"""What a machine says of itself before it measures, and whether that is what the plan wants."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from convbench.machine.facts import package_versions
from convbench.machine.identity import machine_identity
from convbench.sweep.on_machine.messages import Description

SHOWN = 3
"""Differences that are named; of more, their number."""


class _Finding(msgspec.Struct):
    topic: str
    level: str
    text: str
    remedy: str = ""


class _Doctor(msgspec.Struct):
    findings: list[_Finding]


def describe(packages: Mapping[str, str] | None) -> Description:
    """What can be told at once: identity, Python, and the versions of the host's packages and of those given."""
    found = package_versions(packages or ())
    return Description(identity=machine_identity(), python=platform.python_version(), packages=found)


def with_findings(description: Description, answer: Path) -> Description:
    """The same with the warnings of what `convbench doctor --json` has written to a file, one line each."""
    try:
        text = answer.read_text(encoding="utf-8")
        doctor = msgspec.convert(json.loads(text[text.index("{") :]), _Doctor)
    except (OSError, ValueError, msgspec.MsgspecError):  # a doctor that does not answer is no reason not to measure
        return description
    warnings = tuple(f"{each.topic}: {each.text}" for each in doctor.findings if each.level == "warning")
    return replace(description, findings=warnings)


def package_differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """Which packages a machine has otherwise than the plan wants; empty where it has them all.

    >>> package_differences({"numpy": "2.4.6", "scipy": "1.17.1"}, {"numpy": "2.2.6"})
    "numpy is 2.2.6, the plan's is 2.4.6; scipy is missing, the plan's is 1.17.1"
    """
    different = [
        f"{name} is {found.get(name, 'missing')}, the plan's is {version}"
        for name, version in wanted.items()
        if found.get(name) != version
    ]
    more = f"; and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    return "; ".join(different[:SHOWN]) + more
