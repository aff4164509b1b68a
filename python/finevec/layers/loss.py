"""The softmax, its cross-entropy, and how far it is from a distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Class probabilities.

    Parameters
    ----------
    logits : ndarray of float32 or float64, shape (batch, classes)

    Returns
    -------
    ndarray, shape and dtype of `logits`
        Each row sums to 1. The row's maximum is taken off first, so that no finite input overflows.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.array([[1000.0, 1000.0]]))
    array([[0.5, 0.5]])
    """
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def softmax_cross_entropy(logits: NDArray[Any], targets: ArrayLike) -> tuple[float, Callable[[], NDArray[Any]]]:
    """Mean cross-entropy of the softmax, as `torch.nn.functional.cross_entropy`.

    ``loss = mean over b of (log(sum over c of exp(logits[b, c])) - logits[b, targets[b]])``, and its gradient with
    respect to the logits is ``(softmax(logits) - onehot(targets)) / batch``.

    Parameters
    ----------
    logits : ndarray of float32 or float64, shape (batch, classes)
        At least one row.
    targets : array-like of integers, shape (batch,)
        The right class of each row, 0 <= target < classes.

    Returns
    -------
    loss : float
        In nats, summed in float64.
    backprop : callable
        Takes nothing, returns the gradient of the logits.

    Raises
    ------
    ValueError
        The shapes do not fit.
    TypeError
        The targets are not integers.
    IndexError
        A target is not a class.

    Examples
    --------
    >>> import numpy as np
    >>> loss, backprop = softmax_cross_entropy(np.zeros((1, 2)), np.array([1]))
    >>> round(loss, 4)
    0.6931
    >>> backprop()
    array([[ 0.5, -0.5]])
    """
    targets = np.asarray(targets)
    if logits.ndim != 2 or logits.shape[0] < 1 or targets.shape != logits.shape[:1]:
        raise ValueError(
            f"expected logits of shape (batch, classes) and targets of shape (batch,), batch at least 1, "
            f"got {logits.shape} and {targets.shape}"
        )
    if targets.dtype.kind not in "iu":
        raise TypeError(f"targets: expected integers, got {targets.dtype}")
    batch, classes = logits.shape
    bad = np.flatnonzero((targets < 0) | (targets >= classes))
    if bad.size:
        raise IndexError(f"target {targets[bad[0]]} at position {bad[0]} is outside 0 <= target < {classes}")
    examples = np.arange(batch)
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=1)
    loss = float((np.log(totals) - shifted[examples, targets]).mean(dtype=np.float64))

    def backprop() -> NDArray[Any]:
        grad = exponentials / totals[:, None]
        grad[examples, targets] -= 1
        grad /= batch
        return np.asarray(grad)

    return loss, backprop


def softmax_kl_divergence(logits: NDArray[Any], targets: NDArray[Any]) -> tuple[float, Callable[[], NDArray[Any]]]:
    """Mean Kullback-Leibler divergence of the softmax from distributions, as `torch.nn.KLDivLoss` with "batchmean".

    ``loss = mean over b of (sum over c of targets[b, c] * (log(targets[b, c]) - log(softmax(logits)[b, c])))``, classes
    with a target of 0 left out; its gradient with respect to the logits is ``(softmax(logits) - targets) / batch``.

    Parameters
    ----------
    logits : ndarray of float32 or float64, shape (batch, classes)
        At least one row.
    targets : ndarray of floats, shape (batch, classes)
        Rows of at least 0 that sum to 1.

    Returns
    -------
    loss : float
        In nats, summed in float64.
    backprop : callable
        Takes nothing, returns the gradient of the logits.

    Raises
    ------
    ValueError
        The shapes do not fit, or `targets` are no distributions.

    Examples
    --------
    >>> import numpy as np
    >>> loss, backprop = softmax_kl_divergence(np.zeros((1, 2)), np.array([[0.0, 1.0]]))
    >>> round(loss, 4)
    0.6931
    >>> backprop()
    array([[ 0.5, -0.5]])
    """
    if logits.ndim != 2 or logits.shape[0] < 1 or targets.shape != logits.shape:
        raise ValueError(
            f"expected logits and targets of shape (batch, classes), batch at least 1, got {logits.shape} and "
            f"{targets.shape}"
        )
    if not ((targets >= 0).all() and np.allclose(targets.sum(axis=1), 1.0)):
        raise ValueError("targets: expected rows of at least 0 that sum to 1")
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=1, keepdims=True)
    entropies = targets * np.log(np.where(targets > 0, targets, 1))
    divergences = (entropies - targets * (shifted - np.log(totals))).sum(axis=1, dtype=np.float64)

    def backprop() -> NDArray[Any]:
        return np.asarray((exponentials / totals - targets).astype(logits.dtype) / len(logits))

    return float(divergences.mean()), backprop
