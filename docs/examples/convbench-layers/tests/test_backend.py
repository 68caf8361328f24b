"""The layers are right, by the checks of `convbench check`; run it by `pytest tests`."""

from convbench.testing import BackendTests


class TestLayers(BackendTests):
    backend = "layers"
    minimum_cases = 3
    batch_sizes = (2,)
    max_examples = 20
