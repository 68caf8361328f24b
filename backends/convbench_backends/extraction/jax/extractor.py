"""Reads JAX functions; jax is imported by whoever wrote them."""

from __future__ import annotations

import sys
from typing import Any

from convbench_backends.extraction.failure import no_shape, one_line, shape_text
from convbench_backends.extraction.jax.equations import inlined
from convbench_backends.extraction.jax.trace import JaxprTrace
from convbench_backends.extraction.recorder import Recorder
from convbench_specs import Extraction, ExtractionError, Extractor

BATCH_SIZES = (2, 1)
"""Of the traces, as for PyTorch."""


class JaxExtractor(Extractor):
    """Functions of arrays, with their weights inside: a closure, a partial, or the model object of a library."""

    name = "jax"

    def takes(self, model: object) -> bool:
        """None by its type: a function is asked for by `traces`."""
        return False

    def traces(self, function: object) -> bool:
        """Any function, where jax was imported."""
        return "jax" in sys.modules and callable(function)

    def extract(self, model: object, shapes: tuple[tuple[int, ...], ...]) -> Extraction:
        """Trace the function, without computing anything.

        The axes of the arrays are those of `shapes`; where it cannot be traced on them, with the channels last.
        """
        import jax  # noqa: PLC0415  # it takes a second

        if not shapes:
            raise no_shape("a JAX function")
        failure: Exception | None = None
        for batch_size in BATCH_SIZES:
            for layout in (shapes, tuple((*shape[1:], shape[0]) for shape in shapes)):
                try:
                    found = _jaxpr(model, [(batch_size, *shape) for shape in layout])
                except Exception as error:  # noqa: BLE001  # a function may raise anything
                    failure = failure or error
                    continue
                trace = JaxprTrace(inlined(found), Recorder(batch_size))
                trace.record()
                return trace.recorder.extraction(f"JAX {jax.__version__}")
        named = getattr(model, "__name__", type(model).__name__)
        said = f"{named} cannot be traced on an input of {shape_text(shapes)}, nor with the channels last"
        assert failure is not None
        raise ExtractionError(f"{said}: {one_line(failure)}") from failure


def _jaxpr(model: Any, shapes: list[tuple[int, ...]]) -> Any:
    import jax  # noqa: PLC0415  # as above

    arrays = (jax.ShapeDtypeStruct(shape, jax.numpy.float32) for shape in shapes)  # type: ignore[no-untyped-call]
    return jax.make_jaxpr(model)(*arrays)
