"""Every file of JSON is JSON by its standard: only one function writes any."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import convbench
from convbench.text.strict_json import to_json

OWN = {
    "text/strict_json.py",
    "text/cases.py",  # one text, as a TOML string
    "report/pages/embed.py",  # with allow_nan=False, for the page
    "workers/channel/frames.py",  # from host to worker, no file
}


@given(st.recursive(st.floats() | st.text() | st.none() | st.integers(), lambda each: st.lists(each) | st.tuples(each)))
def test_whatever_is_written_is_strict_json(value):
    def refuse(word):
        raise ValueError(word)

    json.loads(to_json({"value": value}), parse_constant=refuse)


def test_nothing_else_writes_json():
    root = Path(convbench.__file__).parent
    writers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("dump", "dumps", "encode_json")
    }
    for_checksums = {"results/events/header.py", "run/limits/cache.py", "sweep/plan/jobs.py"}
    assert writers <= OWN | for_checksums
