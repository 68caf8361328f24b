"""The flat layout: how a convolution becomes one long row of outputs, each tap at a fixed distance.

Rows of the input are copied one after the other with `pitch` places between their starts, padding included. Then output
q = i * pitch + j reads tap (r, s) at q + r * pitch + s, whatever i and j are, so that a vector of outputs is a vector
of inputs for every tap and may run over the end of a row.

    input 3 x 4, padding 1, pitch 5           . . . . .     the padding behind a row is the padding before the next
    outputs 3 x 4; the fifth of each row      . a b c d
    is computed and dropped                   . e f g h
                                              . i j k l
                                              . . . . .  .

A stride cuts the input into planes, one a residue: place m of plane p is input place m * stride + first[p], and tap t
lies in plane (t * dilation) % stride, (t * dilation) // stride places on.

The gradient of the input is a convolution of dy with the taps in reverse; a stride makes one of `stride` phases of it,
each with the taps that reach it. Both are described by the same plan, so that one kernel computes both:

    forward    source x,  planes by residue,  one phase,          filters of w
    dx         source dy, one plane,          phases by residue,  w transposed and reversed
"""

from __future__ import annotations

from dataclasses import dataclass

from convbench_specs import Axis


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap of the kernel: which, in which plane, and how far from an output's own place."""

    tap: int
    plane: int
    offset: int


@dataclass(frozen=True, slots=True)
class Phase:
    """Outputs that share their taps: grid position i in low .. high - 1 is written to i * step + first."""

    first: int
    low: int
    high: int
    taps: tuple[Tap, ...]


@dataclass(frozen=True, slots=True)
class FlatAxis:
    """One axis of the flat layout: a grid of outputs over planes of the source.

    Place m of plane p is source place m * source_step + firsts[p]; outside 0 .. source_size - 1 it is padding.
    """

    grid: int
    firsts: tuple[int, ...]
    source_step: int
    source_size: int
    phases: tuple[Phase, ...]
    target_step: int
    target_size: int

    @property
    def reach(self) -> int:
        """Largest offset of a tap."""
        return max((tap.offset for phase in self.phases for tap in phase.taps), default=0)

    def inside(self, plane: int, length: int) -> tuple[int, int]:
        """Places of a plane of `length` that lie on the source: from, to."""
        first, step = self.firsts[plane], self.source_step
        low = min(length, max(0, -(first // step)))
        return low, max(low, min(length, -((first - self.source_size) // step)))

    @property
    def is_one_phase(self) -> bool:
        """Whether the grid is the target, with the same taps everywhere."""
        phase = self.phases[0]
        return len(self.phases) == 1 and (phase.first, phase.low, phase.high) == (0, 0, self.target_size)

    @property
    def is_identity(self) -> bool:
        """Whether the grid is the source and the target: no padding, no stride, one tap."""
        same = self.firsts == (0,) and self.source_step == self.target_step == 1 and self.reach == 0
        return same and self.grid == self.source_size == self.target_size


def forward_axis(axis: Axis) -> FlatAxis:
    """Axis of the convolution itself: a plane for each residue that a tap has."""
    steps = [tap * axis.dilation for tap in range(axis.kernel)]
    residues = sorted({step % axis.stride for step in steps})
    taps = tuple(Tap(tap, residues.index(step % axis.stride), step // axis.stride) for tap, step in enumerate(steps))
    return FlatAxis(
        grid=axis.output,
        firsts=tuple(residue - axis.before for residue in residues),
        source_step=axis.stride,
        source_size=axis.size,
        phases=(Phase(0, 0, axis.output, taps),),
        target_step=1,
        target_size=axis.output,
    )


def gradient_axis(axis: Axis) -> FlatAxis:
    """Axis of the gradient of the input: a phase for each residue of the padded place h + before.

    h + before = stride * i + residue reads dy at i - (tap * dilation - residue) / stride for each tap of that residue.
    """
    stride, before = axis.stride, axis.before
    back = {tap: tap * axis.dilation // stride for tap in range(axis.kernel)}
    reach = max(back.values())
    low = min(-((before - residue) // -stride) for residue in range(stride))
    phases = []
    for residue in range(stride):
        taps = tuple(Tap(t, 0, reach - b) for t, b in back.items() if t * axis.dilation % stride == residue)
        first = -((before - residue) // -stride)
        last = (axis.size - 1 + before - residue) // stride
        phases.append(Phase(stride * low + residue - before, first - low, last + 1 - low, taps))
    return FlatAxis(
        grid=max(phase.high for phase in phases),
        firsts=(low - reach,),
        source_step=1,
        source_size=axis.output,
        phases=tuple(phases),
        target_step=stride,
        target_size=axis.size,
    )
