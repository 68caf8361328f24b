"""Connects to dask's clusters, and starts them: by ssh, or as jobs of a queueing system.

dask is imported only here, when a cluster is asked for: it is the extra `distributed`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

from convbench.errors import UsageError
from convbench.sweep.engines.dask_engine import DaskEngine
from convbench.sweep.engines.engine import Engine
from convbench.sweep.engines.queue_config import QueuedKind, System

CONNECT_S = 10.0
NO_DASHBOARD = {"dashboard": False, "dashboard_address": ":0"}
"""A page about tasks tells little of a sweep, and its usual port may be taken."""
EXTRA = 'pip install "convbench[distributed]"'
WITHOUT_PROFILER = {"distributed.worker.profile.enabled": False}
"""A worker looks 100 times a second where its task is, which is none of its business while something is measured."""
PROLOGUE = "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False"
"""The same for a job of a queue."""
Starting = Callable[[Sequence[str]], Awaitable[Engine]]
"""Makes an engine, given the kinds of machine that are wanted."""


def at_scheduler(address: str) -> Starting:
    """Workers that others have started, of a scheduler that is running."""
    _imported("distributed", "--scheduler")

    async def start(_: Sequence[str]) -> Engine:
        return DaskEngine([await _client(address)])

    return start


def by_ssh(hosts: Sequence[str], python: str | None) -> Starting:
    """A worker on each host, and a scheduler beside the first; all are of the one kind that is wanted."""
    distributed = _imported("distributed", "--ssh")
    _imported("asyncssh", "--ssh")

    async def start(kinds: Sequence[str]) -> Engine:
        if len(kinds) > 1:
            raise UsageError(
                f"--ssh starts machines of one kind, and the plan has {', '.join(kinds)}: "
                "start workers by hand, each with --resources KIND=1, and name their --scheduler"
            )
        _imported("dask", "--ssh").config.set(WITHOUT_PROFILER)  # it is sent to the workers
        try:
            cluster = await distributed.SSHCluster(
                [hosts[0], *hosts],
                worker_options={"nthreads": 1, "resources": dict.fromkeys(kinds, 1)},
                scheduler_options=dict(NO_DASHBOARD),
                remote_python=python,
                asynchronous=True,
            )
        except Exception as error:  # asyncssh, dask and the hosts fail in any way they like
            raise UsageError(f"cannot start workers on {', '.join(hosts)}: {error}") from error
        return DaskEngine([await _client(cluster, "the scheduler")], [cluster])

    return start


def in_queue(system: System, wanted: Sequence[QueuedKind]) -> Starting:
    """Workers as jobs of Slurm, PBS or LSF: a cluster for each kind, its scheduler in this process."""
    jobqueue = _imported("dask_jobqueue", f"--{system}")
    make = {"slurm": jobqueue.SLURMCluster, "pbs": jobqueue.PBSCluster, "lsf": jobqueue.LSFCluster}[system]

    async def start(kinds: Sequence[str]) -> Engine:
        if unknown := set(kinds) - {each.kind for each in wanted}:
            raise UsageError(f"--{system}: the file has no table for machines of kind {', '.join(sorted(unknown))}")
        async with AsyncExitStack() as undo:
            clients, clusters = [], []
            for each in wanted:
                if each.kind not in kinds:
                    continue
                cluster = await _queued(make, each, system)
                undo.push_async_callback(cluster.close)
                clusters.append(cluster)
                clients.append(await _client(cluster, f"the scheduler for {each.kind}"))
            undo.pop_all()
            return DaskEngine(clients, clusters)

    return start


async def _queued(make: Any, wanted: QueuedKind, system: System) -> Any:
    """A cluster whose jobs have a worker each, and are asked for again when they are lost."""
    keywords = dict(wanted.keywords)
    extra, prologue = keywords.pop("worker_extra_args", []), keywords.pop("job_script_prologue", [])
    assert isinstance(extra, list)
    assert isinstance(prologue, list)
    scheduler = {"host": wanted.scheduler_host} if wanted.scheduler_host else {}
    try:
        cluster = await make(
            processes=1,
            worker_extra_args=[*extra, "--resources", f"{wanted.kind}=1"],
            job_script_prologue=[PROLOGUE, *prologue],
            scheduler_options={**NO_DASHBOARD, **scheduler},
            asynchronous=True,
            **keywords,
        )
        cluster.adapt(minimum=wanted.machines, maximum=wanted.machines)
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise UsageError(f"cannot ask {system} for machines of kind {wanted.kind}: {error}") from error
    return cluster


async def _client(cluster: Any, what: str = "") -> Any:
    """A client of a cluster or of the scheduler at an address; UsageError where it cannot be reached."""
    distributed = _imported("distributed", "--scheduler")
    for name in ("distributed", "distributed.client", "distributed.core", "distributed.comm"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what is wrong is told once, by us
    try:
        return await distributed.Client(cluster, asynchronous=True, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(
            f"cannot reach the scheduler {what or cluster}: {error}\n"
            "start one there: dask scheduler, and a worker on each machine: "
            "dask worker ADDRESS --nthreads 1 --resources machine=1"
        ) from error


def _imported(name: str, option: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise UsageError(f"{option} needs the package {name.replace('_', '-')}: {EXTRA}") from error
