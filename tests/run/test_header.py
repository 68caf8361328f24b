"""What makes two headers those of different runs, and what does not."""

from __future__ import annotations

import pytest

from convbench.run.header import differences

HEADER = {"settings": {"seed": 0}, "machine": {"processor": "a"}, "packages": {"numpy": "2"}, "workloads": []}


@pytest.mark.parametrize("identity", [{}, {"identity": {"name": "another", "id": "another"}}])
def test_what_the_machine_is_called_and_what_an_older_run_lacks_is_no_difference(identity):
    present = HEADER | {"identity": {"name": "box", "id": "1", "microarchitecture": "zen3"}}
    assert differences(HEADER | identity, present) == []


def test_another_processor_is_a_difference():
    assert differences(HEADER, HEADER | {"machine": {"processor": "b"}}) == ["machine's processor was a, is b"]
