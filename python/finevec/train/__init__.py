"""Training: the one loop for every model, its settings, its record, its checkpoints, and how it is shown."""

from .history import EpochRecord as EpochRecord
from .history import History as History
from .loop import BatchLoss as BatchLoss
from .loop import Model as Model
from .loop import evaluate as evaluate
from .loop import fit as fit
from .loop import hold_out as hold_out
from .settings import OPTIMIZERS as OPTIMIZERS
from .settings import Settings as Settings
from .settings import TrainingDefaults as TrainingDefaults

__all__ = [
    "OPTIMIZERS",
    "BatchLoss",
    "EpochRecord",
    "History",
    "Model",
    "Settings",
    "TrainingDefaults",
    "evaluate",
    "fit",
    "hold_out",
]
