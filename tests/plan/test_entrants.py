"""An entrant is what its text says, and every text that says nothing clear is refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.errors import UsageError
from convbench.plan.entrants import NAME, TAKEN, Entrant
from convbench.results.summary import REFERENCES

NAMES = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", fullmatch=True)
OPTIONS = st.dictionaries(
    st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True), max_size=3
)
PLACES = st.one_of(st.just(""), st.from_regex(r"/[a-z0-9=:@,./-]{1,20}", fullmatch=True))


@given(NAMES, NAMES, OPTIONS, PLACES)
def test_an_entrant_is_read_back_from_its_text(name, backend, options, where):
    entrant = Entrant(name, backend, options, where)
    assert Entrant.parse(str(entrant)) == entrant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pytorch", "must be NAME=BACKEND"),
        ("=pytorch", "must be NAME=BACKEND"),
        ("a=", "must be NAME=BACKEND"),
        ("a=pytorch:", "must be NAME=BACKEND"),
        ("a=pytorch@", "must be NAME=BACKEND"),
        ("a=pytorch:layout", "'layout' must be OPTION=VALUE"),
        ("a=pytorch:layout=", "'layout=' must be OPTION=VALUE"),
        ("a=pytorch:x=1,x=2", "sets 'x' twice"),
        ("A=pytorch", "'A' cannot be the name"),
        ("../a=pytorch", "'../a' cannot be the name"),
        ("a=" + 50 * "b", "cannot be the name"),
    ],
)
def test_what_is_no_entrant_is_refused_with_what_is_wrong(text, said):
    with pytest.raises(UsageError, match=said.replace("..", r"\.\.")) as refused:
        Entrant.parse(text)
    assert "\n" not in str(refused.value)


def test_a_place_is_found_from_any_folder_and_a_link_to_an_interpreter_stays_one(tmp_path, monkeypatch):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "python").symlink_to("/usr/bin/env")
    monkeypatch.chdir(tmp_path)
    assert Entrant("a", "b", where="env/python").located().where == str(tmp_path / "env" / "python")
    assert Entrant("a", "b", where="python3.12").located().where == "python3.12"
    assert Entrant("a", "b").located().where == ""


def test_no_backend_has_the_name_of_what_backends_are_held_against():
    assert {name for name in REFERENCES if NAME.fullmatch(name)} == set(TAKEN)
