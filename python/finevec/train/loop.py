"""The one training loop, for every model.

A model brings its examples' loss, its parameters by group and the rows that examples touch (`Model`). The loop brings
the order of the examples, the optimizer, the freezing schedule, the dev set, the best epoch, and the record of it all.

What an epoch draws at random follows from ``(seed, epoch)`` alone, so a run can be taken up again at any epoch, from
a file that is written after each (`finevec.train.checkpoint`).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import blas, optim
from ..parameter import Parameter
from .checkpoint import Checkpoint
from .history import EpochRecord, History, best_epoch, run_ends
from .progress import Progress, Silent
from .run_state import RunState, identity
from .settings import OPTIMIZERS, Settings, TrainingDefaults
from .snapshot import Snapshot

HELD_OUT = 0.1
"""Fraction of the training texts that is held out when there is no dev set."""


class BatchLoss(NamedTuple):
    """The mean loss of a batch's examples in nats, how many of these were right, and the way back.

    `backprop` adds to the gradients of the model's parameters.
    """

    value: float
    correct: int
    backprop: Callable[[], None]


class Model(Protocol):
    """What the loop needs of a model. `finevec.models.TextClassifier` is one."""

    kind: ClassVar[str]
    training_defaults: ClassVar[TrainingDefaults]

    def loss(self, examples: Sequence[Any], rng: np.random.Generator | None = None) -> BatchLoss:
        """Return the loss of a batch; `rng` is given when training."""

    def evaluate(self, examples: Sequence[Any]) -> tuple[float, float]:
        """Return the mean loss and the accuracy on at least one example, or what stands for it: larger is better."""

    def parameter_groups(self) -> dict[str, list[Parameter]]:
        """Return the parameters that train: tables under "embedding", the others under "dense"."""

    def trained_rows(self, examples: Sequence[Any]) -> NDArray[np.int64]:
        """Return the rows of the tables that these examples look up: training can change no others. Without repeats."""

    def config(self) -> dict[str, Any]:
        """Return the hyper-parameters, in types that JSON has."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every weight by name, not copies: the dense parameters, and tables, also those that do not train."""


