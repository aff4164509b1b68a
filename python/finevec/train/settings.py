"""How to train: what the caller chooses, and what a model has by default."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .. import optim
from ..checks import integer

if TYPE_CHECKING:
    from .loop import Model

OPTIMIZER_CLASSES: dict[str, Callable[..., optim.Optimizer]] = {
    "adagrad": optim.Adagrad,
    "adam": optim.Adam,
    "sgd": optim.SGD,
    "adadelta": functools.partial(optim.Adadelta, rho=0.95),
}
OPTIMIZERS = tuple(OPTIMIZER_CLASSES)
"""The names that `Settings.optimizer` takes."""

_LEAST = {"epochs": 1, "batch_size": 1, "freeze_epochs": 0, "patience": 0, "seed": 0, "blas_threads": 1}
"""The settings that count, and the least that each may be."""


@dataclass(frozen=True)
class TrainingDefaults:
    """What a model is trained with where the settings leave it open.

    Parameters
    ----------
    optimizer : str
        One of `OPTIMIZERS`.
    rates : mapping of str to (float, float)
        For each of `OPTIMIZERS`, the learning rates of the dense parameters and of the embedding.
    """

    optimizer: str
    rates: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs : int
        At most so many passes over the training examples.
    batch_size : int
        Examples in a step; the last batch of an epoch may be smaller.
    optimizer : {"adagrad", "adam", "sgd", "adadelta"}, optional
        The rule of all parameters. None: the model's default. Adadelta is taken with rho 0.95, as in Kim (2014).
    lr, embedding_lr : float, optional
        Learning rates of the dense parameters and of the embedding. None: the model's defaults for the optimizer.
    freeze_epochs : int
        The embedding stays frozen for so many epochs, then trains.
    patience : int
        Stop after so many epochs in a row without a better dev result; 0: never stop early. Epochs in which the
        embedding is frozen do not count.
    seed : int
        Where the order of the examples and the dropout come from. At least 0.
    blas_threads : int
        How many threads NumPy's BLAS may use during the run, see `finevec.blas.threads`. At least 1.
    """

    epochs: int = 25
    batch_size: int = 50
    optimizer: str | None = None
    lr: float | None = None
    embedding_lr: float | None = None
    freeze_epochs: int = 0
    patience: int = 5
    seed: int = 1
    blas_threads: int = 1

    def __post_init__(self) -> None:
        """Check every number."""
        if self.optimizer is not None and self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer: expected one of {', '.join(OPTIMIZERS)}, got {self.optimizer!r}")
        for name, least in _LEAST.items():
            if integer(name, getattr(self, name)) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        for name in ("lr", "embedding_lr"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: expected a finite number above 0, got {value}")

    def for_model(self, model: Model | type[Model]) -> Settings:
        """Return a copy with what was left open filled in from the `training_defaults` of a model, or of its class."""
        defaults = model.training_defaults
        optimizer = defaults.optimizer if self.optimizer is None else self.optimizer
        lr, embedding_lr = defaults.rates[optimizer]
        return replace(
            self,
            optimizer=optimizer,
            lr=lr if self.lr is None else self.lr,
            embedding_lr=embedding_lr if self.embedding_lr is None else self.embedding_lr,
        )
