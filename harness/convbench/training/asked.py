"""A training that can begin: its call, its files and who takes part were checked, and its header is written of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from convbench.errors import UsageError
from convbench.machine.facts import machine_facts, package_versions
from convbench.machine.identity import machine_identity
from convbench.plan.network_table import NetworkTable, network_of
from convbench.results.training.header import StoredData, StoredSettings, TrainingHeader
from convbench.run.header import command_line
from convbench.training.data_sets import DataSet, data_set_for
from convbench.training.entrants import Entered, entered
from convbench.training.settings import TrainingSettings
from convbench.workers.plugins import Registry
from convbench_specs import DType
from convbench_specs.training import TrainableNetwork

DEFAULT_DTYPE: DType = "float64"
"""In it the weights of right backends stay together for so many steps that a fault is told from rounding."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is trained, on which images, by whom."""

    settings: TrainingSettings
    table: NetworkTable
    network: TrainableNetwork
    data: DataSet
    entered: Entered
    header: TrainingHeader


def asked_of(settings: TrainingSettings, table: NetworkTable, registry: Registry, plugins: Sequence[str]) -> Asked:
    """Check a call; ConvbenchError where anything of it cannot be. `table` has the recipe that is followed."""
    dtype: DType = settings.dtype or DEFAULT_DTYPE
    network = network_of(table, dtype)
    data = data_set_for(network, Path(settings.data) if settings.data else None)
    images, batch_size = len(data.train_labels), network.recipe.batch_size
    if images < batch_size:
        raise UsageError(f"{data.source}: {images:,} images to train on are fewer than a batch of {batch_size:,}")
    takes_part = entered(settings, registry)
    header = TrainingHeader(
        command=command_line("convbench.train"),
        started=datetime.now().astimezone().isoformat(timespec="seconds"),
        settings=_stored(settings, dtype, takes_part.reference.backend.name, plugins),
        network=table,
        data=StoredData(
            name=data.name,
            source=data.source,
            train_images=images,
            test_images=len(data.test_labels),
            digest=digest_of(data),
        ),
        machine=dict(machine_facts()),
        identity=machine_identity(),
        packages=dict(package_versions(registry.packages)),
    )
    return Asked(settings, table, network, data, takes_part, header)


def digest_of(data: DataSet) -> str:
    """A short number of all images and labels: a training goes on only with the same ones."""
    found = hashlib.blake2b(digest_size=16)
    for array in (data.train_images, data.train_labels, data.test_images, data.test_labels):
        found.update(repr((array.shape, array.dtype.str)).encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def settings_of(stored: StoredSettings, network: str) -> TrainingSettings:
    """The settings that a header keeps, for a network whose recipe it keeps as well."""
    return TrainingSettings(
        network=network,
        data=stored.data,
        backends=None if stored.backends is None else tuple(stored.backends),
        entrants=tuple(stored.entrants),
        dtype=stored.dtype,
        threads=stored.threads,
        device=stored.device,
        seed=stored.seed,
        within_s=stored.within_s,
        timeout_s=stored.timeout_s,
        watch_every=stored.watch_every,
        moved_runs=stored.moved_runs,
        reference=stored.reference,
    )


def _stored(settings: TrainingSettings, dtype: DType, reference: str, plugins: Sequence[str]) -> StoredSettings:
    return StoredSettings(
        dtype=dtype,
        threads=settings.threads,
        device=settings.device,
        seed=settings.seed,
        within_s=settings.within_s,
        timeout_s=settings.timeout_s,
        watch_every=settings.watch_every,
        moved_runs=settings.moved_runs,
        reference=reference,
        backends=None if settings.backends is None else list(settings.backends),
        entrants=list(settings.entrants),
        plugins=list(plugins),
        data=settings.data,
    )
