"""The record of a training run, and what follows from it: the best epoch, and whether the run ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .settings import Settings


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch gave. Training figures are taken while the weights move, with dropout.

    `dev_accuracy` is what the model's `evaluate` gives beside the loss: of relatedness, Pearson's r.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    dev_loss: float
    dev_accuracy: float
    examples_per_second: float
    seconds: float
    """Since the start of training."""


@dataclass
class History:
    """The record of a training run; `best_epoch` is the one whose weights the model has now. Epochs count from 1."""

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    stopped_early: bool = False
    seconds: float = 0.0
    """From the start of training to the end of the last epoch."""
    changed_rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """The rows, ascending, in which the model's tables differ from before training."""
    environment: dict[str, Any] = field(default_factory=dict)
    """Versions and threads of the run, as `finevec.blas.environment` gives them."""

    def to_json(self) -> dict[str, Any]:
        """Return the epochs and the best one in plain types."""
        return {
            "epochs": [asdict(record) for record in self.epochs],
            "best_epoch": self.best_epoch,
            "stopped_early": self.stopped_early,
        }


def best_epoch(records: Sequence[EpochRecord]) -> int:
    """Return the epoch of the highest dev accuracy; of equals, of the lowest dev loss, then the first. 0: none yet."""
    if not records:
        return 0
    return max(records, key=lambda record: (record.dev_accuracy, -record.dev_loss)).epoch


def run_ends(records: Sequence[EpochRecord], settings: Settings) -> bool:
    """Tell whether a run with these settings ends after these epochs, all done or out of patience."""
    waited = len(records) - max(best_epoch(records), settings.freeze_epochs)
    return len(records) >= settings.epochs or 0 < settings.patience <= waited
