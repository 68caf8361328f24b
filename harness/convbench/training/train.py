"""What a script or notebook calls, and the command line too: train.

training = convbench.train("mnist_cnn", data="~/.keras/datasets/mnist.npz", backends=["numba-cpu", "pytorch"])
training.entrant("pytorch").accuracy
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from convbench.errors import RunInterrupted, UsageError
from convbench.plan.entrants import Entrant
from convbench.plan.network_table import network_table
from convbench.report.training.files import write_training
from convbench.results.training.journal import TrainingJournal
from convbench.results.training.loading import load_training
from convbench.results.training.training import Training
from convbench.run.folders import new_folder
from convbench.run.notebook import usual_observer
from convbench.run.observer import Observer
from convbench.training.asked import asked_of
from convbench.training.carrying_out import carry_out
from convbench.training.resume import Stored, refuse_differences, stored_training
from convbench.training.settings import TrainingSettings
from convbench.workers.plugins import find_backends
from convbench_specs import ConvbenchError, Device, DType, load_workload
from convbench_specs.recipe import OptimizerName
from convbench_specs.training import trainable_network

DEFAULT_FOLDER = Path("results")


def train(
    network: str | Path | None = None,
    *,
    data: str | Path | None = None,
    backends: str | Sequence[str] | None = None,
    entrants: str | Entrant | Sequence[str | Entrant] | None = None,
    reference: str | None = None,
    dtype: DType | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    optimizer: OptimizerName | None = None,
    learning_rate: float | None = None,
    threads: int | None = None,
    device: Device | None = None,
    seed: int | None = None,
    within_s: float | None = None,
    timeout_s: float | None = None,
    watch_every: int | None = None,
    moved_runs: int | None = None,
    output: str | Path | None = None,
    resume: str | Path | None = None,
    plugins: str | Iterable[str] = (),
    observer: Observer | None = None,
) -> Training:
    """Train a network with several backends, and hold them against each other; returns the training, in its folder.

    `network` is a workload by name or a TOML file, with a [training] table (default: digits_cnn), `data` where its
    images are (default: scikit-learn's digits). Of the network the backends compute the convolutions, pools and
    flattens; all else is convbench's own. What is None is left to the recipe of the network, or to TrainingSettings,
    where every setting is explained; dtype is float64 by default.

    `output` is the folder of the training, which must hold none yet (default: a new one, results/train-DATE-TIME),
    `plugins` are modules or .py files with backends, and `observer` is told how it goes. `resume` is the folder of a
    training that was killed or interrupted: it goes on after the last epoch that all entrants had ended, with its own
    settings; only within_s may be given with it.

    Raises ConvbenchError where the call or a file is at fault, before anything is trained.
    """
    begin = time.monotonic()
    asked = {
        "network": None if network is None else str(network),
        "data": None if data is None else str(Path(data).expanduser().absolute()),
        "backends": _several(backends),
        "entrants": None if entrants is None else tuple(str(each) for each in _several(entrants) or ()),
        "reference": reference,
        "dtype": dtype,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "threads": threads,
        "device": device,
        "seed": seed,
        "within_s": within_s,
        "timeout_s": timeout_s,
        "watch_every": watch_every,
        "moved_runs": moved_runs,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    named, told = _several(plugins) or (), observer or usual_observer()
    if resume is None:
        settings = TrainingSettings(**given)
        return _new(settings, named, output, told, begin)
    others = [name for name in given if name != "within_s"]
    if output is not None or others:
        raise UsageError(f"--resume goes on with its own settings: leave out {', '.join(others or ['--output'])}")
    return _go_on(stored_training(Path(resume)), within_s, named, told, begin)


def _new(
    settings: TrainingSettings, plugins: Sequence[str], output: str | Path | None, observer: Observer, begin: float
) -> Training:
    registry = find_backends(plugins).demand(plugins)
    workload = load_workload(settings.network, registry.workloads)
    recipe = settings.followed(trainable_network(workload).recipe)
    asked = asked_of(settings, network_table(workload, recipe), registry, plugins)
    folder = new_folder(DEFAULT_FOLDER, "train") if output is None else Path(output)
    with TrainingJournal.begin(folder, asked.header) as journal, _interruptible(folder):
        for found in asked.entered.found:
            journal.write(found)
        carry_out(asked, journal, observer, begin)
    return _written(folder)


def _go_on(
    stored: Stored, within_s: float | None, plugins: Sequence[str], observer: Observer, begin: float
) -> Training:
    if stored.is_finished:
        observer.note(f"{stored.folder} is finished: nothing is trained")
        return _written(stored.folder)
    named = tuple(dict.fromkeys([*stored.header.settings.plugins, *plugins]))
    settings = stored.settings if within_s is None else replace(stored.settings, within_s=within_s)
    asked = asked_of(settings, stored.header.network, find_backends(named).demand(named), named)
    refuse_differences(stored, asked.header)
    with TrainingJournal.go_on(stored.folder) as journal, _interruptible(stored.folder):
        for found in asked.entered.found:
            if found.entrant not in stored.state.entrants:
                journal.write(found)
        carry_out(asked, journal, observer, begin, stored)
    return _written(stored.folder)


@contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    """Ctrl-C inside says in which folder the training is, with the files of what there is."""
    try:
        yield
    except KeyboardInterrupt as error:
        with suppress(ConvbenchError):
            _written(folder)
        raise RunInterrupted(folder) from error


def _several(value: Any) -> Any:  # a setting of any type
    if isinstance(value, (str, Entrant)):
        return (value,)
    return value if value is None else tuple(value)


def _written(folder: Path) -> Training:
    training = load_training(folder)
    write_training(training)
    return training
