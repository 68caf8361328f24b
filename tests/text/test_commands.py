"""A command on a terminal of any width is, read by a shell, the command."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.text.commands import command_lines

CASE = "convbench check --case 'operation = \"conv\", input = [3, 8, 8]' --backends mine --threads 2"


@given(
    st.lists(st.text(st.characters(codec="ascii", exclude_characters="\n\r\0"), min_size=1), min_size=1),
    st.integers(1, 120),
)
def test_a_shell_reads_the_lines_as_the_command(words, width):
    command = shlex.join(words)
    lines = command_lines(command, width)
    joined = "\n".join(lines).replace("\\\n", "")  # as a shell joins them; shlex does not
    assert shlex.split(joined) == words
    quoted = [shlex.quote(word) for word in words]
    for line in lines:
        assert len(line) <= width or sum(word in line for word in quoted) >= 1


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal_unless_one_word_is(width):
    for line in command_lines(CASE, width):
        assert len(line) <= width
    path = "/a/very/long/way/" + "to/a/folder/" * 12 + "run-20261120-120000"
    lines = command_lines(f"convbench compare --resume {path}", width)
    assert lines[-1].strip() == path
