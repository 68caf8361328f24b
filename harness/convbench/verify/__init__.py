"""Whether results are right: data, the oracle, bounds on rounding errors, comparison, identities and trust."""

from convbench.verify.data import Fill, make_tensors
from convbench.verify.oracle import Reference, oracle

__all__ = ["Fill", "Reference", "make_tensors", "oracle"]
