"""What convbench reads of a call's memory next to what the call is known to need.

    python tests/benchmarks/memory_truth.py [SUBJECT ...]

prints a table in Markdown, that of docs/measurement.md, and exits with 1 where a measurement of a subject that can be
held to the truth is off by more than 2 % or 1 MB, whichever is larger. Each measurement is made as in a run: a process
of its own with the pinned allocator, and there the readings that a worker takes.

Subjects: a whole im2col of a 3 x 3 convolution, as NumPy, PyTorch, JAX and TensorFlow give it. Known truth: bytes of
what a call leaves and what it needs meanwhile, from shapes. NumPy's is the copy that pads x, and the columns; torch.nn.
functional.unfold gives the columns alone; jax.lax.conv_general_dilated_patches computes them by a convolution whose
result is transposed, so there are two of them; tf.image.extract_patches gives the columns, and keeps an arena.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

from convbench.measure.memory import peak_memory, readings
from convbench.run.memory import REPEATS
from convbench.workers.environment import PINNED_ALLOCATOR
from convbench_specs import MemoryCounter

MEGABYTE = 1_000_000
SIZES_MB = (8, 32, 256)
CHANNELS, SIDE, TAPS = 16, 56, 9
FRAMEWORKS = {"numpy": "numpy", "pytorch": "torch", "jax": "jax", "tensorflow": "tensorflow"}
UPPER_BOUND = ("tensorflow",)
"""Subjects of whose memory there is an upper bound only."""


def batch_size_of(megabytes: float, copies: float) -> int:
    """Images of which x, `copies` times, takes so many megabytes."""
    return max(1, round(megabytes * MEGABYTE / copies / (CHANNELS * SIDE * SIDE * 4)))


def x_bytes(batch_size: int) -> int:
    """Bytes of x in float32."""
    return batch_size * CHANNELS * SIDE * SIDE * 4


def numpy_subject(megabytes: float) -> tuple[Callable[[], Any], Callable[[Any], None], int]:
    """The im2col of the shipped NumPy backend: padded images and their columns."""
    import numpy as np

    from convbench_backends.numpy_im2col.im2col import im2col
    from convbench_backends.numpy_im2col.windows import windows_of
    from convbench_specs import Case, Conv

    operation = Conv(in_channels=CHANNELS, out_channels=CHANNELS, kernel_size=(3, 3), padding="same")
    windows = windows_of(Case(name="truth", operation=operation, input_shape=(CHANNELS, SIDE, SIDE)))
    padded = (SIDE + 2) ** 2 / SIDE**2
    n = batch_size_of(megabytes, TAPS + padded)
    x = np.ones((n, CHANNELS, SIDE, SIDE), np.float32)
    return lambda: im2col(x, windows), lambda _: None, round(x_bytes(n) * (TAPS + padded))


def pytorch_subject(megabytes: float) -> tuple[Callable[[], Any], Callable[[Any], None], int]:
    """torch.nn.functional.unfold."""
    import torch

    n = batch_size_of(megabytes, TAPS)
    x = torch.ones(n, CHANNELS, SIDE, SIDE)
    return lambda: torch.nn.functional.unfold(x, 3, padding=1), lambda _: None, x_bytes(n) * TAPS


def jax_subject(megabytes: float) -> tuple[Callable[[], Any], Callable[[Any], None], int]:
    """jax.lax.conv_general_dilated_patches, compiled."""
    import jax
    import jax.numpy as jnp

    n = batch_size_of(megabytes, 2 * TAPS)
    x = jnp.ones((n, CHANNELS, SIDE, SIDE), jnp.float32)
    patches = jax.jit(lambda x: jax.lax.conv_general_dilated_patches(x, (3, 3), (1, 1), "SAME"))
    return lambda: patches(x), jax.block_until_ready, x_bytes(n) * 2 * TAPS


def tensorflow_subject(megabytes: float) -> tuple[Callable[[], Any], Callable[[Any], None], int]:
    """tf.image.extract_patches, channels last."""
    import tensorflow as tf

    n = batch_size_of(megabytes, TAPS)
    x = tf.ones((n, SIDE, SIDE, CHANNELS))
    call = tf.function(lambda: tf.image.extract_patches(x, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "SAME"))
    return call, lambda _: None, x_bytes(n) * TAPS


SUBJECTS = {
    "numpy": numpy_subject, "pytorch": pytorch_subject, "jax": jax_subject, "tensorflow": tensorflow_subject,
}  # fmt: skip


def counter_of(subject: str) -> MemoryCounter | None:
    """The counter that the shipped backend has on a CPU."""
    if subject != "tensorflow":
        return None
    from convbench_backends.tensorflow import TensorFlow
    from convbench_specs import Settings

    backend = TensorFlow()
    backend.start(Settings())
    return backend.memory_counter()


def measure(subject: str, megabytes: float) -> dict[str, Any]:
    """In a process of its own: what is known and what is read, in bytes."""
    call, wait, known = SUBJECTS[subject](megabytes)
    peaks = readings(peak_memory, call, wait, counter_of(subject), REPEATS)
    found = [peak.peak_bytes for peak in peaks]
    return {"known": known, "found": median(found), "low": min(found), "high": max(found), "source": peaks[0].source}


def in_own_process(subject: str, megabytes: float) -> dict[str, Any]:
    """The measurement, made as a run makes it."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, __file__, "--one", subject, str(megabytes)],
        env={**os.environ, **PINNED_ALLOCATOR, **quiet}, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def is_held(row: dict[str, Any]) -> bool:
    """Whether it is within 2 % or 1 MB of the truth."""
    return abs(row["found"] - row["known"]) <= max(0.02 * row["known"], MEGABYTE)


def main(subjects: list[str]) -> int:
    """Print the table; 1 where a subject fails."""
    print("| im2col by | known, MB | read, MB | range | off by | read from |\n|---|---:|---:|---:|---:|---|")
    failed = 0
    for subject in subjects:
        if importlib.util.find_spec(FRAMEWORKS[subject]) is None:
            print(f"| {subject} | – | – | – | – | not installed |")
            continue
        for megabytes in SIZES_MB:
            row = in_own_process(subject, megabytes)
            known, found, low, high = (row[key] / MEGABYTE for key in ("known", "found", "low", "high"))
            off = f"{found - known:+.2f} MB, {100 * (found / known - 1):+.1f} %"
            print(f"| {subject} | {known:.2f} | {found:.2f} | {low:.2f}–{high:.2f} | {off} | {row['source']} |")
            failed += subject not in UPPER_BOUND and not is_held(row)
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], float(sys.argv[3]))))
    else:
        sys.exit(main(sys.argv[1:] or list(SUBJECTS)))
