"""Slips that plain integers and random numbers do not show: some kind of data does."""

import numpy as np

from mutants.correct import Correct


class _OnFurtherData(Correct, is_mutant=False):
    """Right on plain numbers."""

    needs_further_data = True


class SmallNumbersAreTakenForZero(_OnFurtherData):
    """Factors below 1e-20 are taken for zero, to skip what seems to be sparse."""

    wrong = ("y", "dx")

    def operand(self, case, tensor, values):
        return np.where(np.abs(values) < 1e-20, 0, values).astype(values.dtype)


class LargeNumbersAreClamped(_OnFurtherData):
    """Factors beyond 500 are cut off."""

    wrong = ("y", "dx", "dw")

    def operand(self, case, tensor, values):
        return values.clip(-500, 500)


class ScaledByAPowerOfTwo(_OnFurtherData):
    """x is scaled by a power of two until its largest element is near 256, which overflows for the smallest numbers."""

    wrong = ("y",)

    def conv(self, case, x, w, b):
        with np.errstate(over="ignore", invalid="ignore"):
            scale = np.ldexp(x.dtype.type(1), 8 - np.frexp(np.abs(x).max())[1])
            y = super().conv(case, x * scale, w, None) / scale
        return y if b is None else self.add_bias(case, y, b)


class EqualElementsAreSkipped(_OnFurtherData):
    """A channel whose elements are all equal is skipped, as if nothing had ever been written there."""

    wrong = ("y",)

    def conv(self, case, x, w, b):
        places = tuple(range(2, x.ndim))
        is_equal = x.min(axis=places, keepdims=True) == x.max(axis=places, keepdims=True)
        return super().conv(case, np.where(is_equal, 0, x).astype(x.dtype), w, b)


class MaximumIgnoresNan(_OnFurtherData):
    """A maximum is that of the numbers beside a NaN."""

    wrong = ("y", "dx")
    differs_on_nan = True

    def largest(self, values):
        return np.fmax.reduce(values, axis=0)

    def shares(self, values):
        return super().shares(np.where(np.isnan(values), -np.inf, values))


class NanSpreadsOverAnInstance(_OnFurtherData):
    """One NaN or infinity makes NaN of all outputs of its instance, as a transform of all of it would."""

    wrong = ("y",)
    differs_on_nan = True

    def conv(self, case, x, w, b):
        with np.errstate(invalid="ignore"):
            trace = (x * x.dtype.type(0)).reshape(len(x), -1).sum(axis=1)
        return super().conv(case, x, w, b) + trace.reshape(-1, *(1,) * (x.ndim - 1))
