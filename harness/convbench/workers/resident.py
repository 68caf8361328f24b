"""The case that a worker holds: its tensors, what the backend prepared, and what is known of its results."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from convbench.measure.cold_caches import Rotation
from convbench.verify.data_sets import DataSet
from convbench.workers.arrays import read_tensors
from convbench.workers.protocol import Digests, ResultFiles, TensorFiles
from convbench_specs import Case, PassName, Prepared, TensorName, Tensors


@dataclass(frozen=True, slots=True)
class Resident:
    """A prepared case. `rotation` is there where it is timed with cold caches.

    `written` has the files of its results by tensor, `outputs` by pass, and `digests` those of each data set.
    `renewal_s` is how long it took to put the present values in, by an update or by preparing.
    """

    case: Case
    tensors: Tensors
    prepared: Prepared
    renewal_s: float
    rotation: Rotation | None = None
    written: dict[TensorName, str] = field(default_factory=dict)
    outputs: dict[PassName, ResultFiles] = field(default_factory=dict)
    digests: dict[PassName, dict[DataSet, Digests]] = field(default_factory=dict)
    read: dict[object, Tensors] = field(default_factory=dict)
    """Tensors that were read before, by their files: a data set that comes back is not read again."""

    def with_values(self, tensors: Tensors, renewal_s: float) -> Resident:
        """The same case after new values were put in: what is known of its results no longer holds."""
        return replace(self, tensors=tensors, renewal_s=renewal_s, written={}, outputs={}, digests={})

    def tensors_of(self, files: TensorFiles) -> Tensors:
        """The tensors of files; their memory has been touched, so that no call pays for that."""
        found = {name: (path, Path(path).stat()) for name, path in files.items()}
        # a file of the same name may have been replaced by another one
        key = tuple((name, path, stat.st_ino, stat.st_mtime_ns) for name, (path, stat) in found.items())
        if key not in self.read:
            tensors = self.read[key] = read_tensors(files)
            touch(tensors)
        return self.read[key]


def touch(tensors: Tensors) -> None:
    """Read every tensor once, which brings its pages and its nearest part into the caches."""
    for array in (tensors.x, tensors.dy, tensors.w, tensors.b):
        if array is not None and array.size:
            array.max()
