"""What an explanation is, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a result may be wrong: the name of the hypothesis, and a sentence.

    UNEXPLAINED stands where no hypothesis fits; then the sentence says where the result is wrong.
    """

    name: str
    sentence: str


UNEXPLAINED = "unexplained"


def in_words(explanations: Sequence[Explanation]) -> str:
    """The sentences of all that fit, as one text."""
    return "; or ".join(each.sentence for each in explanations)


def in_names(explanations: Sequence[Explanation]) -> str:
    """The names of all that fit, each once."""
    return ", ".join(dict.fromkeys(each.name for each in explanations))
