"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it had begun is put away, and it says how to go on.

A batch system ends a job by the one, a terminal that is closed sends the other. Where they are ignored, as under nohup,
they stay so.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Within it both raise KeyboardInterrupt."""
    usual = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in usual:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in usual:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
