"""What is made of the driver's answers, on a machine with or without one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from convbench_backends.shared import cuda_driver
from convbench_backends.shared.cuda_driver import cuda_device_count, no_cuda_device


@pytest.fixture(autouse=True)
def asked_anew():
    cuda_device_count.cache_clear()
    yield
    cuda_device_count.cache_clear()


def driver(devices, *, started=0, counted=0):
    def count(pointer):
        pointer._obj.value = devices
        return counted

    return lambda library: SimpleNamespace(cuInit=lambda flags: started, cuDeviceGetCount=count)


def test_without_a_driver_there_is_no_device(monkeypatch):
    monkeypatch.setattr(cuda_driver, "DRIVER_LIBRARY", "libno-such-driver.so")
    assert cuda_device_count() == 0
    assert "no CUDA device" in no_cuda_device().reason


def test_the_driver_is_asked_for_the_count(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", driver(2))
    assert cuda_device_count() == 2
    assert no_cuda_device() is None


@pytest.mark.parametrize("failure", [{"started": 100}, {"counted": 999}])
def test_a_driver_that_fails_has_no_device(monkeypatch, failure):
    monkeypatch.setattr("ctypes.CDLL", driver(1, **failure))
    assert cuda_device_count() == 0
