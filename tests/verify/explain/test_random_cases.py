"""On random cases, too, the mistake of a mutant is among the hypotheses that fit, and nearly always told first."""

from __future__ import annotations

from collections import Counter
from contextlib import chdir

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutation import PLUGINS
from planted import PLANTED
from verify_cases import cases

from convbench.verify import make_tensors, oracle
from convbench.verify.check import allowed
from convbench.verify.explain import explain
from convbench.verify.explain.explain import FEWEST, RANKS, fitting
from convbench.verify.explain.problem import Problem
from convbench.workers.discovery.loading import load_backend
from convbench.workers.plugins import find_backends
from convbench_specs import Pool, Unsupported

STATEFUL = {
    "results-of-the-case-before", "result-of-the-call-before", "gradients-of-last-step-added", "unfinished-result",
    "both-without-bias", "own-input-modified-in-place", "weights-packed-once", "maxima-of-the-first-forward",
}  # fmt: skip
"""Mutants that are wrong only in later calls."""
OF_OTHER_CASES = {
    "one-element-in-a-million", "one-pixel-lost-in-a-million", "one-pixel-of-db-lost-in-a-million",
    "shape-of-a-global-pool", "ceil-mode-ignored", "result-in-double-precision",
    "double-precision-hides-a-wrong-gradient",
}  # fmt: skip
"""Mutants that need a large case, or whose results have another form, which is not explained by computing."""
NOT_PREDICTED = {"half-precision-sums"}
"""Mutants whose hypothesis goes by the size of errors, of which a few elements tell too little."""
THE_SAME = {
    "last-column-of-dx-dropped": ("last_place_missing", "zeros"),
    "last-row-dropped": ("zeros",),
    "odd-instance-dropped": ("zeros",),
    "block-tail-dropped": ("zeros", "last_filter_missing"),
    "last-tap-dropped": ("zeros", "bias_only"),
    "last-tap-dropped-in-dx": ("zeros",),
    "last-tap-dropped-in-dw": ("zeros",),
    "dx-cut-at-the-start": ("edge_padding_is_zeros",),
}
"""What the same mistake is called where an axis has length 1, or a kernel one tap."""


@pytest.mark.slow
def test_the_planted_mistake_fits_on_random_cases():
    with chdir(PLUGINS):
        own = [each for each in find_backends(["mutants"]).backends.values() if each.plugin.module == "mutants"]
        mutants = {entry.backend.name: load_backend(entry.plugin, entry.backend.name) for entry in own}
    left_out = STATEFUL | OF_OTHER_CASES | NOT_PREDICTED
    with_a_hypothesis = {name for name, hypotheses in PLANTED.items() if hypotheses}
    names = sorted(mutants.keys() & with_a_hypothesis - left_out)
    wrong, first = Counter(), Counter()

    @settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from(names),
        cases(("float32", "float64")),
        st.integers(1, 3),
        st.integers(0, 99),
        st.sampled_from(["random", "integers"]),
    )
    def examine(name, case, batch_size, seed, fill):
        if _shows_nothing(name, case):
            return
        tensors = make_tensors(case, batch_size, seed=seed, fill=fill)
        right, expected = oracle(case, tensors), {*PLANTED[name], *THE_SAME.get(name, ())}
        prepared = mutants[name].prepare(case, tensors)
        assert not isinstance(prepared, Unsupported)
        with np.errstate(over="ignore"):
            results = dict(zip(("y", "dx", "dw", "db"), (prepared.forward(), *prepared.backward()), strict=True))
        for tensor in mutants[name].wrong:
            if tensor not in ("y", *case.gradient_names):
                continue
            given = {
                "actual": results[tensor].astype(np.float64),
                "right": right.values(tensor),
                "bound": np.asarray(allowed(right, tensor, exact=fill == "integers", sums="own"), np.float64),
            }
            problem = Problem(case=case, tensors=tensors, tensor=tensor, **given)
            if np.count_nonzero(problem.off) < FEWEST:
                continue
            fits = {each.name for rank in RANKS for each in fitting(problem, rank)}
            assert expected & fits, (tensor, fits)
            wrong[name] += 1
            first[name] += explain(case, tensors, tensor, **given)[0].name in expected

    examine()
    assert wrong.total() > 100
    assert first.total() > 0.8 * wrong.total(), {name: (first[name], wrong[name]) for name in wrong}


def _shows_nothing(name, case):
    """Whether a mutant cannot do the case, or its mistake has no hypothesis there."""
    operation = case.operation
    is_over = isinstance(operation, Pool) and (operation.over == "channels" or operation.kernel_size == "global")
    if name == "edge-padding-reflects":
        return any(max(axis.before, axis.after) >= axis.size for axis in case.axes)  # nothing is there to mirror
    return name == "dx-right-only-for-stride-1" and is_over
