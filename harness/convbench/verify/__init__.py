"""Whether results are right: data, the oracle, bounds on rounding errors, comparison, identities, pairs and trust.

    tensors = make_tensors(case, batch_size, seed=0)                   # or fill="integers"
    right = right_values(case, tensors, seed=0)                        # all of them, or a sample of a large case
    deviations = check_against(right, {"y": y, "dx": dx}, exact=False) # exact=True on integers
    rows = agreements("y", {"one": y1, "other": y2}, right.bound("y"))

Only NumPy: nothing here knows a framework, and nothing shares code with a backend.
"""

from convbench.verify.bounds.dtypes import numpy_dtype, round_to
from convbench.verify.bounds.tolerance import rounding_bound
from convbench.verify.check import Results, Right, allowed, check_against, must_be_equal
from convbench.verify.compare import (
    DIFFERS_ON_NAN,
    RIGHT_ON_NUMBERS,
    SEVERITY,
    Deviation,
    Element,
    Verdict,
    compare,
)
from convbench.verify.data import Fill, make_tensors
from convbench.verify.fillings.photos import MissingImages, line_filters, photos
from convbench.verify.identities.adjoint import Compute, Products, adjoint, batch_additivity
from convbench.verify.identities.differences import finite_differences
from convbench.verify.identities.holding import IDENTITIES, Held, Identity, hold_adjoint, hold_differences, hold_halves
from convbench.verify.pairs import ORACLE, Agreement, Suspect, agreements, clusters, odd_ones
from convbench.verify.reference.full import Reference, oracle
from convbench.verify.reference.sampled import Sample, right_values, sampled_oracle, too_large
from convbench.verify.trust import (
    EXPLANATIONS,
    Reason,
    Untrusted,
    aliases_input,
    borrowed_memory,
    constant,
    distrust,
    fingerprints,
    input_changed,
    mostly_zero,
    not_finite,
    not_repeatable,
    unfinished,
    weak_data,
    wrong_dtype,
    wrong_shape,
)

__all__ = [
    "DIFFERS_ON_NAN",
    "EXPLANATIONS",
    "IDENTITIES",
    "ORACLE",
    "RIGHT_ON_NUMBERS",
    "SEVERITY",
    "Agreement",
    "Compute",
    "Deviation",
    "Element",
    "Fill",
    "Held",
    "Identity",
    "MissingImages",
    "Products",
    "Reason",
    "Reference",
    "Results",
    "Right",
    "Sample",
    "Suspect",
    "Untrusted",
    "Verdict",
    "adjoint",
    "agreements",
    "aliases_input",
    "allowed",
    "batch_additivity",
    "borrowed_memory",
    "check_against",
    "clusters",
    "compare",
    "constant",
    "distrust",
    "fingerprints",
    "finite_differences",
    "hold_adjoint",
    "hold_differences",
    "hold_halves",
    "input_changed",
    "line_filters",
    "make_tensors",
    "mostly_zero",
    "must_be_equal",
    "not_finite",
    "not_repeatable",
    "numpy_dtype",
    "odd_ones",
    "oracle",
    "photos",
    "right_values",
    "round_to",
    "rounding_bound",
    "sampled_oracle",
    "too_large",
    "unfinished",
    "weak_data",
    "wrong_dtype",
    "wrong_shape",
]
