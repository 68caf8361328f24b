"""Why a wrong result is wrong, by hypotheses that are tested by computing what they predict."""

from convbench.verify.explain.explain import explain
from convbench.verify.explain.explanation import UNEXPLAINED, Explanation, in_names, in_words
from convbench.verify.explain.results import explain_result
from convbench.verify.explain.shapes import explain_shape

__all__ = ["UNEXPLAINED", "Explanation", "explain", "explain_result", "explain_shape", "in_names", "in_words"]
