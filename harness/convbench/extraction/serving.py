"""The process that reads a model. Started as `python -m convbench.extraction.serving extract FD`.

A model's code and its framework run here and never in the host. The network is refused. What a process does otherwise
is in workers/serving.py.
"""

from __future__ import annotations

from dataclasses import asdict

from convbench.extraction.messages import FoundLayer, FoundLeftOut, ModelRead, ReadModel
from convbench.extraction.network import refuse_network
from convbench.extraction.reading import read_source
from convbench.workers import protocol
from convbench.workers.discovery.loading import PluginRef, offered_by
from convbench.workers.serving import run_process
from convbench_specs import Extraction, ExtractionError, case_table


class Reader:
    """Answers ReadModel."""

    @property
    def backend(self) -> None:
        """None: no fault is one of a backend."""

    def answer(self, request: ReadModel) -> protocol.Reply:
        """What the model computes, or why that cannot be told."""
        refs = [PluginRef(each.module, each.path, each.folder) for each in request.plugins]
        extractors = [cls() for ref in refs for cls in offered_by(ref).extractors]
        try:
            return told(read_source(request.source, request.shapes, extractors))
        except ExtractionError as error:
            return protocol.Declined(reason=str(error))


def told(found: Extraction) -> ModelRead:
    """An extraction as a message."""
    return ModelRead(
        layers=tuple(FoundLayer(case_table(layer.case), layer.count) for layer in found.layers),
        left_out=tuple(FoundLeftOut(**asdict(each)) for each in found.left_out),
        dense=found.dense,
        dense_flops=found.dense_flops,
        framework=found.framework,
    )


if __name__ == "__main__":
    refuse_network()
    run_process(Reader(), ReadModel)
