"""Where data sets usually lie on a disk, for the message to a user who has none at hand. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

USUAL = (
    "~/.keras/datasets/mnist.npz",
    "~/.keras/datasets/fashion-mnist",
    "~/.keras/datasets/cifar-10-batches-py",
    "~/.cache/mnist",
    "./data/MNIST/raw",
    "./data/FashionMNIST/raw",
    "./data/cifar-10-batches-py",
    "/usr/share/datasets/fashion-mnist",
)
"""Those in ./data are where a framework's loaders put them, and the last is where Debian does."""
DEBIAN = "/usr/share/datasets/fashion-mnist, from the package dataset-fashion-mnist"
FORMATS = (
    "IDX files (train-images-idx3-ubyte and the others, plain or .gz) in a folder, mnist.npz, the batches of CIFAR-10 "
    "for Python, or a CSV file"
)


def advice() -> str:
    """What may be given, where it usually lies, and which of these places exist on this machine."""
    here = [place for place in USUAL if Path(place).expanduser().exists()]
    usual = f"usual places are {', '.join(USUAL[:-1])} and, on Debian, {DEBIAN}"
    found = f"on this machine there are {', '.join(here)}" if here else usual
    return f"{FORMATS} can be read; {found}; nothing is downloaded"
