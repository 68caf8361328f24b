"""The process that trains. Started as `python -m convbench.workers.training.serving train FD`.

The whole step runs here: only losses, seconds and names of files go to the host. What a process does otherwise is in
workers/serving.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from convbench.measure.clock import now_ns, seconds_since
from convbench.plan.network_table import network_of
from convbench.workers import protocol
from convbench.workers.contract import prediction_of
from convbench.workers.serving import run_process
from convbench.workers.training import messages
from convbench.workers.training.files import FEATURE_MAPS, FILTERS, PREDICTIONS, weights_file
from convbench.workers.training.layer import UnsupportedLayerError
from convbench.workers.training.trainee import Data, Trainee
from convbench.workers.training.watch import Watch
from convbench.workers.worker import Worker
from convbench_specs import Backend
from convbench_specs.training import TrainableNetwork


class TrainingWorker:
    """Answers the requests of messages.py."""

    def __init__(self) -> None:
        self._worker = Worker()
        self._trainee: Trainee | None = None

    @property
    def backend(self) -> Backend | None:
        """The backend, once it is loaded."""
        return self._worker.backend

    def answer(self, request: messages.AnyTrainingRequest) -> protocol.Reply:
        """The reply to any request; what the backend raises passes through."""
        return _METHODS[type(request)](self, request)

    def start(self, request: protocol.Start) -> protocol.Started:
        """Start the backend."""
        return self._worker.start(request)

    def prepare(self, request: messages.PrepareTraining) -> protocol.Reply:
        """Prepare every layer; Declined where the backend does not do one."""
        backend, begin = self._worker.backend, now_ns()
        if backend is None:
            raise RuntimeError("start comes first")
        network, data = network_of(request.network, request.dtype), Data.mapped(Path(request.data))
        try:
            trainee = Trainee(network, request.dtype, data, backend, seed=request.seed, moves=request.moves)
        except UnsupportedLayerError as unsupported:
            return protocol.Declined(reason=str(unsupported))
        self._trainee = trainee
        return messages.Prepared(
            prepare_s=seconds_since(begin),
            predicted_step_s=_predicted_step_s(backend, network),
            algorithms={layer.name: layer.algorithm for layer in trainee.layers},
            without_update=[layer.name for layer in trainee.layers if not layer.can_update],
        )

    def train(self, request: messages.Train) -> messages.Trained:
        """Carry out steps."""
        trainee, folder, taken, watched = self._held, Path(request.folder), [], []
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(request.steps):
            number = trainee.steps_done + 1
            watch = Watch() if number in request.watched else None
            taken.append(trainee.step(watch))
            if watch is not None:
                watched.append(watch.write(folder, number))
            if number in request.kept:
                trainee.keep_weights(weights_file(folder, number))
        return messages.Trained(
            steps_done=trainee.steps_done,
            losses=[step.loss for step in taken],
            times=messages.PartTimes(
                compute_s=[step.compute_s for step in taken],
                renew_s=[step.renew_s for step in taken],
                own_s=[step.own_s for step in taken],
            ),
            watched=watched,
        )

    def evaluate(self, request: messages.Evaluate) -> messages.Evaluated:
        """Classify the held-out images."""
        classes, loss = self._held.classify()
        folder = Path(request.folder)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / PREDICTIONS, classes)
        return messages.Evaluated(loss=loss)

    def keep(self, request: messages.KeepState) -> messages.StateKept:
        """Write the state to files."""
        self._held.keep(Path(request.folder))
        return messages.StateKept()

    def restore(self, request: messages.RestoreState) -> messages.StateRestored:
        """Take the state of files."""
        self._held.restore(Path(request.folder), request.steps_done)
        return messages.StateRestored()

    def draw(self, request: messages.Draw) -> messages.Drawn:
        """Write what the first convolution has learned, and what it makes of an image."""
        drawn, folder = self._held.draw(request.image), Path(request.folder)
        if drawn is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for name, array in zip((FILTERS, FEATURE_MAPS), drawn, strict=True):
                np.save(folder / name, array)
        return messages.Drawn(has_filters=drawn is not None)

    @property
    def _held(self) -> Trainee:
        if self._trainee is None:
            raise RuntimeError("prepare_training comes first")
        return self._trainee


# each request is handed to the method for its own type
_METHODS: Mapping[type[messages.AnyTrainingRequest], Callable[[TrainingWorker, Any], protocol.Reply]] = {
    protocol.Start: TrainingWorker.start,
    messages.PrepareTraining: TrainingWorker.prepare,
    messages.Train: TrainingWorker.train,
    messages.Evaluate: TrainingWorker.evaluate,
    messages.KeepState: TrainingWorker.keep,
    messages.RestoreState: TrainingWorker.restore,
    messages.Draw: TrainingWorker.draw,
}


def _predicted_step_s(backend: Backend, network: TrainableNetwork) -> float | None:
    """Seconds that the backend says a step will take; None where it cannot tell for some layer."""
    total = 0.0
    for layer in network.cases:
        predicted = prediction_of(backend.predict_s(layer.case, network.recipe.batch_size, "both"), "both")
        if predicted is None:
            return None
        total += predicted
    return total


if __name__ == "__main__":
    run_process(TrainingWorker(), messages.AnyTrainingRequest)
