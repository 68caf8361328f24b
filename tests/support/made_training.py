"""A training as it would be loaded, made without training anything: a right pair, a wrong backend and a slow one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from convbench.plan.network_table import NetworkTable
from convbench.plan.status import Status
from convbench.results.training import Bound, Deviation, Epoch, MovedRun, ShownImage, Training, TrainingEntrant
from convbench.results.training import WeightDistance as Distance
from convbench.results.training.header import StoredData, StoredSettings, TrainingHeader
from convbench_specs import load_workload, trainable_network

STEPS, EPOCHS = 44, 3
GENERATOR = np.random.default_rng(0)
LOSSES = 2.3 * np.exp(-np.arange(STEPS * EPOCHS) / 30) + 0.02


def entrant(name: str, *, place: int, seconds: float = 0.01, whole: bool = True, **changes) -> TrainingEntrant:
    """An entrant of `seconds` a step that learns as all do, over all epochs or over 12 steps."""
    steps = STEPS * EPOCHS if whole else 12
    times = seconds * (1 + 0.1 * GENERATOR.random(steps))
    epochs = [
        Epoch(
            number=number,
            steps_done=number * STEPS,
            loss=float(LOSSES[(number - 1) * STEPS : number * STEPS].mean()),
            accuracy=0.9 + 0.03 * number,
            test_loss=0.1,
            compute_s=float(times[(number - 1) * STEPS : number * STEPS].sum()),
            renew_s=0.02,
            own_s=0.05,
        )
        for number in range(1, EPOCHS + 1)
    ]
    made = TrainingEntrant(
        name=name,
        version="1.0",
        display_order=place,
        backend=name,
        losses=LOSSES[:steps],
        compute_s=times,
        renew_s=np.full(steps, 5e-4),
        own_s=np.full(steps, 1e-3),
        distances=tuple(Distance(step, step * 1e-17) for step in range(1, min(steps, 101), 10)),
        agreement="agrees",
        agrees_until=100 if whole else 11,
        epochs=tuple(epochs) if whole else (),
        steps_per_epoch=STEPS,
        filters=GENERATOR.standard_normal((16, 1, 3, 3)) if whole else None,
        feature_maps=GENERATOR.random((16, 8, 8)) if whole else None,
        predictions=np.arange(360) % 10 if whole else None,
    )
    return replace(made, **changes)


def made_training(*, entrants: tuple[TrainingEntrant, ...] | None = None, **changes) -> Training:
    """A training of digits_cnn in float64."""
    network = trainable_network(load_workload("digits_cnn"))
    if entrants is None:
        entrants = (
            entrant("numpy-im2col", place=1, distances=(), version="2.3"),
            entrant("numba-cpu", place=2, seconds=0.002),
            entrant(
                "broken",
                place=7,
                losses=LOSSES * 1.5,
                status=Status.WRONG,
                agreement="disagrees",
                agrees_until=2,
                deviation=Deviation(3, "conv2", "dw", "differ in <9> of 9 elements"),
                distances=tuple(Distance(step, 1e-3) for step in range(3, 101, 10)),
                predictions=np.zeros(360, np.int64),
            ),
            entrant("naive", place=0, seconds=4.0, whole=False, stopped="an epoch would take 176 s"),
            entrant("absent", place=8, whole=False, losses=np.empty(0), compute_s=np.empty(0), renew_s=np.empty(0),
                own_s=np.empty(0), distances=(), agreement="not judged", agrees_until=0, status=Status.UNAVAILABLE,
                reason="no <module> of that name"),
        )  # fmt: skip
    header = TrainingHeader(
        command="convbench train --dtype float64 <&>",
        started="2026-11-26T12:00:00+00:00",
        settings=StoredSettings(
            dtype="float64", threads=2, device="cpu", seed=0, within_s=120, timeout_s=600, watch_every=50, moved_runs=2,
            reference="numpy-im2col",
        ),
        network=NetworkTable(name="digits_cnn", layers=[], dense=[10], recipe={}),
        data=StoredData(name="digits", source="scikit-learn's digits", train_images=1_437, test_images=360, digest="0"),
        machine={"processor": "a <fast> one"},
        packages={"numpy": "2.3.0"},
    )  # fmt: skip
    moved = tuple(
        MovedRun(seed, LOSSES * (1 + 0.01 * seed), tuple(Distance(step, seed * 1e-16) for step in range(1, 101, 10)))
        for seed in (1, 2)
    )
    shown = tuple(ShownImage(index, (index + 1) % 10, GENERATOR.random((1, 8, 8))) for index in (4, 17, 33))
    made = Training(
        folder=Path("results/train-1"),
        header=header,
        network=network,
        entrants=entrants,
        moved=moved,
        shown=shown,
        bound=Bound(100, 1e-9),
        elapsed_s=12.0,
    )
    return replace(made, **changes)
