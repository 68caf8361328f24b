"""Layers as a course on neural networks has them written: NumPy, forward, backward, and gradients in attributes.

Nothing here knows convbench. Inputs are square, padding is the same on all sides.
"""

import numpy as np


class Convolution:
    """y = w * x + b, by one matrix product over all windows (im2col)."""

    def __init__(self, stride=1, padding=0):
        self.stride, self.padding = stride, padding
        self.w = self.b = None
        self.dw = self.db = None

    def forward(self, x):
        self.x_shape = x.shape
        self.columns, size = columns_of(pad(x, self.padding), self.w.shape[-1], self.stride)
        filters = self.w.reshape(len(self.w), -1)
        y = self.columns @ filters.T + self.b
        return y.reshape(len(x), size, size, len(self.w)).transpose(0, 3, 1, 2)

    def backward(self, dy):
        rows = dy.transpose(0, 2, 3, 1).reshape(-1, len(self.w))
        self.dw = (rows.T @ self.columns).reshape(self.w.shape)
        self.db = rows.sum(axis=0)
        columns = rows @ self.w.reshape(len(self.w), -1)
        return image_of(columns, self.x_shape, self.w.shape[-1], self.stride, self.padding)


class MaxPooling:
    """The largest element of each window; its gradient goes to the first of equal ones."""

    def __init__(self, size, stride):
        self.size, self.stride = size, stride

    def forward(self, x):
        self.x_shape = x.shape
        windows, size = columns_of(x.reshape(-1, 1, *x.shape[2:]), self.size, self.stride)
        self.places = windows.argmax(axis=1)
        y = windows[np.arange(len(windows)), self.places]
        return y.reshape(*x.shape[:2], size, size)

    def backward(self, dy):
        windows = np.zeros((dy.size, self.size**2), dy.dtype)
        windows[np.arange(dy.size), self.places] = dy.ravel()
        channels, height, width = self.x_shape[1:]
        planes = (self.x_shape[0] * channels, 1, height, width)
        return image_of(windows, planes, self.size, self.stride, 0).reshape(self.x_shape)


class Flattening:
    """All features of an instance in one row."""

    def forward(self, x):
        self.x_shape = x.shape
        return x.reshape(len(x), int(np.prod(x.shape[1:]))).copy()

    def backward(self, dy):
        return dy.reshape(self.x_shape).copy()


def pad(x, amount):
    """Zeros around the last two axes."""
    return np.pad(x, ((0, 0), (0, 0), (amount, amount), (amount, amount)))


def columns_of(x, kernel, stride):
    """(windows of all images, elements of a window), and how many windows an axis has."""
    size = (x.shape[-1] - kernel) // stride + 1
    taps = np.empty((*x.shape[:2], kernel, kernel, size, size), x.dtype)
    for r in range(kernel):
        for s in range(kernel):
            taps[:, :, r, s] = x[:, :, r : r + stride * size : stride, s : s + stride * size : stride]
    return taps.transpose(0, 4, 5, 1, 2, 3).reshape(-1, x.shape[1] * kernel**2), size


def image_of(columns, shape, kernel, stride, padding):
    """The adjoint of padding and columns_of: every window adds its elements to the places that it came from."""
    images, channels, height, width = shape
    padded = np.zeros((images, channels, height + 2 * padding, width + 2 * padding), columns.dtype)
    size = (padded.shape[-1] - kernel) // stride + 1
    taps = columns.reshape(images, size, size, channels, kernel, kernel).transpose(0, 3, 4, 5, 1, 2)
    for r in range(kernel):
        for s in range(kernel):
            padded[:, :, r : r + stride * size : stride, s : s + stride * size : stride] += taps[:, :, r, s]
    return padded[:, :, padding : padding + height, padding : padding + width]
