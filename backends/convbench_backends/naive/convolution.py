"""Convolution, as it is defined.

Names: image n, filter k, channel c; output place (i, j); tap (r, s) of the kernel, which reads the input at (h, v).
Each of `groups` groups of filters reads its own share of the channels.

Shapes: x and dx [N][C][H][W], w and dw [K][C / groups][R][S], b and db [K], y and dy [N][K][OH][OW].
"""

from __future__ import annotations

from convbench_backends.naive.windows import Windows

Plane = list[list[float]]
Image = list[Plane]
Tensor4 = list[Image]


def forward(x: Tensor4, w: Tensor4, b: list[float], windows: Windows, groups: int) -> Tensor4:
    """y[n][k][i][j] = b[k] + sum over c, r, s of x[n][c][h][v] * w[k][c][r][s]."""
    y = []
    for image in x:
        maps = []
        for k, kernel in enumerate(w):
            first = first_channel(k, w, groups)
            maps.append(feature_map(image[first : first + len(kernel)], kernel, b[k], windows))
        y.append(maps)
    return y


def feature_map(channels: Image, kernel: Image, bias: float, windows: Windows) -> Plane:
    """What one filter makes of the channels that it reads: [OH][OW]."""
    result = []
    for row in windows.rows:
        line = []
        for column in windows.columns:
            total = bias
            for c in range(len(kernel)):
                for r, h in row:
                    for s, v in column:
                        total += channels[c][h][v] * kernel[c][r][s]
            line.append(total)
        result.append(line)
    return result


def backward(
    x: Tensor4, w: Tensor4, dy: Tensor4, windows: Windows, groups: int
) -> tuple[Tensor4, Tensor4, list[float]]:
    """(dx, dw, db): each product of the forward pass, x * w, sends dy * w to its x and dy * x to its w."""
    dx, dw, db = zeros_like(x), zeros_like(w), [0.0] * len(w)
    for n, image in enumerate(x):
        for k, kernel in enumerate(w):
            first = first_channel(k, w, groups)
            for i, row in enumerate(windows.rows):
                for j, column in enumerate(windows.columns):
                    gradient = dy[n][k][i][j]
                    db[k] += gradient
                    for c in range(len(kernel)):
                        for r, h in row:
                            for s, v in column:
                                dx[n][first + c][h][v] += gradient * kernel[c][r][s]
                                dw[k][c][r][s] += gradient * image[first + c][h][v]
    return dx, dw, db


def first_channel(k: int, w: Tensor4, groups: int) -> int:
    """The first of the channels that filter k reads, which are as many as its kernel has."""
    group = k // (len(w) // groups)
    return group * len(w[k])


def zeros_like(tensor: Tensor4) -> Tensor4:
    """Zeros in the shape of a tensor."""
    return [[[[0.0] * len(line) for line in plane] for plane in image] for image in tensor]
