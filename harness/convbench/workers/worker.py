"""A worker: the process in which one backend computes. Started as `python -m convbench.workers.worker FD`.

It reads requests from the socket at descriptor FD and answers each with one frame: {"ok": ...} or {"error": ...}. It
holds one prepared case at a time. Whatever the backend prints goes to the log, never into a frame. It ends when the
host closes the socket, and is killed by the kernel when the host dies.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.machine.cores import bind
from convbench.machine.facts import free_bytes, last_level_caches_bytes
from convbench.measure import memory, timing
from convbench.measure.cold_caches import Rotation
from convbench.verify import trust
from convbench.verify.bounds.dtypes import numpy_dtype
from convbench.workers import protocol
from convbench.workers.contract import arrays_of, fault_line, prepared_or_unsupported
from convbench.workers.plugins import PluginRef, load_backend
from convbench_specs import (
    Backend,
    Case,
    Flatten,
    Native,
    PassName,
    Prepared,
    Settings,
    TensorName,
    Tensors,
    Unsupported,
    parse_layer,
)

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class _Resident:
    """The case that a worker holds; `rotation` where it is timed with cold caches.

    `written` has the files of its results, by tensor.
    """

    case: Case
    tensors: Tensors
    prepared: Prepared
    rotation: Rotation | None = None
    written: dict[TensorName, str] = field(default_factory=dict)


class Worker:
    """The requests that a worker answers; each method takes a request's fields and returns a reply's."""

    def __init__(self) -> None:
        self._backend: Backend | None = None
        self._resident: _Resident | None = None
        self._threads = 1
        self._frozen = False
        """Whether the collector knows what the framework has loaded for its cases as there to stay."""

    def start(self, *, plugin: dict[str, str], backend: str, settings: dict[str, Any]) -> dict[str, Any]:
        """Load the plug-in and start its backend; returns the facts that it tells and what starting took."""
        begin = time.perf_counter()
        bind(settings["threads"])
        self._backend = load_backend(PluginRef(**plugin), backend)
        self._threads = settings["threads"]
        facts = self._backend.start(Settings(**settings))
        gc.freeze()  # a framework's own objects stay; without this every collection would walk over all of them
        return {
            "facts": {str(key): str(value) for key, value in facts.items()},
            "start_s": time.perf_counter() - begin,
            "harness_overhead_s": timing.harness_overhead_s(),
        }

    def predict(self, *, case: dict[str, Any], batch_size: int, passes: list[PassName]) -> dict[str, Any]:
        """Seconds a call of each pass, where the backend can tell."""
        parsed = parse_layer(case, origin="request").case
        return {"predicted_s": {name: self._started.predict_s(parsed, batch_size, name) for name in passes}}

    def prepare(self, *, case: dict[str, Any], tensors: dict[str, str], cold: bool = False) -> dict[str, Any]:
        """Prepare a case on tensors in .npy files; {"unsupported": why} where the backend cannot do it.

        `cold` has it timed with copies that take turns.
        """
        self.release()
        parsed = parse_layer(case, origin="request").case
        arrays = Tensors(**{name: _private(path) for name, path in tensors.items()})
        begin = time.perf_counter()
        prepared = prepared_or_unsupported(self._started.prepare(parsed, arrays))
        elapsed = time.perf_counter() - begin
        if isinstance(prepared, Unsupported):
            return {"unsupported": prepared.reason}
        rotation = self._rotation(parsed, arrays) if cold else None
        self._resident = _Resident(parsed, arrays, prepared, rotation)
        return {
            **({"cold_copies": rotation.copies} if rotation else {}),
            "prepare_s": elapsed,
            "timed_s": elapsed,
            "phases_s": dict(prepared.phases_s or {}),
            "algorithm": prepared.algorithm,
            "recomputes_forward": prepared.recomputes_forward,
        }

    def run(self, *, pass_name: PassName, folder: str, scrutinise: bool) -> dict[str, Any]:
        """Run a pass and write what it returned to .npy files in `folder`, but for what another pass wrote already.

        Returns seconds of the first call, of the fastest one and of all. `scrutinise` runs the pass once more and tells
        what inputs and results hold against it: see verify/trust.py.
        """
        held = self._held
        call = held.prepared.call_of(pass_name)
        if isinstance(call, Unsupported):
            return {"unsupported": call.reason}
        before = trust.fingerprints(held.tensors) if scrutinise else {}
        result, first = timing.once(call, held.prepared.wait)
        outputs = _written(held, _arrays(held, pass_name, result), folder, pass_name)
        again_outputs: dict[TensorName, str] = {}
        findings, fastest, timed = [], first, first
        if scrutinise:
            again, second = timing.once(call, held.prepared.wait)
            fastest, timed = min(first, second), first + second
            findings.append(trust.input_changed(before, trust.fingerprints(held.tensors)))
            findings += self._scrutinise(pass_name, outputs, result, again)
            if not self._started.is_deterministic:  # only the host knows by how much they may differ
                again_outputs = _save(_arrays(held, pass_name, again), folder, f"{pass_name}-again")
        return {
            "first_call_s": first,
            "call_s": fastest,
            "timed_s": timed,
            "outputs": outputs,
            "again": again_outputs,
            "findings": [asdict(each) for each in findings if each],
        }

    def _scrutinise(
        self, pass_name: PassName, outputs: dict[TensorName, str], first: Native, second: Native
    ) -> Iterator[trust.Untrusted | None]:
        """Hold two results, both alive, against each other, and the first against what was written at once."""
        held = self._held
        later, again = _arrays(held, pass_name, first), _arrays(held, pass_name, second)
        for name, path in outputs.items():
            at_once = np.load(path, mmap_mode="r")
            yield trust.aliases_input(held.case, name, again[name], held.tensors)
            if again[name].size and not isinstance(held.case.operation, Flatten):  # a flatten may be a view
                yield trust.borrowed_memory(name, later[name], again[name])
            yield trust.unfinished(name, at_once, later[name])
            if self._started.is_deterministic:
                yield trust.not_repeatable(name, at_once, again[name])

    def warm_up(self, *, pass_name: PassName, sample_s: float, limit_s: float) -> dict[str, Any]:
        """Call until it gets no faster; how many calls fill a sample."""
        rotation = self._held.rotation
        if rotation is not None:
            warm = rotation.warm_up(pass_name, sample_s=sample_s, limit_s=limit_s)
        else:
            call = self._call(pass_name)
            warm = timing.warm_up(call, self._held.prepared.wait, sample_s=sample_s, limit_s=limit_s)
        return {**asdict(warm), "timed_s": warm.elapsed_s}

    def sample(self, *, pass_name: PassName, loops: int, settle_s: float = 0.0) -> dict[str, Any]:
        """Time one inner loop, after calls for so long that settle the worker; with cold caches there are none."""
        rotation = self._held.rotation
        if rotation is not None:
            sample = rotation.sample(pass_name, loops)
        else:
            sample = timing.sample(self._call(pass_name), self._held.prepared.wait, loops, settle_s)
        return {**asdict(sample), "timed_s": sample.settled_s + sample.elapsed_s}

    def memory(self, *, pass_name: PassName, repeats: int) -> dict[str, Any]:
        """Peak memory of a warm call, see memory.readings; "why_not" where nothing can tell."""
        call, wait = self._call(pass_name), self._held.prepared.wait
        counter = self._started.memory_counter()
        if counter is None and not memory.can_reset_peak():
            return {"peaks": [], "why_not": memory.WHY_NOT}
        self._frozen = False  # each reading collects: what this case had loaded would be walked over from now on
        peaks = memory.readings(memory.peak_memory, call, wait, counter, repeats)
        return {"peaks": [asdict(peak) for peak in peaks]}

    def kept(self, *, pass_name: PassName, repeats: int) -> dict[str, Any]:
        """Bytes that a forward for training keeps, see memory.readings; none where nothing can tell."""
        del pass_name  # the same for every pass that has a backward
        forward, wait = self._held.prepared.forward_for_training, self._held.prepared.wait
        if forward is None:
            return {"kept_bytes": []}
        counter = self._started.memory_counter()
        return {"kept_bytes": memory.readings(memory.kept_memory, forward, wait, counter, repeats)}

    def attempt(self, *, case: dict[str, Any], batch_size: int, pass_name: PassName) -> dict[str, Any]:
        """Prepare a case on zeros and run a pass once: peak of this whole process, and what was and stays resident."""
        self.release()
        before, begin = memory.resident_bytes(), time.perf_counter()
        peak = self._peak_of_attempt(parse_layer(case, origin="request").case, batch_size, pass_name)
        if isinstance(peak, Unsupported):
            return {"unsupported": peak.reason}
        elapsed = time.perf_counter() - begin
        resident = memory.resident_bytes()
        return {"peak_bytes": peak, "before_bytes": before, "resident_bytes": resident, "elapsed_s": elapsed}

    def _peak_of_attempt(self, case: Case, batch_size: int, pass_name: PassName) -> int | Unsupported:
        memory.reset_peak()
        prepared = prepared_or_unsupported(self._started.prepare(case, _zeros(case, batch_size)))
        if isinstance(prepared, Unsupported):
            return prepared
        call = prepared.call_of(pass_name)
        if isinstance(call, Unsupported):
            return call
        result = call()
        prepared.wait(result)
        return memory.process_peak_bytes()

    def release(self) -> dict[str, Any]:
        """Drop the prepared case; what the framework loaded for the first, and for those read, is frozen."""
        held, self._resident = self._resident, None
        if held is not None and not self._frozen:
            del held
            gc.collect()
            gc.freeze()
            self._frozen = True
        return {}

    def _rotation(self, case: Case, tensors: Tensors) -> Rotation:
        return Rotation(
            lambda copies: self._started.prepare(case, copies),
            tensors,
            cache_bytes=last_level_caches_bytes(),
            free_bytes=free_bytes(),
            threads=self._threads,
        )

    @property
    def backend(self) -> Backend | None:
        """The backend, once it is loaded."""
        return self._backend

    @property
    def _started(self) -> Backend:
        if self._backend is None:
            raise RuntimeError("start comes first")
        return self._backend

    @property
    def _held(self) -> _Resident:
        if self._resident is None:
            raise RuntimeError("prepare comes first")
        return self._resident

    def _call(self, pass_name: PassName) -> Callable[[], Native]:
        call = self._held.prepared.call_of(pass_name)
        if isinstance(call, Unsupported):
            raise TypeError(call.reason)
        return call


def _zeros(case: Case, batch_size: int) -> Tensors:
    """Tensors of a case that take no memory until they are written: the system maps one page of zeros for all."""

    def zeros(shape: tuple[int, ...]) -> NDArray[Any]:
        array: NDArray[Any] = np.zeros(shape, numpy_dtype(case.dtype))
        array.flags.writeable = False
        return array

    return Tensors(
        x=zeros(case.x_shape(batch_size)),
        dy=zeros(case.y_shape(batch_size)),
        w=None if case.w_shape is None else zeros(case.w_shape),
        b=None if case.b_shape is None else zeros(case.b_shape),
    )


def _arrays(held: _Resident, pass_name: PassName, result: Native) -> dict[TensorName, NDArray[Any]]:
    return arrays_of(held.case, held.prepared, pass_name, result)


def _written(
    held: _Resident, arrays: Mapping[TensorName, NDArray[Any]], folder: str, stem: str
) -> dict[TensorName, str]:
    """Paths of files with the results; where another pass gave the same numbers, its file.

    `both` mostly repeats forward and backward, and reading a file back takes a fifth of writing one.
    """
    known = {name: held.written[name] for name in arrays if name in held.written}
    same = {name: path for name, path in known.items() if _holds(path, arrays[name])}
    fresh = _save({name: array for name, array in arrays.items() if name not in same}, folder, stem)
    held.written.update(fresh)
    return {name: (same | fresh)[name] for name in arrays}


def _holds(path: str, array: NDArray[Any]) -> bool:
    """Whether a file has these numbers in this dtype; never with a NaN."""
    written = np.load(path, mmap_mode="r")
    return written.dtype == array.dtype and np.array_equal(written, array)


def _save(arrays: Mapping[TensorName, NDArray[Any]], folder: str, stem: str) -> dict[TensorName, str]:
    """Write results to .npy files; returns their paths."""
    paths: dict[TensorName, str] = {}
    for name, array in arrays.items():
        path = Path(folder) / f"{stem}-{name}.npy"
        path.unlink(missing_ok=True)  # the host may still map the file of the item before
        np.save(path, array)
        paths[name] = str(path)
    return paths


def serve(connection: socket.socket) -> None:
    """Answer requests until the host closes the connection."""
    worker = Worker()
    while True:
        try:
            request = protocol.receive(connection)
        except protocol.PeerClosedError:
            return
        try:
            reply = {"ok": getattr(worker, request.pop("request"))(**request)}
        except Exception as error:  # noqa: BLE001  # a backend's fault, of any kind, becomes the status of its cell
            kind, trace = ("out of memory", "") if _is_lack_of_memory(error) else ("error", traceback.format_exc())
            reply = {"error": {"kind": kind, "message": fault_line(error, worker.backend), "traceback": trace}}
        try:
            protocol.send(connection, reply)
        except protocol.PeerClosedError:
            return


def main() -> None:
    """Entry point of the process."""
    _die_with_host()
    faulthandler.enable()
    # A backend's own threads or children must not keep the frames open or write into them.
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    serve(connection)
    # Frameworks' exit handlers may hang or crash; nothing is left to save.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _private(path: str) -> NDArray[Any]:
    """An array of a file, read-only for NumPy; a kernel that writes nevertheless changes this copy, and is seen."""
    mapped = np.load(path, mmap_mode="c", allow_pickle=False)
    # a plain array: each view of a np.memmap, and of its copies, costs half a microsecond of Python in the timed calls
    array: NDArray[Any] = np.asarray(mapped)
    array.flags.writeable = False
    return array


def _is_lack_of_memory(error: Exception) -> bool:
    """MemoryError, or what PyTorch, JAX, TensorFlow and CUDA raise in its place."""
    if isinstance(error, MemoryError) or type(error).__name__ in {"OutOfMemoryError", "ResourceExhaustedError"}:
        return True
    text = str(error).lower()
    return any(words in text for words in ("out of memory", "out_of_memory", "resource_exhausted", "t allocate memory"))


def _die_with_host() -> None:
    with suppress(OSError, AttributeError):  # only Linux has it; elsewhere the closed socket ends the worker
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
