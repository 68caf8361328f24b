"""JAX functions: what they compute is read from their jaxpr."""

from convbench_backends.extraction.jax.extractor import JaxExtractor

__all__ = ["JaxExtractor"]
