"""Plain arrays in, plain arrays out: lookups, bags, coalescing and row-sparse updates.

Every function checks all of its input before it writes anything: when it raises, no byte has changed.
Results have the same bits for any number of threads and any instruction set.

Common arguments
----------------
weight : ndarray of float32 or float64, shape (rows, dim)
    The table. Updates change it in place; it is never copied, nor converted.
ids : array_like of any integer type
    Row numbers, ``0 <= id < rows``. A list works too, and an empty list counts as int64. Floats and bools are refused.
offsets : array_like of any integer type, shape (bags + 1,), optional
    Bag ``b`` is ``ids[offsets[b]:offsets[b + 1]]``; the first offset is 0, the last ``len(ids)``, none falls.
    With ``include_last_offset=False`` the shape is (bags,), torch's default form, and the last bag ends with `ids`.
mode : {"sum", "mean", "max"}, optional
    How the rows of a bag become one.
per_sample_weights : ndarray of weight's dtype, shape of `ids`, optional
    Each row is multiplied by its weight before it is added. For ``mode="sum"`` only.
padding_idx : int, optional
    Rows looked up at this id are left out of bags and take no gradient; the row never changes.
    Negative counts from the end.

The updates are written in `finevec.updates`, whose text tells what `grad` may be.

Errors
------
IndexError
    An id is outside ``0 <= id < rows``. The text gives its position, its value and the number of rows.
ValueError
    A shape, an offset or a number is wrong, an array is read-only, or two arrays share bytes.
TypeError
    An array has the wrong dtype, or is no array.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _finevec
from ._finevec import RowGrad
from .updates import (
    Mode,
    adadelta_update,
    adagrad_update,
    adam_update,
    as_ids,
    rowwise_adagrad_update,
    sgd_update,
)

__all__ = [
    "adadelta_update",
    "adagrad_update",
    "adam_update",
    "coalesce",
    "embedding",
    "embedding_bag",
    "rowwise_adagrad_update",
    "scatter_add",
    "sgd_update",
]


def embedding(ids: ArrayLike, weight: NDArray[Any], *, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the rows of `weight` at `ids`: ``weight[ids]``, but negative ids are errors.

    Parameters
    ----------
    ids : array_like of any integer type, any shape
        Row numbers.
    weight : ndarray of float32 or float64, shape (rows, dim)
        The table.
    out : ndarray of weight's dtype, shape ``ids.shape + (dim,)``, optional
        Where to write; C-contiguous. It must not share bytes with `weight` or `ids`.

    Returns
    -------
    ndarray of weight's dtype, shape ``ids.shape + (dim,)``
        `out` when that was given.

    Raises
    ------
    IndexError, ValueError, TypeError
        See the module's text; `out` is then unchanged.

    Notes
    -----
    ``torch.nn.functional.embedding``, for all integer types.

    Examples
    --------
    >>> import numpy as np
    >>> import finevec.functional as F
    >>> table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
    >>> F.embedding([2, 1, 2], table)
    array([[3., 4.],
           [1., 2.],
           [3., 4.]], dtype=float32)
    >>> F.embedding([0, 3], table)
    Traceback (most recent call last):
        ...
    IndexError: id 3 at position 1 is out of range for 3 rows: ids must be 0 <= id < 3
    """
    return _finevec.embedding(ids if type(ids) is np.ndarray else as_ids(ids), weight, out)


