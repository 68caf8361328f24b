"""What a worker does: a method for each request. The process around it is in serving.py.

It holds one prepared case at a time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convbench.machine.cores import bind
from convbench.machine.facts import free_bytes, last_level_caches_bytes
from convbench.machine.processor_peak import peak_flops_per_s
from convbench.measure import idling, memory, timing
from convbench.measure.clock import now_ns, seconds_since
from convbench.measure.cold_caches import Rotation
from convbench.verify import trust
from convbench.verify.data_sets import DATA_SETS
from convbench.verify.digest import digest
from convbench.workers import protocol
from convbench.workers.arrays import holds, read_tensors, write_results, zero_tensors
from convbench.workers.attempts import peak_of
from convbench.workers.contract import arrays_of, facts_of, phases_of, prediction_of, prepared_or_unsupported, text_of
from convbench.workers.discovery.loading import PluginRef, load_backend
from convbench.workers.resident import Resident
from convbench.workers.scrutiny import afterwards
from convbench.workers.scrutiny.steadiness import Exerciser, digests_of_sets
from convbench_specs import (
    Backend,
    Case,
    Device,
    Flatten,
    Native,
    PassName,
    Settings,
    TensorName,
    Tensors,
    Unsupported,
    parse_layer,
)


class Worker:
    """What a worker holds, and a method for each request; each takes the request and returns its reply."""

    def __init__(self) -> None:
        self._backend: Backend | None = None
        self._resident: Resident | None = None
        self._threads = 1
        self._device: Device = "cpu"
        self._last: tuple[PassName, Native] | None = None
        """A pass and what the last timed call of it returned, until the next request."""
        self._frozen = self._rested = False
        """Whether the collector knows what the framework has loaded for its cases as there to stay."""

    def answer(self, request: protocol.AnyRequest) -> protocol.Reply:
        """The reply to any request; what the backend raises passes through."""
        if not isinstance(request, protocol.WriteLast):
            self._last = None
        return _METHODS[type(request)](self, request)

    def start(self, request: protocol.Start) -> protocol.Started:
        """Load the plug-in and start its backend; the facts that it gives and what starting took."""
        begin = now_ns()
        bind(request.threads)
        plugin = request.plugin
        self._backend = load_backend(PluginRef(plugin.module, plugin.path, plugin.folder), request.backend)
        self._threads, self._device = request.threads, request.device
        facts = self._backend.start(
            Settings(
                threads=request.threads,
                device=request.device,
                scratch_folder=request.scratch_folder,
                options=request.options,
            )
        )
        gc.freeze()  # a framework's own objects stay; without this every collection would walk over all of them
        return protocol.Started(
            facts=facts_of(facts),
            start_s=seconds_since(begin),
            harness_overhead_s=timing.harness_overhead_s(),
        )

    def support(self, request: protocol.Support) -> protocol.Supported | protocol.Declined:
        """Whether the backend does the case, and which of the passes it does not."""
        self.release()
        case = _case(request.case)
        prepared = prepared_or_unsupported(self._started.prepare(case, zero_tensors(case, 1)))
        if isinstance(prepared, Unsupported):
            return protocol.Declined(reason=text_of(prepared.reason))
        calls = {name: prepared.call_of(name) for name in request.passes}
        declined = {name: text_of(call.reason) for name, call in calls.items() if isinstance(call, Unsupported)}
        return protocol.Supported(declined=declined)

    def predict(self, request: protocol.Predict) -> protocol.Predicted:
        """Seconds a call of each pass, where the backend can tell."""
        case = _case(request.case)
        predict = self._started.predict_s
        return protocol.Predicted(
            predicted_s={name: prediction_of(predict(case, request.batch_size, name), name) for name in request.passes}
        )

    def prepare(self, request: protocol.Prepare) -> protocol.Ready | protocol.Declined:
        """Prepare a case on tensors in files."""
        self.release()
        case, tensors = _case(request.case), read_tensors(request.tensors)
        begin = now_ns()
        prepared = prepared_or_unsupported(self._started.prepare(case, tensors))
        elapsed = seconds_since(begin)
        if isinstance(prepared, Unsupported):
            return protocol.Declined(reason=text_of(prepared.reason))
        rotation = self._rotation(case, tensors) if request.cold else None
        self._resident = Resident(case, tensors, prepared, elapsed, rotation)
        return protocol.Ready(
            timed_s=elapsed,
            prepare_s=elapsed,
            phases_s=phases_of(prepared.phases_s),
            algorithm=text_of(prepared.algorithm),
            layout=text_of(prepared.layout),
            recomputes_forward=bool(prepared.recomputes_forward),
            cold_copies=rotation.copies if rotation else None,
            can_update=prepared.update is not None and rotation is None,
        )

    def update(self, request: protocol.Update) -> protocol.Updated:
        """Put new values into the prepared case."""
        held = self._held
        tensors, update = held.tensors_of(request.tensors), held.prepared.update
        if update is None:
            raise RuntimeError("this case cannot be updated")
        begin = now_ns()
        update(tensors)
        elapsed = seconds_since(begin)
        self._resident = held.with_values(tensors, elapsed)
        return protocol.Updated(timed_s=elapsed, update_s=elapsed)

    def run(self, request: protocol.Run) -> protocol.Ran | protocol.Declined:
        """Run a pass and write what it returned to files, but for what another pass wrote already.

        With `scrutinise` it runs once more; findings are what inputs and results hold against it: see verify/trust.py.
        """
        held, name = self._held, request.pass_name
        call = held.prepared.call_of(name)
        if isinstance(call, Unsupported):
            return protocol.Declined(reason=text_of(call.reason))
        before = trust.fingerprints(held.tensors) if request.scrutinise else {}
        result, first = timing.once(call, held.prepared.wait)
        arrays = _arrays(held, name, result)
        outputs = held.outputs[name] = _written(held, arrays, request.folder, name)
        if not request.scrutinise:
            return protocol.Ran(timed_s=first, first_call_s=first, call_s=first, outputs=outputs)
        again, second = timing.once(call, held.prepared.wait)
        read = afterwards.read_at_once(held, name, again, second)
        findings = [trust.input_changed(before, trust.fingerprints(held.tensors))]
        findings += self._scrutinise(name, outputs, result, again)
        findings += afterwards.findings(held, name, call, again, read)
        again_outputs: dict[TensorName, str] = {}
        if not self._started.is_deterministic:  # only the host knows by how much they may differ
            again_outputs = write_results(_arrays(held, name, again), request.folder, f"{name}-again")
        return protocol.Ran(
            timed_s=first + second,
            first_call_s=first,
            call_s=min(first, second),
            outputs=outputs,
            again=again_outputs,
            findings=_told(findings),
            digests=self._known_digests(name, arrays),
        )

    def _known_digests(self, name: PassName, arrays: Mapping[TensorName, NDArray[Any]]) -> list[protocol.Digests]:
        """Digests that later results must have; none where the bits of a result are a matter of chance."""
        if not self._started.is_deterministic:
            return []
        digests = list(digests_of_sets(arrays))
        self._held.digests[name] = dict(zip(DATA_SETS, digests, strict=True))
        return digests

    def exercise(self, request: protocol.Exercise) -> protocol.Exercised:
        """Call the passes again and again, on other values, and beside another case."""
        held, begin = self._held, now_ns()
        sets = [held.tensors_of(files) for files in request.data_sets]
        exerciser = Exerciser(
            held=held,
            data_sets=sets,
            is_deterministic=self._started.is_deterministic,
            peak_flops_per_s=peak_flops_per_s(held.case.dtype, self._threads) if self._device == "cpu" else None,
            limit_s=request.limit_s,
        )
        passes = [name for name in request.passes if name in held.outputs]
        found = exerciser.findings(passes)
        if request.beside:
            found = exerciser.beside(passes, lambda tensors: self._started.prepare(held.case, tensors)) | found
        return protocol.Exercised(
            timed_s=seconds_since(begin), findings={name: _told(wrong) for name, wrong in found.items()}
        )

    def _scrutinise(
        self, pass_name: PassName, outputs: Mapping[TensorName, str], first: Native, second: Native
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

    def warm_up(self, request: protocol.WarmUp) -> protocol.WarmedUp:
        """Call until it gets no faster; how many calls fill a sample."""
        name, prepared, rotation = request.pass_name, self._held.prepared, self._held.rotation
        spend = {"sample_s": request.sample_s, "limit_s": request.limit_s}
        if rotation is not None:
            warm = rotation.warm_up(name, **spend)
        else:
            warm = timing.warm_up(self._call(name), prepared.wait, **spend, once_a_loop=prepared.runs_in_order)
        return protocol.WarmedUp(timed_s=warm.elapsed_s, **asdict(warm))

    def sample(self, request: protocol.Sample) -> protocol.Sampled:
        """Time one inner loop; with cold caches no calls settle the worker before."""
        name, prepared, rotation = request.pass_name, self._held.prepared, self._held.rotation
        if rotation is not None:
            found, last = rotation.sample(name, request.loops)
        else:
            found, last = timing.sample(
                self._call(name),
                prepared.wait,
                request.loops,
                request.settle_s,
                once_a_loop=prepared.runs_in_order,
            )
        digests: protocol.Digests = {}
        begin = now_ns()
        if request.digest:
            self._last = name, last
            digests = {tensor: digest(array) for tensor, array in _arrays(self._held, name, last).items()}
        del last
        return protocol.Sampled(
            timed_s=found.settled_s + found.elapsed_s,
            **asdict(found),
            digests=digests,
            digest_s=seconds_since(begin),
        )

    def write_last(self, request: protocol.WriteLast) -> protocol.Written:
        """Write what the last timed call returned; RuntimeError where nothing is kept of it."""
        if self._last is None:
            raise RuntimeError("no result of a timed call is kept")
        name, result = self._last
        arrays = _arrays(self._held, name, result)
        return protocol.Written(outputs=write_results(arrays, request.folder, f"{name}-timed"))

    def read_peaks(self, request: protocol.ReadPeaks) -> protocol.PeaksRead:
        """Peak memory of a warm call, see memory.readings."""
        call, wait = self._call(request.pass_name), self._held.prepared.wait
        counter = self._started.memory_counter()
        if counter is None and not memory.can_reset_peak():
            return protocol.PeaksRead(why_not=memory.WHY_NOT)
        self._frozen = False  # each reading collects: what this case had loaded would be walked over from now on
        peaks = memory.readings(memory.peak_memory, call, wait, counter, request.repeats)
        return protocol.PeaksRead(peaks=[protocol.Peak(peak.peak_bytes, peak.source) for peak in peaks])

    def read_kept(self, request: protocol.ReadKept) -> protocol.KeptRead:
        """Bytes that a forward for training keeps, see memory.readings."""
        forward, wait = self._held.prepared.forward_for_training, self._held.prepared.wait
        if forward is None:
            return protocol.KeptRead()
        counter = self._started.memory_counter()
        return protocol.KeptRead(
            kept_bytes=memory.readings(memory.kept_memory, forward, wait, counter, request.repeats)
        )

    def attempt(self, request: protocol.Attempt | protocol.AttemptNetwork) -> protocol.Attempted | protocol.Declined:
        """Run a pass of a case, or all layers of a network, once on zeros: see attempts.py."""
        self.release()
        before, begin = memory.resident_bytes(), now_ns()
        peak = peak_of(self._started, request)
        if isinstance(peak, Unsupported):
            return protocol.Declined(reason=text_of(peak.reason))
        return protocol.Attempted(
            elapsed_s=seconds_since(begin),
            peak_bytes=peak,
            before_bytes=before,
            resident_bytes=memory.resident_bytes(),
        )

    def rest(self, request: protocol.Release) -> protocol.Released:
        """Drop the prepared case; after the first it is looked at, once, whether anything still uses the processor."""
        del request
        self.release()
        if self._rested or not self._frozen:
            return protocol.Released()
        self._rested = True
        return protocol.Released(busy_cores=idling.busy_cores())

    def release(self) -> None:
        """Drop the prepared case; what the framework loaded for the first, and for those read, is frozen."""
        held, self._resident = self._resident, None
        if held is not None and not self._frozen:
            del held
            gc.collect()
            gc.freeze()
            self._frozen = True

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
    def _held(self) -> Resident:
        if self._resident is None:
            raise RuntimeError("prepare comes first")
        return self._resident

    def _call(self, pass_name: PassName) -> Callable[[], Native]:
        call = self._held.prepared.call_of(pass_name)
        if isinstance(call, Unsupported):
            raise TypeError(call.reason)
        return call


# each request is handed to the method for its own type
_METHODS: Mapping[type[protocol.AnyRequest], Callable[[Worker, Any], protocol.Reply]] = {
    protocol.Start: Worker.start,
    protocol.Support: Worker.support,
    protocol.Predict: Worker.predict,
    protocol.Prepare: Worker.prepare,
    protocol.Update: Worker.update,
    protocol.Run: Worker.run,
    protocol.Exercise: Worker.exercise,
    protocol.WarmUp: Worker.warm_up,
    protocol.Sample: Worker.sample,
    protocol.WriteLast: Worker.write_last,
    protocol.ReadPeaks: Worker.read_peaks,
    protocol.ReadKept: Worker.read_kept,
    protocol.Attempt: Worker.attempt,
    protocol.AttemptNetwork: Worker.attempt,
    protocol.Release: Worker.rest,
}


def _case(table: protocol.CaseTable) -> Case:
    return parse_layer(table, origin="request").case


def _told(findings: Iterable[trust.Untrusted | None]) -> list[protocol.Finding]:
    return [protocol.Finding(each.reason, each.tensor, each.detail) for each in findings if each]


def _arrays(held: Resident, pass_name: PassName, result: Native) -> dict[TensorName, NDArray[Any]]:
    return arrays_of(held.case, held.prepared, pass_name, result)


def _written(
    held: Resident, arrays: Mapping[TensorName, NDArray[Any]], folder: str, stem: str
) -> dict[TensorName, str]:
    """Names of files with the results; where another pass gave the same numbers, its file.

    `both` mostly repeats forward and backward, and reading a file back takes a fifth of writing one.
    """
    known = {name: held.written[name] for name in arrays if name in held.written}
    same = {name: path for name, path in known.items() if holds(path, arrays[name])}
    fresh = write_results({name: array for name, array in arrays.items() if name not in same}, folder, stem)
    held.written.update(fresh)
    return {name: (same | fresh)[name] for name in arrays}
