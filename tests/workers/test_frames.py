"""Frames arrive whole, and a peer that closes, stalls or babbles is told apart."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.workers import frames

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(message=st.dictionaries(st.text(), JSON, max_size=5))
def test_any_json_object_arrives_as_it_was_sent(message):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        frames.send(ours, message)
        assert frames.receive(theirs, timeout_s=5) == message


def test_frames_arrive_in_order_and_apart(pair):
    ours, theirs = pair
    for number in range(20):
        frames.send(ours, {"number": number})
    assert [frames.receive(theirs)["number"] for _ in range(20)] == list(range(20))


def test_a_closed_peer_is_told(pair):
    ours, theirs = pair
    theirs.close()
    with pytest.raises(frames.PeerClosedError):
        frames.receive(ours)
    with pytest.raises(frames.PeerClosedError):
        frames.send(ours, {"text": "x" * 10_000})


def test_a_peer_that_dies_in_mid_frame_is_closed(pair):
    ours, theirs = pair
    theirs.sendall(struct.pack(">I", 100) + b'{"half":')
    theirs.close()
    with pytest.raises(frames.PeerClosedError):
        frames.receive(ours, timeout_s=5)


def test_a_silent_peer_passes_the_deadline(pair):
    ours, _ = pair
    with pytest.raises(frames.DeadlinePassedError):
        frames.receive(ours, timeout_s=0.01)


@pytest.mark.parametrize("body", [b"[1, 2]", b'"text"', b"nonsense", b"\xff\xfe"])
def test_what_is_no_json_object_is_refused(pair, body):
    ours, theirs = pair
    theirs.sendall(struct.pack(">I", len(body)) + body)
    with pytest.raises((frames.PeerClosedError, ValueError)):
        frames.receive(ours, timeout_s=5)


def test_a_length_beyond_reason_is_refused_before_it_is_read(pair):
    ours, theirs = pair
    theirs.sendall(struct.pack(">I", frames.MAX_FRAME_BYTES + 1))
    with pytest.raises(frames.PeerClosedError):
        frames.receive(ours, timeout_s=5)
