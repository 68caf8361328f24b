"""Frames arrive whole, and a peer that closes, stalls or babbles is told apart."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbench.workers.channel import frames

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KEY = b"k" * frames.KEY_BYTES


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@given(message=st.dictionaries(st.text(), JSON, max_size=5))
def test_any_json_object_arrives_as_it_was_sent(message):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        frames.send(ours, message, KEY)
        assert frames.receive(theirs, KEY, timeout_s=5) == message


def test_frames_arrive_in_order_and_apart(pair):
    ours, theirs = pair
    for number in range(20):
        frames.send(ours, {"number": number}, KEY)
    assert [frames.receive(theirs, KEY)["number"] for _ in range(20)] == list(range(20))


def test_a_closed_peer_is_told(pair):
    ours, theirs = pair
    theirs.close()
    with pytest.raises(frames.PeerClosedError):
        frames.receive(ours, KEY)
    with pytest.raises(frames.PeerClosedError):
        frames.send(ours, {"text": "x" * 10_000}, KEY)


def test_a_peer_that_dies_in_mid_frame_is_closed(pair):
    ours, theirs = pair
    theirs.sendall(struct.pack(">I", 100) + KEY + b'{"half":')
    theirs.close()
    with pytest.raises(frames.PeerClosedError):
        frames.receive(ours, KEY, timeout_s=5)


def test_a_silent_peer_passes_the_deadline(pair):
    ours, _ = pair
    with pytest.raises(frames.DeadlinePassedError):
        frames.receive(ours, KEY, timeout_s=0.01)


DEEP, LONG_NUMBER = b"[" * 100_000, b'{"a": ' + b"9" * 10_000 + b"}"


@pytest.mark.parametrize("body", [b"[1, 2]", b'"text"', b"nonsense", b"\xff\xfe", DEEP, LONG_NUMBER])
def test_what_is_no_json_object_is_refused(pair, body):
    ours, theirs = pair
    theirs.sendall(struct.pack(">I", len(body)) + KEY + body)
    with pytest.raises(frames.StrangeFrameError):
        frames.receive(ours, KEY, timeout_s=5)


def test_a_length_beyond_reason_is_refused_before_it_is_read(pair):
    ours, theirs = pair
    theirs.sendall(struct.pack(">I", frames.MAX_FRAME_BYTES + 1) + KEY)
    with pytest.raises(frames.StrangeFrameError):
        frames.receive(ours, KEY, timeout_s=5)


@given(junk=st.binary(min_size=1, max_size=200))
def test_what_another_wrote_before_the_answer_is_told_from_it(junk):
    ours, theirs = socket.socketpair()
    key = frames.new_key()
    with ours, theirs:
        theirs.sendall(junk)
        frames.send(theirs, {"reply": "released"}, key)
        with pytest.raises(frames.StrangeFrameError):
            frames.receive(ours, key, timeout_s=5)


def test_a_whole_frame_with_another_key_is_no_answer(pair):
    ours, theirs = pair
    frames.send(theirs, {"reply": "released"}, frames.new_key())
    with pytest.raises(frames.StrangeFrameError):
        frames.receive(ours, frames.new_key(), timeout_s=5)


def test_a_message_that_no_frame_can_hold_is_refused_and_nothing_is_sent(pair):
    ours, theirs = pair
    with pytest.raises(frames.TooLargeError):
        frames.send(ours, {"text": "x" * frames.MAX_FRAME_BYTES}, KEY)
    frames.send(ours, {"text": "short"}, KEY)
    assert frames.receive(theirs, KEY, timeout_s=5) == {"text": "short"}
