"""A right backend and many wrong ones: each has one slip that authors of kernels really make.

A mutant's docstring says what its slip is, `wrong` which tensors it spoils.
"""

from convbench_specs import hookimpl
from mutants import geometry, kinds, pools, results, state, sums
from mutants.correct import MUTANTS, Correct

__all__ = ["MUTANTS", "Correct", "geometry", "kinds", "pools", "results", "state", "sums"]


@hookimpl
def convbench_backends():
    order = [module.__name__ for module in (geometry, sums, pools, results, state, kinds)]
    return [Correct, *sorted(MUTANTS, key=lambda mutant: order.index(mutant.__module__))]
