"""Memory bandwidth by NumPy, in a process of its own: `python -m convbench.run.limits.bandwidth THREADS BYTES`.

- Two of the kernels of McCalpin's STREAM: copy, a = b, moves 2 bytes a byte of a; add, a = b + c, moves 3, as triad
  does, which NumPy cannot do in one pass. Bytes are counted as STREAM counts them: read and written once each, the
  fetch of a line that is about to be overwritten (write-allocate) not at all. The better of the two is the bandwidth.
- Each array is at least FACTOR times as large as the last-level caches of the machine together, as STREAM asks for.
- Each thread has its part of the arrays; NumPy lets go of the interpreter's lock meanwhile. Each part is written first
  by the thread that uses it, so that its pages are near.
- The best repetition counts, as noise only adds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convbench.machine.facts import free_bytes, last_level_caches_bytes
from convbench.machine.pressure import is_contended, waited_s
from convbench.results.roofline import Bandwidth
from convbench.text.strict_json import to_json

FACTOR = 4
SPEND_S = 0.25
"""For each of the kernels."""
MOST_SHARE_OF_MEMORY = 0.25
"""Of what is free, for the three arrays together."""
TIMEOUT_S = 60.0
Kernel = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], object]
KERNELS: dict[str, tuple[Kernel, int]] = {
    "copy": (lambda a, b, _: np.copyto(a, b), 2),
    "add": (lambda a, b, c: np.add(b, c, out=a), 3),
}
"""The kernel, and bytes that it moves a byte of its result."""


def measure_bandwidth(threads: int, left_s: float = TIMEOUT_S) -> Bandwidth | None:
    """The bandwidth of this machine with so many threads; None where its process failed, or left_s were too short."""
    if left_s <= 0:
        return None
    array_bytes = size_of_array(last_level_caches_bytes(), free_bytes())
    command = [sys.executable, "-P", "-m", "convbench.run.limits.bandwidth", str(threads), str(array_bytes)]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module
            command,
            capture_output=True,
            text=True,
            timeout=min(TIMEOUT_S, left_s),
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return Bandwidth(**json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return None


def size_of_array(cache_bytes: int, memory_bytes: int) -> int:
    """Bytes of an array: FACTOR times the caches, less where memory is short, whole pages.

    >>> size_of_array(32 * 2**20, 2**40) == 128 * 2**20
    True
    """
    most = int(memory_bytes * MOST_SHARE_OF_MEMORY / 3)
    return max(1, min(FACTOR * cache_bytes, most) // 4096) * 4096


def best_bandwidth(threads: int, array_bytes: int) -> Bandwidth:
    """Measure it in this process."""
    found = []
    with _parts(threads, array_bytes) as (pool, parts):
        for name, (kernel, factor) in KERNELS.items():
            seconds, contended = _best(lambda kernel=kernel: list(pool.map(lambda part: kernel(*part), parts)))  # type: ignore[misc]  # bound now, not later
            rate = factor * array_bytes / seconds / 1e9
            found.append(Bandwidth(gbytes_per_s=rate, way=name, array_bytes=array_bytes, contended=contended))
    return reduce(Bandwidth.or_better, found)


Part = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@contextmanager
def _parts(threads: int, array_bytes: int) -> Iterator[tuple[ThreadPoolExecutor, list[Part]]]:
    """A pool and each thread's part of three arrays, written once."""
    size = array_bytes // 8
    arrays = [np.empty(size) for _ in range(3)]
    limits = [thread * size // threads for thread in range(threads + 1)]
    parts = [(arrays[0][start:stop], arrays[1][start:stop], arrays[2][start:stop]) for start, stop in pairwise(limits)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_fill, parts))
        yield pool, parts


def _fill(part: Part) -> None:
    for value, array in enumerate(part, start=1):
        array.fill(value)


def _best(run: Callable[[], object]) -> tuple[float, bool]:
    """Seconds of the shortest repetition, and whether others used the machine in it."""
    best, contended = float("inf"), False
    end = time.perf_counter() + SPEND_S
    while time.perf_counter() < end or best == float("inf"):
        waited, begin = waited_s(), time.perf_counter()
        run()
        seconds = time.perf_counter() - begin
        if seconds < best:
            after = waited_s()
            lost = None if waited is None or after is None else after - waited
            best, contended = seconds, is_contended(lost, seconds)
    return best, contended


def main() -> None:
    """Print what was found as JSON."""
    threads, array_bytes = int(sys.argv[1]), int(sys.argv[2])
    found = best_bandwidth(threads, array_bytes)
    fields = {name: getattr(found, name) for name in ("gbytes_per_s", "way", "array_bytes", "contended")}
    sys.stdout.write(to_json(fields) + "\n")


if __name__ == "__main__":
    main()
