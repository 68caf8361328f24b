"""Workers with one case prepared in each, for scripts that time them in an order of their own."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from convbench.machine.facts import usable_cores
from convbench.plan.items import Item
from convbench.plan.settings import RunSettings
from convbench.verify import make_tensors
from convbench.workers import protocol
from convbench.workers.arrays import scratch_folder, write_tensors
from convbench.workers.environment import allocator_environment
from convbench.workers.failure import Failure
from convbench.workers.plugins import find_backends
from convbench.workers.session import BackendSession
from convbench_specs import PASSES, load_workload


def case_parser(description: str, *, case: str, pass_name: str, seconds: float) -> argparse.ArgumentParser:
    """A parser that knows what prepared_workers reads, the pass, and for how long to measure."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--case", default=case, help="of the quick workload")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--pass", dest="pass_name", choices=PASSES, default=pass_name)
    parser.add_argument("--backends", default="numpy-im2col,numba-cpu,pytorch,tensorflow,jax")
    parser.add_argument("--threads", type=int, default=len(usable_cores()))
    parser.add_argument("--allocator", choices=("default", "tuned"), default="default")
    parser.add_argument("--seconds", type=float, default=seconds)
    return parser


def answer(session, request):
    """What a worker answers; SystemExit where the backend fails."""
    reply = session.ask(request)
    if isinstance(reply, Failure):
        raise SystemExit(f"{session.name}: {reply.reason}")
    return reply


def warmed_up(session, pass_name, sample_s):
    """Calls that fill a sample, by a warm-up; the worker is stopped after it."""
    loops = answer(session, protocol.WarmUp(pass_name=pass_name, sample_s=sample_s, limit_s=1.0)).loops
    session.suspend()
    return loops


@contextmanager
def prepared_workers(asked, processes: int = 1) -> Iterator[list[BackendSession]]:
    """So many workers of each backend, stopped. `asked` has backends, case, batch_size, threads and allocator."""
    case = next(case for case in load_workload("quick").cases if case.name == asked.case)
    item = Item("quick", case, asked.batch_size)
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="convbench-")))
        paths = write_tensors(scratch, make_tensors(case, asked.batch_size, seed=0))
        workers, settings = [], RunSettings(threads=asked.threads)
        purpose = allocator_environment(asked.allocator)
        for entry in find_backends().select(asked.backends.split(",")):
            for _ in range(processes):
                session = BackendSession(entry, settings, log=folder / "log", scratch=scratch, purpose=purpose)
                stack.callback(session.stop)
                session.prepare(item, paths)
                session.suspend()
                workers.append(session)
        yield workers
