"""A data set by its path, whatever its format, and the images that a network is trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convbench.errors import UsageError
from convbench.training.data_sets.cifar import is_cifar, read_cifar
from convbench.training.data_sets.csv_rows import read_csv_rows
from convbench.training.data_sets.data_set import DataSet, data_set_of_parts
from convbench.training.data_sets.digits import digits
from convbench.training.data_sets.idx import idx_files, read_idx_part
from convbench.training.data_sets.npz import read_npz
from convbench.training.data_sets.places import FORMATS, advice
from convbench_specs import TrainableNetwork

BELOW = ("raw", "MNIST/raw", "FashionMNIST/raw", "fashion-mnist", "cifar-10-batches-py", "mnist.npz")
"""Where a folder that holds no data itself may have them: those that frameworks and Keras make."""


def data_set_for(network: TrainableNetwork, path: Path | None) -> DataSet:
    """The images that the network is trained on: those at `path`, or scikit-learn's digits in the network's size.

    They get the border of the network's recipe. UsageError where images or labels are not those of the network.
    """
    if path is None:
        return _enlarged_digits(network)
    found = read_data_set(path)
    bordered = _with_border(found, network.recipe.image_padding)
    if bordered.image_shape != network.input_shape:
        border = f", {_by(bordered.image_shape)} with the border of the recipe" if network.recipe.image_padding else ""
        raise UsageError(
            f"{path}: holds images of {_by(found.image_shape)}{border}; {network.name} takes {_by(network.input_shape)}"
        )
    if found.class_count > network.class_count:
        largest = f"labels up to {found.class_count - 1}"
        raise UsageError(f"{path}: has {largest}; {network.name} has {network.class_count} classes, from 0 on")
    return bordered


def read_data_set(path: Path) -> DataSet:
    """The data set at a path, a file or a folder; UsageError says what is wrong and what was expected."""
    path = path.expanduser()
    if path.is_dir():
        return _read_folder(path)
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder; {advice()}")
    name = path.name.lower()
    if name.endswith(".npz"):
        return read_npz(path)
    if name.endswith((".csv", ".csv.gz")):
        return read_csv_rows(path)
    raise UsageError(f"{path}: is no data set that can be read by its name; {FORMATS} can be read")


def _read_folder(folder: Path) -> DataSet:
    try:
        if _is_data(folder):
            return _read_data(folder)
        below = [folder / name for name in BELOW if _is_data(folder / name)]
    except OSError as error:
        raise UsageError(f"cannot read {folder}: {error.strerror or error}") from error
    if len(below) > 1:
        names = " and ".join(str(each) for each in below)
        raise UsageError(f"{folder}: holds more than one data set; give one of {names}")
    if not below:
        raise UsageError(f"{folder}: holds no data set; {advice()}")
    return _read_data(below[0])


def _is_data(path: Path) -> bool:
    if path.is_dir():
        return bool(idx_files(path)) or is_cifar(path)
    return path.is_file()


def _read_data(path: Path) -> DataSet:
    if path.is_file():
        return read_npz(path)
    files = idx_files(path)
    if not files:
        return read_cifar(path)
    train, test = (read_idx_part(files, part, path) for part in ("train", "t10k"))
    name = path.parent.name if path.name == "raw" else path.name
    return data_set_of_parts(name, f"the IDX files in {path}", train, test)


def _enlarged_digits(network: TrainableNetwork) -> DataSet:
    shape = network.input_shape
    if len(shape) != 3 or shape[0] != 1:
        what = f"{network.name} takes images of {_by(shape)}"
        raise UsageError(f"{what}, and scikit-learn's digits are grey; give its images by --data PATH: {advice()}")
    found = digits(shape[1], shape[2])
    if found.class_count > network.class_count:
        raise UsageError(f"{network.name} has {network.class_count} classes, and there are 10 digits")
    return found


def _with_border(found: DataSet, width: int) -> DataSet:
    if not width:
        return found
    train, test = (_bordered(images, width) for images in (found.train_images, found.test_images))
    source = f"{found.source}, with a border of {width} pixels of 0"
    return replace(found, train_images=train, test_images=test, source=source)


def _bordered(images: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    return np.pad(images, ((0, 0), (0, 0), (width, width), (width, width)))


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