def embedding_bag(
    ids: ArrayLike,
    weight: NDArray[Any],
    offsets: ArrayLike | None = None,
    *,
    mode: Mode = "mean",
    per_sample_weights: NDArray[Any] | None = None,
    padding_idx: int | None = None,
    include_last_offset: bool = True,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Return the sum, mean or elementwise maximum of the rows in each bag, without building the rows.

    Parameters
    ----------
    ids : array_like of any integer type
        1-D with `offsets`; 2-D of shape (bags, length) without.
    weight : ndarray of float32 or float64, shape (rows, dim)
        The table.
    offsets : array_like of any integer type, shape (bags + 1,), optional
        Where bags start and the last one ends; see the module's text for ``include_last_offset=False``.
    mode : {"mean", "sum", "max"}
        The mean is over the items that are not padding. A NaN in a bag makes the maximum NaN.
    per_sample_weights : ndarray of weight's dtype, shape of `ids`, optional
        Multiplies each row; for ``mode="sum"`` only.
    padding_idx : int, optional
        Occurrences of this id are left out. Negative counts from the end.
    include_last_offset : bool
        Whether `offsets` has the end of the last bag. **torch's default is False, here it is True**.
    out : ndarray of weight's dtype, shape (bags, dim), optional
        Where to write.

    Returns
    -------
    ndarray of weight's dtype, shape (bags, dim)
        A bag that is empty, or has padding alone, gives zeros in every mode.

    Raises
    ------
    IndexError, ValueError, TypeError
        See the module's text; `out` is then unchanged.

    Notes
    -----
    ``torch.nn.functional.embedding_bag``, which leaves offsets that fall unchecked.

    Examples
    --------
    >>> import numpy as np
    >>> import finevec.functional as F
    >>> table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 6.0]], dtype=np.float32)
    >>> F.embedding_bag([1, 2, 2, 1], table, [0, 2, 2, 4], mode="sum")
    array([[4., 8.],
           [0., 0.],
           [4., 8.]], dtype=float32)
    >>> F.embedding_bag([[1, 2], [1, 0]], table, padding_idx=0)
    array([[2., 4.],
           [1., 2.]], dtype=float32)
    """
    return _finevec.embedding_bag(
        as_ids(ids),
        weight,
        None if offsets is None else as_ids(offsets),
        mode=mode,
        per_sample_weights=per_sample_weights,
        padding_idx=padding_idx,
        include_last_offset=include_last_offset,
        out=out,
    )


def coalesce(ids: ArrayLike, grad: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return each id once, ascending, with the sum of its gradients.

    Parameters
    ----------
    ids : array_like of any integer type, any shape
        Row numbers, not negative.
    grad : ndarray of float32 or float64, shape ``ids.shape + (dim,)``
        One gradient per id.

    Returns
    -------
    unique_ids : ndarray of int64, shape (unique,)
        Ascending.
    summed : ndarray of grad's dtype, shape (unique, dim)
        Gradients of equal ids added in order of appearance.

    Raises
    ------
    IndexError, ValueError, TypeError
        See the module's text.

    Notes
    -----
    What ``torch.Tensor.coalesce`` does for a sparse gradient.

    Examples
    --------
    >>> import numpy as np
    >>> import finevec.functional as F
    >>> unique_ids, summed = F.coalesce([7, 2, 7], np.array([[1.0], [2.0], [3.0]]))
    >>> unique_ids, summed
    (array([2, 7]), array([[2.],
           [4.]]))
    """
    return _finevec.coalesce(as_ids(ids), grad)


def scatter_add(weight: NDArray[Any], ids: ArrayLike, grad: NDArray[Any], *, alpha: float = 1.0) -> None:
    """Add ``alpha`` times the sum of each id's gradients to its row, in place.

    ``np.add.at(weight, ids, alpha * grad)``, except that gradients of equal ids are added to each other first.

    Parameters
    ----------
    weight : ndarray of float32 or float64, shape (rows, dim)
        Changed in place, in the rows at `ids`.
    ids : array_like of any integer type, any shape
        Row numbers.
    grad : ndarray of weight's dtype, shape ``ids.shape + (dim,)``
        What is added.
    alpha : float
        Multiplier.

    Raises
    ------
    IndexError, ValueError, TypeError
        See the module's text; `weight` is then unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> import finevec.functional as F
    >>> table = np.zeros((3, 2))
    >>> F.scatter_add(table, [2, 0, 2], np.ones((3, 2)), alpha=0.5)
    >>> table
    array([[0.5, 0.5],
           [0. , 0. ],
           [1. , 1. ]])
    """
    _finevec.scatter_add(weight, (RowGrad(weight, as_ids(ids), grad),), alpha=alpha)
