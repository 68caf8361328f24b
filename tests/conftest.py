"""Fixtures that more than one module needs."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from known_limits import keep_known_limits

# The same examples in every run, so that a change is judged by itself; on a busy machine an example may take any time.
# `pytest --hypothesis-seed=random` draws others.
hypothesis.settings.register_profile("the same everywhere", deadline=None, derandomize=True)
hypothesis.settings.load_profile("the same everywhere")


def pytest_configure(config: pytest.Config) -> None:
    """One folder for what Numba compiles, for all processes of this session: each kernel takes it seconds.

    It is new, since Numba does not see that a kept kernel is stale when only a part of it was edited.
    """
    if hasattr(config, "workerinput"):  # of pytest-xdist: it inherits the folder
        return
    folder = tempfile.TemporaryDirectory(prefix="convbench-kernels-", ignore_cleanup_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = folder.name
    config.add_cleanup(folder.cleanup)


@pytest.fixture(scope="module", autouse=True)
def objects_of_earlier_modules_stay() -> None:
    """Spare the collector what is there already: frameworks and reports are millions of objects.

    A measurement collects garbage first, which took it seconds in a process that had run thousands of tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder for the tests, and for what they start: what they measure under load is nobody else's.

    It holds limits of this machine, so that only the tests of limits measure any.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVBENCH_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        keep_known_limits()
        yield


@pytest.fixture
def plugins() -> Path:
    """Folder of the plug-ins that tests use."""
    return Path(__file__).parent / "plugins"


def _missing_browser() -> str:
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in found.items() if path is None]
    return f"{' and '.join(missing)} not found (Debian packages chromium and chromium-driver)" if missing else ""


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without a window: Debian's chromium with chromium-driver.

    Where it is missing its tests are skipped, and fail under CI=true.
    """
    missing = _missing_browser()
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    profile = tmp_path_factory.mktemp("chromium")
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking",
                 "window-size=1280,1000", f"user-data-dir={profile}"):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    # without a window a page may be told that another one has the focus; then nothing on it shows a ring
    driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    yield driver
    driver.quit()
