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

from dataclasses import dataclass


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

    def taps(self, *, count_padding: bool = False) -> tuple[int, ...]:
        """How many taps of each window lie on the input, or on the input and its padding (never on overhang)."""
        low, high = (0, self.padded) if count_padding else (self.before, self.before + self.size)
        return tuple(
            sum(low <= o * self.stride + t * self.dilation < high for t in range(self.kernel))
            for o in range(self.output)
        )

    @property
    def valid_taps(self) -> int:
        """Taps of all windows that read the input and not its padding."""
        return sum(self.taps())
