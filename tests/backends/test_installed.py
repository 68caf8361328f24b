"""Versions of frameworks without importing them."""

from __future__ import annotations

from importlib.metadata import version

from convbench_backends.shared.installed import installed_version


def test_the_version_is_that_of_the_first_distribution_that_is_there():
    assert installed_version("numpy", "no-such-distribution", "numpy") == version("numpy")


def test_a_module_that_is_not_there_has_no_version():
    assert installed_version("no_such_module", "numpy") is None


def test_a_module_of_no_known_distribution_has_an_unknown_version():
    assert installed_version("numpy", "no-such-distribution") == "unknown"
