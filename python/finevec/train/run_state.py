"""What a training run consists of between two epochs, and what its course follows from: the two sides of a resume."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..optim import Optimizer
from ..parameter import Parameter
from .history import History
from .settings import Settings
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .loop import Model

_MAY_CHANGE = ("epochs", "patience")
"""Settings that say when a run ends, not how it goes."""


@dataclass
class RunState:
    """What changes in a run from epoch to epoch.

    Parameters
    ----------
    groups : mapping of str to sequence of Parameter
        As the model gives them. Those of "embedding" are tables.
    rows : ndarray of int64, shape (trained rows,)
        The rows of the tables that training can change, without repeats.
    optimizer : Optimizer
        Of all these parameters.
    best : Snapshot
        The weights of the best epoch.
    history : History
    """

    groups: Mapping[str, Sequence[Parameter]]
    rows: NDArray[np.int64]
    optimizer: Optimizer
    best: Snapshot
    history: History


def identity(
    model: Model,
    train_examples: Sequence[Any],
    dev_examples: Sequence[Any],
    settings: Settings,
    state: RunState,
) -> dict[str, Any]:
    """Return all that a run's course follows from, by name: plain values as they are, others as digests.

    Parameters
    ----------
    model : Model
        Before training: its kind, hyper-parameters and weights count, of tables the rows that the examples look up.
    train_examples, dev_examples : sequences
        Their number and content counts.
    settings : Settings
        All of them count but `epochs` and `patience`.
    state : RunState
        Before training: the optimizer's hyper-parameters and the BLAS count.

    Raises
    ------
    TypeError
        An example holds something else than `digest` knows.
    """
    environment = state.history.environment
    looked_up = np.union1d(state.rows, model.trained_rows(dev_examples))
    dense = {id(parameter.data) for parameter in state.groups["dense"]}
    weights = {name: array if id(array) in dense else array[looked_up] for name, array in model.arrays().items()}
    groups = [{**group, "params": len(group["params"])} for group in state.optimizer.param_groups]
    return {
        **{name: value for name, value in asdict(settings).items() if name not in _MAY_CHANGE},
        "model": model.kind,
        **{f"model.{name}": value for name, value in model.config().items()},
        "initial weights": digest([state.rows, Snapshot(state.groups, state.rows).arrays(), weights]),
        "training examples": f"{len(train_examples)} with digest {digest(train_examples)}",
        "dev examples": f"{len(dev_examples)} with digest {digest(dev_examples)}",
        **{f"environment.{name}": environment[name] for name in ("blas", "blas_version", "blas_threads", "blas_bits")},
        **{f"optimizer.{index}.{name}": value for index, group in enumerate(groups) for name, value in group.items()},
    }


def digest(value: Any) -> str:
    """Return a digest of a value: sequences and mappings of arrays, numbers, strings, bytes and None, to any depth.

    Raises
    ------
    TypeError
        Something in it is of another type.

    Examples
    --------
    >>> digest([(np.arange(3), 1)]) == digest([(np.arange(3), 1)])
    True
    >>> digest(["ab", "c"]) == digest(["a", "bc"])
    False
    """
    hashed = hashlib.blake2b(digest_size=16)
    _feed(hashed, value)
    return hashed.hexdigest()


def _feed(hashed: hashlib.blake2b, value: Any) -> None:
    """Add a value: its type and size first, so that no two values give the same bytes."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        hashed.update(f"array {value.dtype.str} {value.shape}:".encode())
        hashed.update(value.tobytes())
    elif isinstance(value, (str, bytes)):
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        hashed.update(f"{type(value).__name__} {len(data)}:".encode())
        hashed.update(data)
    elif value is None or isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
        plain = value.item() if isinstance(value, np.generic) else value
        hashed.update(f"{type(plain).__name__} {plain!r}:".encode())
    elif isinstance(value, Mapping):
        hashed.update(f"mapping {len(value)}:".encode())
        for item in value.items():
            _feed(hashed, item)
    elif isinstance(value, Sequence):
        hashed.update(f"sequence {len(value)}:".encode())
        for item in value:
            _feed(hashed, item)
    else:
        raise TypeError(f"expected arrays, numbers, strings and sequences of them, got {type(value).__name__}")
