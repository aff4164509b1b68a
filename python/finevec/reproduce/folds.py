"""The folds of a cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def split_folds(labels: ArrayLike, folds: int, seed: int) -> list[NDArray[np.int64]]:
    """Split examples into folds, class by class.

    Parameters
    ----------
    labels : array_like, shape (examples,)
        The class of each example, as a string or an integer.
    folds : int
        At least 2.
    seed : int
        Which examples go together follows from it.

    Returns
    -------
    list of ndarray of int64
        The positions, ascending, that each fold holds out: disjoint and together all. Of every class, the numbers in
        two folds differ by one at most.

    Raises
    ------
    ValueError
        `folds` is below 2, or more than the largest class has examples.

    Examples
    --------
    >>> [fold.tolist() for fold in split_folds(["neg", "neg", "pos", "pos"], folds=2, seed=1)]
    [[0, 2], [1, 3]]
    """
    classes: NDArray[Any] = np.asarray(labels)
    names, counts = np.unique(classes, return_counts=True)
    most = int(counts.max(initial=0))
    if not 2 <= folds <= most:
        raise ValueError(f"folds: expected 2 to {most}, the examples of the largest class, got {folds}")
    rng = np.random.default_rng(seed)
    fold_of = np.empty(len(classes), np.int64)
    for name in names:
        positions = rng.permutation(np.flatnonzero(classes == name))
        fold_of[positions] = np.arange(len(positions)) % folds
    return [np.flatnonzero(fold_of == fold) for fold in range(folds)]
