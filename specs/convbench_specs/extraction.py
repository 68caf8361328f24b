"""What an extractor must offer: it reads a framework's model, and tells the layers that convbench can measure.

An extractor traces one forward pass on inputs of a given shape. It tells every convolution, pool and flatten in the
order of the calls: those that a case can express as layers, the others as LeftOut with the reason. Nothing is dropped
in silence. It never loads a framework before it is asked for a model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from convbench_specs.errors import ConvbenchError
from convbench_specs.workload import Layer


class ExtractionError(ConvbenchError):
    """A model that cannot be read or traced; the text says what and where, in one or two lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A layer of the model that no case can express.

    `what` describes it ("transposed convolution, 64 filters of 2 x 2"), `reason` says why it is left out. `flops` are
    those of all its `count` calls for one instance: 2 per multiply-add, and as cost() counts them for pools. `in_scope`
    is false where no convolution, pool or flatten of the network is missing for it: products of matrices are told, too.
    """

    name: str
    what: str
    reason: str
    flops: int = 0
    count: int = 1
    in_scope: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What a model was found to compute for one instance of its input.

    `layers` are its cases in the order of the calls. A layer that is called on several pieces of one instance has
    their number as its count; equal layers are merged by the host, which also makes names unique. `dense` are the
    widths of the fully connected layers behind the last case, and `dense_flops` their arithmetic. `framework` is the
    name and version of what read the model.
    """

    layers: tuple[Layer, ...]
    left_out: tuple[LeftOut, ...] = ()
    dense: tuple[int, ...] = ()
    dense_flops: int = 0
    framework: str = ""


class Extractor(ABC):
    """Reads the models of one framework.

    - `name`: of its own among all extractors.
    - `prefixes`: a source `prefix:NAME` is opened by this extractor, such as a model of a library by its name.
    - `suffixes`: a file with one of these endings is opened by it.
    - `environment`: variables that stand before anything of the framework is imported, where the user has none.
    - `self_sized`: endings of the files that may tell the shape of their input themselves.
    """

    name: ClassVar[str]
    prefixes: ClassVar[tuple[str, ...]] = ()
    suffixes: ClassVar[tuple[str, ...]] = ()
    self_sized: ClassVar[tuple[str, ...]] = ()
    environment: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def open(self, source: str) -> object:
        """The model of a source with one of the prefixes or suffixes, without any download.

        Raises ExtractionError, also where the framework is not installed.
        """
        raise ExtractionError(f"{self.name} opens no {source}")

    @abstractmethod
    def takes(self, model: object) -> bool:
        """Whether an object is a model of this framework; without importing the framework for it."""

    def traces(self, function: object) -> bool:  # noqa: ARG002  # for those that override it
        """Whether it may trace a plain function of arrays; asked where no extractor takes an object."""
        return False

    @abstractmethod
    def extract(self, model: object, shapes: tuple[tuple[int, ...], ...]) -> Extraction:
        """Trace a model on inputs of these shapes, each (channels, *spatial) of one instance.

        `shapes` is empty where the user names none. Raises ExtractionError; whatever the model raises passes through.
        """

    def shapes_of(self, example: Any) -> tuple[tuple[int, ...], ...]:
        """The shapes of one instance of example arrays, which have the batch as their first axis and channels next."""
        arrays = example if isinstance(example, (tuple, list)) else [example]
        return tuple(tuple(map(int, array.shape[1:])) for array in arrays)
