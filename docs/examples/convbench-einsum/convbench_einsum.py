"""A whole third-party backend: 2-D convolution by numpy.einsum over sliding windows."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convbench_specs import Available, Backend, Prepared, Supports, hookimpl, pad_array, unpad_gradient


class Einsum(Backend):
    name = "einsum"
    summary = "numpy.einsum over sliding windows"
    contract = (1, 2)
    supports = Supports(operations=("conv",), ranks=(2,), groups=False, dilation=False)

    def availability(self, device):
        return Available(np.__version__)

    def prepare(self, case, tensors):
        conv, x, w, b, dy = case.operation, tensors.x, tensors.w, tensors.b, tensors.dy
        (rows, columns), (down, right) = case.axes, conv.stride

        def windows():  # (N, C, OH, OW, R, S), a view
            padded = pad_array(x, case.axes, mode=conv.padding_mode)
            return sliding_window_view(padded, conv.kernel_size, axis=(2, 3))[:, :, ::down, ::right]

        def forward():
            y = np.einsum("nchwrs,kcrs->nkhw", windows(), w, optimize=True)
            return y if b is None else y + b[:, None, None]

        def backward():
            dw = np.einsum("nchwrs,nkhw->kcrs", windows(), dy, optimize=True)
            padded = np.zeros((*x.shape[:2], rows.padded, columns.padded), x.dtype)
            for r, s in np.ndindex(*conv.kernel_size):  # each tap adds its share to the places that it read
                places = np.s_[:, :, r : r + down * rows.output : down, s : s + right * columns.output : right]
                padded[places] += np.einsum("nkhw,kc->nchw", dy, w[:, :, r, s], optimize=True)
            dx = unpad_gradient(padded, case.axes, mode=conv.padding_mode)
            return dx, dw, None if b is None else dy.sum((0, 2, 3))

        return Prepared(forward=forward, backward=backward)


@hookimpl
def convbench_backends():
    return [Einsum]
