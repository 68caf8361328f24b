"""A machine's number stays, says nothing of /etc/machine-id, and other machines have others."""

from __future__ import annotations

import subprocess

import pytest

from convbench.machine import identity
from convbench.machine.identity import machine_identity, machine_number


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "machine-id"
    path.write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    return path


def test_the_number_stays_and_is_not_the_private_one(source):
    number = machine_number(source)
    assert number == machine_number(source) != source.read_text(encoding="ascii").strip()
    assert len(number) == 32
    assert (number[12], number[16] in "89ab") == ("4", True)  # as a UUID of version 4


def test_another_installation_has_another_number(source):
    number = machine_number(source)
    source.write_text("1123456789abcdef0123456789abcdef\n", encoding="ascii")
    assert machine_number(source) != number


@pytest.mark.parametrize("content", [None, "", "uninitialized\n"])
def test_without_a_machine_id_the_number_is_made_of_host_name_and_processor(source, monkeypatch, content):
    source.unlink() if content is None else source.write_text(content, encoding="ascii")
    numbers = set()
    for host in ("one", "two", "one"):
        monkeypatch.setattr(identity.platform, "node", lambda host=host: host)
        numbers.add(machine_number(source))
    assert len(numbers) == 2


def test_without_nvidia_smi_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(identity, "GPU_QUERY", ("no-such-program-of-convbench",))
    assert (machine_identity()["gpu"], machine_identity()["driver"]) == ("", "")


def test_an_nvidia_smi_that_hangs_or_fails_costs_no_run(monkeypatch):
    def hang(*_, **__):
        raise subprocess.TimeoutExpired("nvidia-smi", 10)

    monkeypatch.setattr(identity.subprocess, "run", hang)
    assert machine_identity("box")["gpu"] == ""


def test_a_name_stands_for_the_host_name():
    assert machine_identity("box")["name"] == "box"
    assert machine_identity()["name"] == identity.platform.node()
