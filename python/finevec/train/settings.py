"""How to train: what the caller chooses, and what a model has by default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..checks import integer, not_negative

if TYPE_CHECKING:
    from .loop import Model

OPTIMIZERS: dict[str, Mapping[str, float]] = {"adagrad": {}, "adam": {}, "sgd": {}, "adadelta": {"rho": 0.95}}
"""The names that `Settings.optimizer` takes, and what each rule has beside its rate that is not its own default."""

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
    embedding_optimizer : str, optional
        One of `OPTIMIZERS`, for the embedding where the settings leave both optimizers open. None: `optimizer`.
    weight_decay : float
        Of the dense parameters.
    batch_size : int
    """

    optimizer: str
    rates: Mapping[str, tuple[float, float]]
    embedding_optimizer: str | None = None
    weight_decay: float = 0.0
    batch_size: int = 50


@dataclass(frozen=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs : int
        At most so many passes over the training examples.
    batch_size : int, optional
        Examples in a step; the last batch of an epoch may be smaller. None: the model's default.
    optimizer : {"adagrad", "adam", "sgd", "adadelta"}, optional
        The rule of the dense parameters. None: the model's default. Adadelta is taken with rho 0.95, as in Kim (2014).
    embedding_optimizer : {"adagrad", "adam", "sgd", "adadelta"}, optional
        The rule of the embedding. None: that of the dense parameters; where this is left open too, the model's default.
    lr, embedding_lr : float, optional
        Learning rates of the dense parameters and of the embedding. None: the model's defaults for their optimizers.
    weight_decay : float, optional
        Of the dense parameters: adds ``weight_decay * w`` to the gradient. None: the model's default.
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
    batch_size: int | None = None
    optimizer: str | None = None
    embedding_optimizer: str | None = None
    lr: float | None = None
    embedding_lr: float | None = None
    weight_decay: float | None = None
    freeze_epochs: int = 0
    patience: int = 5
    seed: int = 1
    blas_threads: int = 1

    def __post_init__(self) -> None:
        """Check every number."""
        for name in ("optimizer", "embedding_optimizer"):
            optimizer = getattr(self, name)
            if optimizer is not None and optimizer not in OPTIMIZERS:
                raise ValueError(f"{name}: expected one of {', '.join(OPTIMIZERS)}, got {optimizer!r}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if (name != "batch_size" or value is not None) and integer(name, value) < least:
                raise ValueError(f"{name}: expected at least {least}, got {value}")
        for name in ("lr", "embedding_lr"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: expected a finite number above 0, got {value}")
        if self.weight_decay is not None:
            not_negative("weight_decay", self.weight_decay)

    def for_model(self, model: Model | type[Model]) -> Settings:
        """Return a copy with what was left open filled in from the `training_defaults` of a model, or of its class."""
        defaults = model.training_defaults
        optimizer = self.optimizer or defaults.optimizer
        own = None if self.optimizer else defaults.embedding_optimizer
        embedding_optimizer = self.embedding_optimizer or own or optimizer
        return replace(
            self,
            batch_size=defaults.batch_size if self.batch_size is None else self.batch_size,
            optimizer=optimizer,
            embedding_optimizer=embedding_optimizer,
            lr=defaults.rates[optimizer][0] if self.lr is None else self.lr,
            embedding_lr=defaults.rates[embedding_optimizer][1] if self.embedding_lr is None else self.embedding_lr,
            weight_decay=defaults.weight_decay if self.weight_decay is None else self.weight_decay,
        )
