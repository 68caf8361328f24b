"""The state of an entrant after each epoch, from which a training goes on: weights and the optimizer's vectors, .npy.

Those of the last two epochs are kept: when one entrant has ended an epoch, others have not, and a training goes on with
the last epoch that all have ended.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from convbench.results.training.journal import ENTRANTS

KEPT_EPOCHS = 2


def state_folder(folder: Path, name: str, epoch: int) -> Path:
    """Where the state after an epoch is."""
    return folder / ENTRANTS / name / f"epoch-{epoch}"


def keep_only_last(folder: Path, name: str, epoch: int) -> None:
    """Remove what no training goes on from any more, now that this epoch is kept."""
    shutil.rmtree(state_folder(folder, name, epoch - KEPT_EPOCHS), ignore_errors=True)
