"""A real dask cluster of processes on 127.0.0.1, each worker as a machine of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
from paths import TESTS

from convbench.workers.channel.leftovers import end_marked, new_mark

PATIENCE_S = 60.0
CHILD = "convbench.sweep.on_machine.child"


class DaskCluster:
    """A scheduler and workers, which can be killed and started again; to be used in a with statement."""

    def __init__(self, folder: Path, workers: int, *, nanny: bool, kinds: tuple[str, ...] = ("machine",)) -> None:
        self.folder, self.count, self.nanny, self.kinds = folder, workers, nanny, kinds
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.mark = new_mark()
        self.processes: dict[str, subprocess.Popen] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill()
        end_marked(self.mark)
        for process in self.processes.values():
            process.wait()

    def start(self) -> None:
        """Start whatever does not run, and wait until all workers are known to the scheduler."""
        self._start("scheduler", ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port)])
        for number in range(self.count):
            kind = self.kinds[number % len(self.kinds)]
            self._start(
                f"worker-{number}",
                ["distributed.cli.dask_worker", self.address, "--host", "127.0.0.1", "--nthreads", "1",
                 "--resources", f"{kind}=1", "--nanny" if self.nanny else "--no-nanny", "--death-timeout", "30"],
            )  # fmt: skip

        assert until(lambda: all("Registered to" in (self.folder / f"worker-{number}" / "log").read_text()
                                 for number in range(self.count)))  # fmt: skip

    def _start(self, name: str, words: list[str]) -> None:
        running = self.processes.get(name)
        if running is not None and running.poll() is None:
            return
        own = self.folder / name
        own.mkdir(exist_ok=True)
        paths = [str(TESTS / "support"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            **self.mark,
            "PYTHONPATH": os.pathsep.join(paths),
            "CONVBENCH_CACHE_DIR": str(own / "cache"),
            "CONVBENCH_MACHINE_LOCK": str(own / "lock"),
            "STUB_NAME": name,
        }
        with (own / "log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *words, "--no-dashboard"],
                cwd=own, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill the scheduler, or the process of a worker in which jobs are: with a nanny, that is its child."""
        process = self.processes[name]
        victim = process.pid
        if name != "scheduler" and self.nanny:
            with suppress(psutil.Error):
                children = [each.pid for each in psutil.Process(process.pid).children()
                            if "multiprocessing.spawn" in " ".join(each.cmdline())]  # fmt: skip
                victim = children[0] if children else victim
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        if victim == process.pid:
            process.wait()

    def kill_all(self) -> None:
        """Kill whatever was started here, as a power cut does; what it has started must end by itself."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        assert until(lambda: not processes_of(self.mark), 20.0), processes_of(self.mark)

    def await_end(self) -> None:
        """Wait until every process has ended that has lost its scheduler."""
        for process in self.processes.values():
            process.wait(PATIENCE_S)

    def measuring(self) -> list[int]:
        """Processes of jobs that are alive, of any worker."""
        return [pid for pid, line in processes_of(self.mark).items() if "stub_convbench" in line or CHILD in line]


def processes_of(mark: dict[str, str]) -> dict[int, str]:
    """Processes that were started with a mark and are alive, with their command lines."""
    (variable, value), *_ = mark.items()
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(variable) == value and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(process.cmdline())
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition, patience_s: float = PATIENCE_S) -> bool:
    """Whether a condition comes true in time."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())
