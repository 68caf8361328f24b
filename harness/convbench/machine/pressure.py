"""Whether tasks had to wait for a processor while a sample was taken.

The kernel's pressure stall information counts the time in which some task was ready to run but waited for a processor.
Without it (before Linux 4.20, or when it is switched off) nothing is known and nothing is claimed. The spread of the
samples alone does not show such waiting: a steady load from another program makes every sample longer by the same part.
"""

from __future__ import annotations

from pathlib import Path

PRESSURE = Path("/proc/pressure/cpu")
MOST_SHARE = 0.05
"""A sample in which more than this share of the time a task waited for a processor is marked as contended."""


def waited_s() -> float | None:
    """Seconds since the start of the machine with a task waiting for a processor; None if the system does not count."""
    try:
        return parse_pressure(PRESSURE.read_text())
    except OSError:
        return None


def parse_pressure(text: str) -> float | None:
    """The total of the line "some" of a pressure file, in seconds.

    >>> parse_pressure("some avg10=0.00 avg60=0.12 avg300=0.05 total=2500000")
    2.5
    """
    for line in text.splitlines():
        kind, _, fields = line.partition(" ")
        if kind == "some":
            _, _, total = fields.rpartition("total=")
            return int(total) * 1e-6
    return None


def is_contended(waited: float | None, elapsed_s: float) -> bool:
    """Whether a sample of `elapsed_s` seconds, during which a task waited for `waited` seconds, counts as disturbed."""
    return waited is not None and waited > MOST_SHARE * elapsed_s
