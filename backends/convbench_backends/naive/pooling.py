"""Pooling, as it is defined; names and shapes as in convolution.py, with as many channels out as in."""

from __future__ import annotations

from convbench_backends.naive.convolution import Plane, Tensor4, zeros_like
from convbench_backends.naive.windows import Window, Windows


def max_forward(x: Tensor4, windows: Windows) -> Tensor4:
    """y[n][c][i][j] = the largest element of the window."""

    def pooled(plane: Plane) -> Plane:
        return [[largest(plane, row, column)[0] for column in windows.columns] for row in windows.rows]

    return [[pooled(plane) for plane in image] for image in x]


def max_backward(x: Tensor4, dy: Tensor4, windows: Windows) -> Tensor4:
    """dx: the whole gradient of a window goes to its largest element."""
    dx = zeros_like(x)
    for n, image in enumerate(x):
        for c, plane in enumerate(image):
            for i, row in enumerate(windows.rows):
                for j, column in enumerate(windows.columns):
                    _, h, v = largest(plane, row, column)
                    dx[n][c][h][v] += dy[n][c][i][j]
    return dx


def largest(plane: Plane, row: Window, column: Window) -> tuple[float, int, int]:
    """The largest element of a window and its place; of equal ones the first, line by line. NaN is the largest."""
    where = row[0][1], column[0][1]
    value = plane[where[0]][where[1]]
    for _, h in row:
        for _, v in column:
            # NaN compares with nothing: not smaller, so it wins, and nothing wins against it
            if value == value and not plane[h][v] <= value:  # noqa: PLR0124
                value, where = plane[h][v], (h, v)
    return value, *where


def average_forward(x: Tensor4, windows: Windows, counts: list[list[int]]) -> Tensor4:
    """y[n][c][i][j] = the sum of the window, divided by counts[i][j]."""

    def pooled(plane: Plane) -> Plane:
        result = []
        for i, row in enumerate(windows.rows):
            line = []
            for j, column in enumerate(windows.columns):
                total = 0.0
                for _, h in row:
                    for _, v in column:
                        total += plane[h][v]
                line.append(total / counts[i][j])
            result.append(line)
        return result

    return [[pooled(plane) for plane in image] for image in x]


def average_backward(x: Tensor4, dy: Tensor4, windows: Windows, counts: list[list[int]]) -> Tensor4:
    """dx: the gradient of a window is shared out evenly."""
    dx = zeros_like(x)
    for n, image in enumerate(dy):
        for c, plane in enumerate(image):
            for i, row in enumerate(windows.rows):
                for j, column in enumerate(windows.columns):
                    share = plane[i][j] / counts[i][j]
                    for _, h in row:
                        for _, v in column:
                            dx[n][c][h][v] += share
    return dx
