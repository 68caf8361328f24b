"""Flatten, as it is defined: the elements of an image in one row, in the order of channels first or last."""

from __future__ import annotations

from collections.abc import Iterator

from convbench_backends.naive.convolution import Tensor4, zeros_like


def flatten(x: Tensor4, shape: tuple[int, int, int], *, channels_last: bool) -> list[list[float]]:
    """y[n] = every x[n][c][h][v] in turn; `shape` is (C, H, W)."""
    return [[image[c][h][v] for c, h, v in order(shape, channels_last=channels_last)] for image in x]


def unflatten(dy: list[list[float]], x: Tensor4, shape: tuple[int, int, int], *, channels_last: bool) -> Tensor4:
    """dx: each element of dy, back where it came from."""
    dx = zeros_like(x)
    for n, row in enumerate(dy):
        for gradient, (c, h, v) in zip(row, order(shape, channels_last=channels_last), strict=True):
            dx[n][c][h][v] = gradient
    return dx


def order(shape: tuple[int, int, int], *, channels_last: bool) -> Iterator[tuple[int, int, int]]:
    """All (c, h, v), the last axis of the order running fastest."""
    channels, height, width = shape
    if channels_last:
        for h in range(height):
            for v in range(width):
                for c in range(channels):
                    yield c, h, v
    else:
        for c in range(channels):
            for h in range(height):
                for v in range(width):
                    yield c, h, v
