"""The words of convbench, each explained once: pages link to it, and the documentation shows the same sentences.

word("rounds")    ->  the Word "round", as "rounds" is one of its forms
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Word:
    """A word, what it means here in one to three sentences, and other forms in which a text may use it.

    `page` is the page of the documentation that says more; empty where there is none.
    """

    name: str
    meaning: str
    forms: tuple[str, ...] = ()
    page: str = ""

    @property
    def anchor(self) -> str:
        """The id of its entry in a page.

        >>> Word("batch size", "").anchor
        'word-batch-size'
        """
        return f"word-{self.name.replace(' ', '-')}"


@cache
def _by_form() -> Mapping[str, Word]:
    return {form: entry for entry in GLOSSARY for form in (entry.name, *entry.forms)}


def word(form: str) -> Word:
    """The entry of a word in one of its forms, in lower case; KeyError where the glossary has none."""
    return _by_form()[form]


GLOSSARY = (
    Word(
        "adjoint",
        "An identity that a right backend fulfils without any right values to compare with. The backward pass of a "
        "linear operation is its transpose, so <y - b, dy> = <x, dx> = <w, dw> must hold.",
        ("adjoint identity",),
        "verification.md",
    ),
    Word(
        "approach",
        "How a backend computes a convolution, as it declares: loops, im2col, im2col in blocks, compiled kernels, or a "
        "framework.",
        ("approaches",),
        "contract.md",
    ),
    Word(
        "backend",
        "A way to compute the cases, such as a framework or a set of own kernels. It comes as a plug-in and runs in a "
        "process of its own.",
        ("backends",),
        "backends.md",
    ),
    Word(
        "batch size",
        "How many instances (images or signals) one call computes.",
        ("batch", "batch sizes"),
    ),
    Word(
        "block",
        "One part of a run, with fresh worker processes for every backend. The blocks of a run are its independent "
        "repetitions, and intervals are taken over them.",
        ("blocks",),
        "measurement.md",
    ),
    Word(
        "bound",
        "How far an element may be from the right value. It follows from the rounding of floating-point sums, so "
        "nobody chooses it. Errors are given as multiples of it: up to 1 agrees.",
        ("bounds",),
        "verification.md",
    ),
    Word(
        "case",
        "One operation on one input shape and dtype, such as a 3 x 3 convolution of 32 channels on 13 x 13 places.",
        ("cases",),
        "workloads.md",
    ),
    Word(
        "cell",
        "One case at one batch size, computed by one backend in one pass. A run measures cells, and each is a row of "
        "measurements.csv.",
        ("cells",),
        "results.md",
    ),
    Word(
        "cold caches",
        "Copies of a case take turns, so that no call finds its inputs in a cache of the processor. Usually they are "
        "there (hot caches), as each call uses the same tensors.",
        ("cold cache", "hot caches"),
        "measurement.md",
    ),
    Word(
        "effective",
        "A speed above the roof. It is no error: the count of FLOPs is that of the plain definition, some algorithms "
        "need fewer, and small data stay in a cache.",
        (),
        "results.md",
    ),
    Word(
        "entrant",
        "What takes part in a run: a backend as it is, or under a name of its own with other options, another "
        "interpreter or another file.",
        ("entrants",),
        "entrants.md",
    ),
    Word(
        "first call",
        "The first call of a pass in a run. It includes compilation where a framework compiles then, so it is timed "
        "apart from the others.",
        ("first calls",),
    ),
    Word(
        "floor",
        "What is too small to be told apart on this machine. For times it is how far a backend appears to be from "
        "itself, for memory 5 MB, below which the kernel counts too coarsely.",
        (),
        "measurement.md",
    ),
    Word(
        "im2col",
        "A convolution as one product of matrices. Every window of the input becomes a column of a matrix, so each "
        "element of x is copied as often as windows read it.",
        ("x_col",),
        "kernels.md",
    ),
    Word(
        "intensity",
        "FLOPs of a pass for each byte that it must move at least: all its tensors, each counted once. High intensity "
        "is limited by arithmetic, low intensity by memory.",
        ("flops a byte",),
        "results.md",
    ),
    Word(
        "interval",
        "The 95 % confidence interval: the range in which the true value lies, as far as the blocks of the run can "
        "tell. Of 100 such intervals about 95 hold it.",
        ("intervals", "95 % interval", "95 % intervals"),
        "measurement.md",
    ),
    Word(
        "kept memory",
        "What stays in use after a forward pass because the backward pass needs it: y, saved indices, copies.",
        ("kept for backward", "kept"),
        "measurement.md",
    ),
    Word(
        "least memory",
        "The least that a call must allocate: the size of its results. The peak memory is also given as a multiple of "
        "it.",
        ("the least",),
        "results.md",
    ),
    Word(
        "margin",
        "A difference that counts as equal: 1 %, or the floor of this machine where that is larger.",
        ("margins",),
        "measurement.md",
    ),
    Word(
        "mix",
        "A network in which the fastest right backend computes each layer. It is the most that mixing backends can "
        "bring, as changing between them would cost something, too.",
        (),
        "results.md",
    ),
    Word(
        "oracle",
        "Our own computation of the right values, straight from the definitions in float64. It shares no code with any "
        "backend.",
        (),
        "verification.md",
    ),
    Word(
        "pass",
        "What one call computes. forward is y from x; backward is the gradients dx, dw and db from dy; both is all of "
        "them, as in one step of training.",
        ("passes", "forward", "backward", "both"),
    ),
    Word(
        "peak memory",
        "The most memory that one warm call needs above what was in use before it. Its results are included, its "
        "inputs are not.",
        (),
        "measurement.md",
    ),
    Word(
        "right",
        "A backend is right where all of its tensors agree with the oracle, within the bound, and fulfil the "
        "identities. Only right cells are ranked.",
        ("agree", "agrees"),
        "verification.md",
    ),
    Word(
        "roofline",
        "A drawing of speed over intensity. The roof is the most that this machine can reach at an intensity: its peak "
        "rate of arithmetic, or what its memory delivers.",
        ("roof", "roofs"),
        "results.md",
    ),
    Word(
        "round",
        "One turn of every backend on a case, in random order. What disturbs the machine in a round meets all of them, "
        "so ratios are taken within rounds.",
        ("rounds",),
        "measurement.md",
    ),
    Word(
        "sample",
        "One timed loop of calls. The time of a call is that of the loop, divided by the number of calls.",
        ("samples",),
        "measurement.md",
    ),
    Word(
        "tensor",
        "An array of a case: the input x, the weights w and the bias b, the output y, and the gradients dx, dw and db, "
        "which follow from the gradient dy of the output.",
        ("tensors",),
    ),
    Word(
        "tied",
        "As fast as the fastest, as far as the run can tell: the interval of the ratio reaches 1.",
        ("a tie",),
        "measurement.md",
    ),
    Word(
        "untrusted",
        "Results that could not be proven right or wrong, such as zeros everywhere. They have times, but no place.",
        (),
        "verification.md",
    ),
    Word(
        "workload",
        "A list of cases, such as the layers of a network.",
        ("workloads",),
        "workloads.md",
    ),
)
"""In alphabetical order."""
