"""A network with a backend in it, its data and its optimizer: what a process holds that trains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.learning.batches import batch_of
from convbench.learning.initialization import moved
from convbench.learning.loss import cross_entropy
from convbench.learning.network import Network
from convbench.learning.optimizers import optimizer_of
from convbench.learning.parameters import Parameters, initialize, parts_of
from convbench.measure.clock import now_ns, seconds_since
from convbench.verify.bounds.dtypes import numpy_dtype
from convbench.workers.training.files import STATE
from convbench.workers.training.layer import BackendLayer, Seconds, Watcher
from convbench.workers.training.watch import Watch
from convbench_specs import Backend, Conv, DType
from convbench_specs.training import CaseLayer, TrainableNetwork

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Data:
    """Images float32 (N, C, H, W) and labels int64 (N,), mapped from files."""

    train_images: Array
    train_labels: NDArray[np.int64]
    test_images: Array
    test_labels: NDArray[np.int64]

    @classmethod
    def mapped(cls, folder: Path) -> Data:
        """The data of a folder, read-only; only the parts that a step needs are read."""
        names = ("train_images", "train_labels", "test_images", "test_labels")
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names))


@dataclass(frozen=True, slots=True)
class StepTaken:
    """The loss of a step before its weights moved, and its seconds by what they were spent on."""

    loss: float
    compute_s: float
    renew_s: float
    own_s: float


class Trainee:
    """Trains step by step; UnsupportedLayerError where the backend does not do a layer."""

    def __init__(
        self, network: TrainableNetwork, dtype: DType, data: Data, backend: Backend, *, seed: int, moves: int = 0
    ) -> None:
        """`moves` is the seed by which first weights are moved by one unit in the last place; 0: they are not."""
        self._batch_size, self._dtype = network.recipe.batch_size, numpy_dtype(dtype)
        self._data, self._seed = data, seed
        parts = parts_of(network, self._dtype)
        self._weights, self._gradients = Parameters(parts, self._dtype), Parameters(parts, self._dtype)
        initialize(self._weights, network, seed=seed)
        if moves:
            self._weights.vector[...] = moved(self._weights.vector, seed=moves)
        self._optimizer = optimizer_of(network.recipe, self._weights.vector.size, self._dtype)
        self._seconds = Seconds()
        self._watcher = Watcher()
        self.layers: list[BackendLayer] = []
        """Those that the backend computes."""

        def make_layer(layer: CaseLayer, weights: Parameters, gradients: Parameters) -> BackendLayer:
            made = BackendLayer(
                layer,
                weights,
                gradients,
                backend=backend,
                batch_size=self._batch_size,
                seconds=self._seconds,
                watcher=lambda: self._watcher,
            )
            self.layers.append(made)
            return made

        self._network = Network(network, self._weights, self._gradients, make_layer)
        self.steps_done = 0

    def step(self, watch: Watch | None = None) -> StepTaken:
        """Carry out the next step."""
        begin = now_ns()
        self._seconds.compute_s = self._seconds.renew_s = 0.0
        self._watcher = Watcher() if watch is None else watch
        images = self._data.train_images
        batch = batch_of(self.steps_done + 1, len(images), self._batch_size, seed=self._seed)
        loss = self._network.loss(images[batch].astype(self._dtype), self._data.train_labels[batch])
        for layer in self.layers:
            layer.collect()
        self._optimizer.step(self._weights.vector, self._gradients.vector)
        self.steps_done += 1
        self._watcher = Watcher()
        compute_s, renew_s = self._seconds.compute_s, self._seconds.renew_s
        return StepTaken(loss, compute_s, renew_s, seconds_since(begin) - compute_s - renew_s)

    def classify(self) -> tuple[NDArray[np.int64], float]:
        """The class that each held-out image is given, and their mean loss."""
        labels, classes, total = self._data.test_labels, [], 0.0
        for start, images in self._batches(self._data.test_images):
            own = labels[start : start + self._batch_size]
            outputs = self._network.outputs(images)[: len(own)]
            classes.append(outputs.argmax(axis=1))
            total += len(own) * cross_entropy(outputs, own)[0]
        return np.concatenate(classes).astype(np.int64), total / len(labels)

    def keep_weights(self, path: Path) -> None:
        """Write all weights as one vector."""
        np.save(path, self._weights.vector)

    def keep(self, folder: Path) -> None:
        """Write the weights and the optimizer's state into a folder that is made."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{STATE}.npy", self._weights.vector)
        for name, vector in self._optimizer.state.items():
            np.save(folder / f"{name}.npy", vector)

    def restore(self, folder: Path, steps_done: int) -> None:
        """Go on from what `keep` wrote; OSError or ValueError where that is not there or of another network."""
        vectors = {STATE: self._weights.vector, **self._optimizer.state}
        for name, vector in vectors.items():
            stored = np.load(folder / f"{name}.npy", allow_pickle=False)
            if stored.shape != vector.shape or stored.dtype != vector.dtype:
                raise ValueError(f"{folder / name}.npy is of another network")
            vector[...] = stored
        self.steps_done = steps_done

    def draw(self, image: int) -> tuple[Array, Array] | None:
        """The filters of the first convolution and its y for one held-out image; None without a convolution."""
        for layer in self.layers:
            if isinstance(layer.case.operation, Conv):
                _, images = next(self._batches(self._data.test_images[image : image + 1]))
                x = images
                for before in self._network.layers:
                    x = before.forward(x)
                    if before is layer:
                        return np.array(self._weights.of(layer.name)["w"]), np.array(x[0])
        return None

    def _batches(self, images: Array) -> Iterator[tuple[int, Array]]:
        """Batches of the size that the layers are prepared for; the last one is filled up with images of 0."""
        for start in range(0, len(images), self._batch_size):
            batch = np.zeros((self._batch_size, *images.shape[1:]), self._dtype)
            part = images[start : start + self._batch_size]
            batch[: len(part)] = part
            yield start, batch
