"""One axis along which a window slides, with every amount resolved to a number.

This is all that a kernel needs to know of an axis: frameworks disagree on what "same" or ceil mode mean, so the spec
decides once, here, and no backend ever interprets a padding name.

            before        size          after  overhang
          |--------|------------------|--------|.....|
          [k . k . k]
              stride -> [k . k . k]

Tap t of output o reads x[o * stride - before + t * dilation], or padding where that index is outside 0 .. size - 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**28
"""No number of a case is larger: an hour and a half of sound is an axis of so many places, and much else would overflow
or never end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Geometry of a sliding window along one axis.

    `overhang` is how far the last window reaches beyond the padded input; only ceil mode makes it more than 0.
    """

    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    ceil_mode: bool = False

    @property
    def extent(self) -> int:
        """Input places from the first to the last tap of a window: (kernel - 1) * dilation + 1."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def padded(self) -> int:
        """Size of the padded input, without overhang."""
        return self.before + self.size + self.after

    @property
    def output(self) -> int:
        """Number of windows; 0 where the kernel does not fit.

        floor((padded - extent) / stride) + 1. In ceil mode the division rounds up, but a window that would start
        behind the input and its left padding is dropped, as PyTorch does.
        """
        room = self.padded - self.extent
        if room < 0 and not (self.ceil_mode and room > -self.stride):
            return 0
        if not self.ceil_mode:
            return room // self.stride + 1
        windows = -(-room // self.stride) + 1
        return windows - 1 if (windows - 1) * self.stride >= self.before + self.size else windows

    @property
    def overhang(self) -> int:
        """Places that the last window needs beyond the padded input."""
        return max(0, (self.output - 1) * self.stride + self.extent - self.padded)

    @property
    def is_one_window(self) -> bool:
        """Whether there is one window, and it is just the input."""
        return self.output == self.dilation == 1 and self.before == self.overhang == 0 and self.kernel == self.size

    @property
    def unused(self) -> int:
        """Places of the padded input at its end that no window reads."""
        return max(0, self.padded - (self.output - 1) * self.stride - self.extent)

    @property
    def behind(self) -> int:
        """Places behind the input that a window reads: padding and overhang, less what no window reaches.

        With (before, behind) as its padding a plain window that rounds down has exactly `output` places: what a
        framework without ceil mode or with own limits on padding needs.
        """
        return max(0, self.after + self.overhang - self.unused)

    def taps(self, *, count_padding: bool = False) -> NDArray[np.int64]:
        """How many taps of each window lie on the input, or on the input and its padding (never on overhang).

        >>> axis = Axis(size=5, kernel=3, stride=2, before=1, after=1)
        >>> [sum(0 <= o * 2 - 1 + t < 5 for t in range(3)) for o in range(axis.output)]
        [2, 3, 2]
        >>> axis.taps().tolist()
        [2, 3, 2]
        """
        counts = np.full(self.output, self.kernel, np.int64)
        for windows, taps in self._cut_windows(count_padding=count_padding):
            counts[windows] = taps
        return counts

    @property
    def valid_taps(self) -> int:
        """Taps of all windows that read the input and not its padding."""
        missing = sum(self.kernel * len(taps) - int(taps.sum()) for _, taps in self._cut_windows())
        return self.output * self.kernel - missing

    @property
    def fewest_taps(self) -> int:
        """The least number of taps on the input that a window has; the whole kernel where there is no window."""
        return min([self.kernel, *(int(taps.min()) for _, taps in self._cut_windows())])

    def _cut_windows(self, *, count_padding: bool = False) -> Iterator[tuple[slice, NDArray[np.int64]]]:
        """The windows that may have taps outside, before or behind, and how many taps each of them has inside.

        A window starts at o * stride, and its taps below a place p are those with t * dilation < p - o * stride. All
        that need counting are few, however long the axis is; every other window has all of its taps.
        """
        low, high = (0, self.padded) if count_padding else (self.before, self.before + self.size)
        before = min(self.output, -(-low // self.stride))
        behind = max(before, min(self.output, (high - self.extent) // self.stride + 1))
        for windows in (slice(0, before), slice(behind, self.output)):
            starts = np.arange(windows.start, windows.stop) * self.stride
            if len(starts):
                yield windows, self._taps_below(high - starts) - self._taps_below(low - starts)

    def _taps_below(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many taps lie less than so many places behind the start of their window."""
        return np.clip(-(-places // self.dilation), 0, self.kernel)
