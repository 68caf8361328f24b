"""A wrong backend: its convolution drops the last tap of the kernel."""

import numpy as np

from convbench_specs import Available, Backend, Conv, Prepared, Unsupported, hookimpl, pad_array


class LastTap(Backend):
    name = "last-tap"

    def availability(self, device):
        return Available("1")

    def prepare(self, case, tensors):
        conv = case.operation
        if not isinstance(conv, Conv) or conv.rank != 2 or conv.groups > 1:
            return Unsupported("only 2-D convolutions without groups")
        x, w, b = tensors.x, tensors.w, tensors.b

        def forward():
            padded = pad_array(x, case.axes, mode=conv.padding_mode)
            y = np.zeros(case.y_shape(len(x)), x.dtype)
            taps = list(np.ndindex(*conv.kernel_size))
            for r, s in taps[:-1]:
                rows, columns = case.axes
                top, left = r * rows.dilation, s * columns.dilation
                part = padded[
                    :,
                    :,
                    top : top + rows.stride * rows.output : rows.stride,
                    left : left + columns.stride * columns.output : columns.stride,
                ]
                y += np.einsum("nchw,kc->nkhw", part, w[:, :, r, s])
            return y if b is None else y + b[:, None, None]

        return Prepared(forward=forward)


@hookimpl
def convbench_backends():
    return [LastTap]