def fit(
    model: Model,
    train_examples: Sequence[Any],
    dev_examples: Sequence[Any],
    settings: Settings,
    progress: Progress | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> History:
    """Train a model; it ends with the weights of the epoch that did best on the dev examples.

    Best is the highest dev accuracy; among equals the lowest dev loss. The same seed gives the same weights, bit
    for bit, at any number of finevec threads. Large dense products are NumPy's and depend on the number of its BLAS
    threads too: where threadpoolctl is installed it is `settings.blas_threads` for the length of the run, and the
    history says what it was.

    Parameters
    ----------
    model : Model
        Trained in place.
    train_examples, dev_examples : sequences of whatever the model takes
        At least one each.
    settings : Settings
    progress : Progress, optional
        Is told about batches, epochs and the thaw.
    checkpoint : path, optional
        A file that the state of the run is written to after each epoch. If it exists, the model and the arguments must
        be as they were when that run started; then it goes on after its last epoch and ends as if it had never stopped,
        bit for bit. `epochs` and `patience` may be others than before, if with them the run would have come as far.

    Returns
    -------
    History
        Of the whole run, also of the epochs before it was resumed; `seconds` adds up.

    Raises
    ------
    FloatingPointError
        The loss of a batch, or of the dev set, is not finite. The message names epoch, batch, and weights that were not
        finite before training, else the rates. The model keeps the weights of the step before.
    ValueError
        There are no examples; or `checkpoint` is damaged, no checkpoint, or one of another run. Then neither the model
        nor the file was changed.
    OSError
        The checkpoint cannot be read or written. The model is unchanged, or as the last epoch left it.

    Examples
    --------
    >>> from finevec.models import BagClassifier
    >>> table = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    >>> model = BagClassifier(table, ["good", "bad", "film"], ["neg", "pos"])
    >>> examples = model.examples([["good", "film"], ["bad", "film"]], np.array([1, 0]))
    >>> history = fit(model, examples, examples, Settings(epochs=50, patience=0, batch_size=2))
    >>> model.predict(["a good film", "a bad film"])
    ['pos', 'neg']
    >>> history.changed_rows
    array([0, 1, 2])
    """
    if not train_examples or not dev_examples:
        raise ValueError(f"expected training and dev examples, got {len(train_examples)} and {len(dev_examples)}")
    settings = settings.for_model(model)
    with blas.threads(settings.blas_threads):
        return _fit(model, train_examples, dev_examples, settings, progress or Silent(), checkpoint)


def _fit(
    model: Model,
    train_examples: Sequence[Any],
    dev_examples: Sequence[Any],
    settings: Settings,
    progress: Progress,
    checkpoint: str | os.PathLike[str] | None,
) -> History:
    start = time.perf_counter()
    groups = model.parameter_groups()
    optimizer = _build_optimizer(groups, settings, len(train_examples))
    rows = model.trained_rows(train_examples)
    initial = Snapshot(groups, rows)
    best = Snapshot(groups, rows)
    history = History(environment=blas.environment())
    kept, notes = None, []
    if checkpoint is not None:
        state = RunState(groups, rows, optimizer, best, history)
        kept = Checkpoint(checkpoint, state, identity(model, train_examples, dev_examples, settings, state))
        notes = kept.load(settings)
        start -= history.seconds
    progress.start(settings.epochs)
    for note in notes:
        progress.note(note)
    while not run_ends(history.epochs, settings):
        epoch = len(history.epochs) + 1
        for group in optimizer.thawed():
            progress.note(f"epoch {epoch}: the embedding thaws, lr {optimizer.param_groups[group]['lr']:g}")
        try:
            with _backward_left_out(optimizer):
                record = _run_epoch(model, optimizer, train_examples, dev_examples, settings, epoch, progress, start)
        except FloatingPointError as error:
            wrong = initial.first_not_finite(model.arrays(), model.trained_rows(dev_examples))
            raise FloatingPointError(f"{error}{_advice(wrong, optimizer.steps, settings)}") from None
        history.epochs.append(record)
        history.seconds = record.seconds
        history.best_epoch = best_epoch(history.epochs)
        if history.best_epoch == epoch:
            best.retake()
        if kept is not None:
            kept.save()
        progress.epoch(record, best=history.best_epoch == epoch)
    best.restore()
    history.stopped_early = len(history.epochs) < settings.epochs
    history.changed_rows = initial.changed_rows()
    progress.finish(history.best_epoch, history.stopped_early)
    return history


def evaluate(model: Model, examples: Sequence[Any], batch_size: int = 256) -> tuple[float, float]:
    """Return the mean loss in nats and the accuracy, between 0 and 1, on at least one example."""
    total, correct = 0.0, 0
    for start in range(0, len(examples), batch_size):
        chunk = examples[start : start + batch_size]
        with np.errstate(over="ignore", invalid="ignore"):
            loss = model.loss(chunk)
        total += loss.value * len(chunk)
        correct += loss.correct
    return total / len(examples), correct / len(examples)


def hold_out(targets: NDArray[np.integer[Any]], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split examples into a part to train on and a tenth to hold out, class by class.

    Parameters
    ----------
    targets : ndarray of integers, shape (examples,)
        The class of each example.
    seed : int

    Returns
    -------
    kept, held_out : ndarrays of int64
        Positions, ascending. Of each class with at least 2 examples, a tenth but at least one is held out.

    Raises
    ------
    ValueError
        No class has 2 examples.
    """
    rng = np.random.default_rng([seed, 0])
    parts = [np.empty(0, np.int64)]
    for target in np.unique(targets):
        positions = rng.permutation(np.flatnonzero(targets == target))
        if len(positions) > 1:
            parts.append(positions[: max(1, round(len(positions) * HELD_OUT))])
    held_out = np.sort(np.concatenate(parts))
    if not held_out.size:
        raise ValueError(
            "too few training texts to hold out a tenth for early stopping: "
            f"no class has 2 texts, {len(targets):,} texts are in as many classes; give dev texts"
        )
    return np.setdiff1d(np.arange(len(targets)), held_out), held_out


def _build_optimizer(groups: dict[str, list[Parameter]], settings: Settings, examples: int) -> optim.Optimizer:
    described = [_group(groups["dense"], settings.optimizer, settings.lr) | {"weight_decay": settings.weight_decay}]
    if groups.get("embedding"):
        freeze_steps = settings.freeze_epochs * len(_batches(range(examples), settings))
        embedding = _group(groups["embedding"], settings.embedding_optimizer, settings.embedding_lr)
        described.append({**embedding, "freeze_steps": freeze_steps})
    return optim.SGD(described)  # each group has a rule of its own


def _group(params: list[Parameter], rule: str | None, lr: float | None) -> dict[str, Any]:
    assert rule is not None  # as in all that `for_model` gives
    return {"params": params, "rule": rule, "lr": lr, **OPTIMIZERS[rule]}


def _batches(order: Sequence[Any], settings: Settings) -> list[Sequence[Any]]:
    assert settings.batch_size is not None  # as above
    return [order[start : start + settings.batch_size] for start in range(0, len(order), settings.batch_size)]


@contextmanager
def _backward_left_out(optimizer: optim.Optimizer) -> Iterator[None]:
    """Tell the model, by `requires_grad`, to leave out the backward pass into parameters that are frozen this epoch.

    The optimizer would drop their gradients. Groups thaw between epochs: `freeze_steps` are whole epochs of steps.
    """
    groups = [group for index, group in enumerate(optimizer.param_groups) if optimizer.frozen(index)]
    frozen = [parameter for group in groups for parameter in group["params"] if parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad = True


def _run_epoch(
    model: Model,
    optimizer: optim.Optimizer,
    train_examples: Sequence[Any],
    dev_examples: Sequence[Any],
    settings: Settings,
    epoch: int,
    progress: Progress,
    run_start: float,
) -> EpochRecord:
    rng = np.random.default_rng([settings.seed, epoch])
    order = rng.permutation(len(train_examples)).tolist()
    total, correct, seen = 0.0, 0, 0
    epoch_start = time.perf_counter()
    for number, batch in enumerate(_batches(order, settings), start=1):
        examples = [train_examples[position] for position in batch]
        value, right = _step(model, optimizer, examples, rng, f"epoch {epoch}, batch {number}")
        total += value * len(examples)
        correct += right
        seen += len(examples)
        progress.batch(epoch, seen, len(order), total / seen, correct / seen)
    rate = seen / max(time.perf_counter() - epoch_start, 1e-9)
    with np.errstate(over="ignore", invalid="ignore"):  # as in a step
        dev_loss, dev_accuracy = model.evaluate(dev_examples)
    _check_finite(dev_loss, f"on the dev set after epoch {epoch}")
    seconds = time.perf_counter() - run_start
    return EpochRecord(epoch, total / seen, correct / seen, dev_loss, dev_accuracy, rate, seconds)


def _step(
    model: Model,
    optimizer: optim.Optimizer,
    examples: Sequence[Any],
    rng: np.random.Generator,
    where: str,
) -> tuple[float, int]:
    with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite is told below, and better
        loss = model.loss(examples, rng)
    _check_finite(loss.value, f"at {where}")
    optimizer.zero_grad()
    loss.backprop()
    optimizer.step()
    return loss.value, loss.correct


def _check_finite(loss: float, where: str) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss} {where}")


def _advice(wrong: str | None, steps: int, settings: Settings) -> str:
    """Tell what to do about a loss that is not finite after so many steps."""
    if wrong is not None:
        return f": {wrong} was not finite before training, look at where it came from"
    if steps == 0:
        return ", before the first step: the vectors or the first weights are too large"
    return f", with lr {settings.lr:g} and embedding lr {settings.embedding_lr:g}: try smaller rates"
