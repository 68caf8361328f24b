"""What a sweep costs the computer that conducts it: seconds and memory by number of jobs and machines.

    python tests/benchmarks/sweep_scale.py --jobs 10000 --machines 1000
    python tests/benchmarks/sweep_scale.py --jobs 2000 --machines 16 --dask      # through a real scheduler of dask

Machines are simulated and answer in milliseconds with a small run, so what is seen is what the sweep itself does: it
hands out jobs, unpacks and checks runs, and keeps them. The same is done for an eighth, a quarter and a half.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from simulated_machines import SimulatedEngine
from swept import STUB, begun, jobs

from convbench.sweep.conductor import Conductor, Pace
from convbench.sweep.engines.dask_engine import DaskEngine
from convbench.sweep.on_machine.folders import packed

ANSWER_S = 0.005


def run_of_stub(folder: Path) -> bytes:
    """A small run, packed."""
    subprocess.run([*STUB, "compare", "quick", "--output", str(folder)], check=True)
    return packed(folder)


async def conducted(folder, machines: int, archive: bytes, *, dask: bool) -> None:
    """The sweep of a folder."""
    pace = Pace(machine_s=30.0)
    if not dask:
        await Conductor(folder, SimulatedEngine(machines, archive, ANSWER_S), _drop, pace=pace).conduct()
        return
    import distributed

    async with distributed.LocalCluster(
        n_workers=machines, threads_per_worker=1, processes=False, asynchronous=True, dashboard_address=None,
        worker_dashboard_address=None, resources={"machine": 1}, protocol="tcp://", silence_logs=50,
    ) as cluster, distributed.Client(cluster, asynchronous=True) as client:  # fmt: skip
        engine = DaskEngine([client])
        engine.measure = SimulatedThroughDask(client, archive).measure
        await Conductor(folder, engine, _drop, pace=pace).conduct()


class SimulatedThroughDask:
    """Submits an order as DaskEngine does, for a worker that answers at once."""

    def __init__(self, client, archive: bytes) -> None:
        self.client, self.archive = client, archive

    async def measure(self, machine, order):
        """What the worker answers."""
        return await self.client.submit(
            answer, order, self.archive, key=order.job.id, workers=[machine.address],
            resources={order.job.kind: 1}, pure=False,
        )  # fmt: skip


def answer(order, archive):
    """On a worker."""
    from convbench.sweep.on_machine.messages import Description, Measured

    return Measured(description=Description(), exit_code=0, archive=archive)


def _drop(_: str) -> None:
    """What a sweep says goes nowhere."""


def main() -> None:
    """Print a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--machines", type=int, default=1_000)
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--one", action="store_true", help="only this size: each is measured in a process of its own")
    asked = parser.parse_args()
    if not asked.one:
        print("| jobs | machines | seconds | ms a job | peak memory, MB |\n|---|---|---|---|---|", flush=True)
        for share in (8, 4, 2, 1):
            size = ["--jobs", str(asked.jobs // share), "--machines", str(max(1, asked.machines // share))]
            subprocess.run([sys.executable, __file__, *size, "--one", *(["--dask"] if asked.dask else [])], check=True)
        return
    with tempfile.TemporaryDirectory(prefix="convbench-") as name:
        archive = run_of_stub(Path(name) / "run")
        folder = begun(Path(name) / "sweep", jobs(asked.jobs))
        begin = time.monotonic()
        asyncio.run(conducted(folder, asked.machines, archive, dask=asked.dask))
        took_s = time.monotonic() - begin
        assert not folder.missing()
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        row = (asked.jobs, asked.machines, f"{took_s:.1f}", f"{1e3 * took_s / asked.jobs:.2f}", f"{peak / 1e6:.0f}")
        print("|", " | ".join(map(str, row)), "|", flush=True)


if __name__ == "__main__":
    main()
