"""Row-sparse updates of plain arrays, each rule applied once to every touched row; public in `finevec.functional`.

What `grad` may be
------------------
Without `offsets` and `mode`, `grad` has the shape ``ids.shape + (dim,)``: one gradient per id.
With `offsets` (1-D ids), or with `mode` and 2-D ids of shape (bags, length), `grad` has the shape (bags, dim): it is
the gradient of `embedding_bag`'s result, and no per-id gradient is ever built. `offsets` alone means ``mode="mean"``,
the default of `embedding_bag`; 2-D ids without `mode` are taken per id.

Gradients of an id that occurs several times are summed in order of appearance; then the rule is applied once to that
row. Rows that do not occur are neither read nor written, and neither is their state.
In the formulas `w` is a row, and `g` the sum of its gradients plus ``weight_decay * w``.

Common arguments
----------------
weight : ndarray of float32 or float64, shape (rows, dim)
    The table, changed in place. The arrays of state have its dtype, and its shape where nothing else is said.
ids : array_like of any integer type
    Row numbers, ``0 <= id < rows``.
grad : ndarray of weight's dtype
    See above.
lr : float
    Learning rate.
weight_decay : float
    Adds ``weight_decay * w`` to the gradient **of the touched rows only**: rows that a batch leaves out do not decay.
padding_idx : int, optional
    Occurrences of this id take no gradient; the row and its state never change. Negative counts from the end.
row_lr : ndarray of weight's dtype, shape (rows,), optional
    One multiplier of `lr` for each row. A row with 0 is frozen: it and its state stay as they are, bit for bit.
offsets, mode, per_sample_weights, include_last_offset
    Describe bags, as for `finevec.functional.embedding_bag`.

Errors
------
IndexError
    An id is outside ``0 <= id < rows``. The text gives its position, its value and the number of rows.
ValueError
    A shape, an offset or a number is wrong, an array is read-only, or two arrays share bytes.
TypeError
    An array has the wrong dtype, or is no array.

When one of these is raised, no byte of `weight` and state has changed.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _finevec
from ._finevec import RowGrad

Mode = Literal["sum", "mean", "max"]


def as_ids(values: ArrayLike) -> NDArray[Any]:
    """Return `values` as an array. Its dtype is the compiled core's to judge; only an empty list is taken as int64."""
    if isinstance(values, np.ndarray):
        return values
    array = np.asarray(values)
    return array.astype(np.int64) if array.size == 0 and isinstance(values, (list, tuple)) else array


def _row_grads(
    weight: NDArray[Any],
    ids: ArrayLike,
    grad: NDArray[Any],
    offsets: ArrayLike | None,
    mode: Mode | None,
    per_sample_weights: NDArray[Any] | None,
    padding_idx: int | None,
    include_last_offset: bool,
) -> tuple[RowGrad]:
    """Make the one entry of an update; `offsets` without `mode` means bags by mean."""
    if offsets is not None:
        offsets = as_ids(offsets)
        if mode is None:
            mode = "mean"
    entry = RowGrad(
        weight,
        as_ids(ids),
        grad,
        offsets=offsets,
        mode=mode,
        per_sample_weights=per_sample_weights,
        padding_idx=padding_idx,
        include_last_offset=include_last_offset,
    )
    return (entry,)


def sgd_update(
    weight: NDArray[Any],
    ids: ArrayLike,
    grad: NDArray[Any],
    *,
    lr: float,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    offsets: ArrayLike | None = None,
    mode: Mode | None = None,
    per_sample_weights: NDArray[Any] | None = None,
    include_last_offset: bool = True,
) -> None:
    """Stochastic gradient descent on the touched rows: ``w -= lr * g``.

    Arguments and errors are those of the module's text. The formula is that of ``torch.optim.SGD`` without momentum.

    Examples
    --------
    Id 1 occurs twice, so its row moves by the sum of both gradients:

    >>> import numpy as np
    >>> import finevec.functional as F
    >>> table = np.zeros((3, 2), dtype=np.float32)
    >>> F.sgd_update(table, [1, 2, 1], np.ones((3, 2), dtype=np.float32), lr=0.5)
    >>> table
    array([[ 0. ,  0. ],
           [-1. , -1. ],
           [-0.5, -0.5]], dtype=float32)

    The gradient of bags, here two of them by mean:

    >>> table = np.zeros((3, 2), dtype=np.float32)
    >>> F.sgd_update(table, [0, 1, 2], np.ones((2, 2), dtype=np.float32), lr=1.0, offsets=[0, 2, 3])
    >>> table
    array([[-0.5, -0.5],
           [-0.5, -0.5],
           [-1. , -1. ]], dtype=float32)
    """
    grads = _row_grads(weight, ids, grad, offsets, mode, per_sample_weights, padding_idx, include_last_offset)
    _finevec.sgd_update(
        weight,
        grads,
        lr=lr,
        weight_decay=weight_decay,
        padding_idx=padding_idx,
        row_lr=row_lr,
    )


def adagrad_update(
    weight: NDArray[Any],
    state_sum: NDArray[Any],
    ids: ArrayLike,
    grad: NDArray[Any],
    *,
    lr: float,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    offsets: ArrayLike | None = None,
    mode: Mode | None = None,
    per_sample_weights: NDArray[Any] | None = None,
    include_last_offset: bool = True,
) -> None:
    """Adagrad on the touched rows: ``s += g*g; w -= lr * g / (sqrt(s) + eps)``.

    `state_sum` (s) starts at zero, or at any value that is not negative. Other arguments and errors are those of the
    module's text. The formula is that of ``torch.optim.Adagrad`` (Keras has `eps` inside the root).

    Examples
    --------
    >>> import numpy as np
    >>> import finevec.functional as F
    >>> table, state_sum = np.zeros((3, 2)), np.zeros((3, 2))
    >>> F.adagrad_update(table, state_sum, [1, 1], np.full((2, 2), 2.0), lr=0.5)
    >>> table[1], state_sum[1]
    (array([-0.5, -0.5]), array([16., 16.]))
    """
    grads = _row_grads(weight, ids, grad, offsets, mode, per_sample_weights, padding_idx, include_last_offset)
    _finevec.adagrad_update(
        weight,
        state_sum,
        grads,
        lr=lr,
        eps=eps,
        weight_decay=weight_decay,
        padding_idx=padding_idx,
        row_lr=row_lr,
    )


def rowwise_adagrad_update(
    weight: NDArray[Any],
    state_sum: NDArray[Any],
    ids: ArrayLike,
    grad: NDArray[Any],
    *,
    lr: float,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    offsets: ArrayLike | None = None,
    mode: Mode | None = None,
    per_sample_weights: NDArray[Any] | None = None,
    include_last_offset: bool = True,
) -> None:
    """Row-wise Adagrad on the touched rows: ``s_row += mean(g*g); w -= lr * g / (sqrt(s_row) + eps)``.

    `state_sum` has the shape (rows,): one number per row, `dim` times less memory than Adagrad's state. Other arguments
    and errors are those of the module's text. The formula is that of FBGEMM's ``EXACT_ROWWISE_ADAGRAD``, whose own
    default for `eps` is 1e-8.

    Examples
    --------
    >>> import numpy as np
    >>> import finevec.functional as F
    >>> table, state_sum = np.zeros((3, 2)), np.zeros(3)
    >>> F.rowwise_adagrad_update(table, state_sum, [1], np.array([[1.0, 7.0]]), lr=0.5)
    >>> table[1], state_sum
    (array([-0.1, -0.7]), array([ 0., 25.,  0.]))
    """
    grads = _row_grads(weight, ids, grad, offsets, mode, per_sample_weights, padding_idx, include_last_offset)
    _finevec.rowwise_adagrad_update(
        weight,
        state_sum,
        grads,
        lr=lr,
        eps=eps,
        weight_decay=weight_decay,
        padding_idx=padding_idx,
        row_lr=row_lr,
    )


def adam_update(
    weight: NDArray[Any],
    exp_avg: NDArray[Any],
    exp_avg_sq: NDArray[Any],
    ids: ArrayLike,
    grad: NDArray[Any],
    *,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    step: int,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    offsets: ArrayLike | None = None,
    mode: Mode | None = None,
    per_sample_weights: NDArray[Any] | None = None,
    include_last_offset: bool = True,
) -> None:
    """Adam on the touched rows, their moments alone moving.

    With the moments m (`exp_avg`) and v (`exp_avg_sq`), which start at zero, and ``t = step``, 1 for the first update::

        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g*g - v)
        w -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)

    Arguments and errors are those of the module's text; `step` below 1 is a ValueError. The formula is that of
    ``torch.optim.SparseAdam``: `eps` is added before bias correction, unlike ``torch.optim.Adam``, and rows that are
    not touched keep their moments.

    Examples
    --------
    >>> import numpy as np
    >>> import finevec.functional as F
    >>> table, exp_avg, exp_avg_sq = np.zeros((3, 1)), np.zeros((3, 1)), np.zeros((3, 1))
    >>> F.adam_update(table, exp_avg, exp_avg_sq, [1], np.array([[2.0]]), lr=0.1, eps=0.1, step=1)
    >>> print(table.round(4).ravel())
    [ 0.     -0.0387  0.    ]
    """
    grads = _row_grads(weight, ids, grad, offsets, mode, per_sample_weights, padding_idx, include_last_offset)
    _finevec.adam_update(
        weight,
        exp_avg,
        exp_avg_sq,
        grads,
        lr=lr,
        betas=betas,
        eps=eps,
        step=step,
        weight_decay=weight_decay,
        padding_idx=padding_idx,
        row_lr=row_lr,
    )


def adadelta_update(
    weight: NDArray[Any],
    square_avg: NDArray[Any],
    acc_delta: NDArray[Any],
    ids: ArrayLike,
    grad: NDArray[Any],
    *,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    offsets: ArrayLike | None = None,
    mode: Mode | None = None,
    per_sample_weights: NDArray[Any] | None = None,
    include_last_offset: bool = True,
) -> None:
    """Adadelta on the touched rows.

    With the averages v (`square_avg`) and u (`acc_delta`), which start at zero::

        v = rho * v + (1 - rho) * g*g
        delta = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * delta*delta
        w -= lr * delta

    Arguments and errors are those of the module's text. The formula is that of ``torch.optim.Adadelta``, which has no
    row-sparse form; here rows that are not touched keep their averages. Kim (2014) takes ``rho=0.95``.

    Examples
    --------
    >>> import numpy as np
    >>> import finevec.functional as F
    >>> table, square_avg, acc_delta = np.zeros((2, 1)), np.zeros((2, 1)), np.zeros((2, 1))
    >>> F.adadelta_update(table, square_avg, acc_delta, [1], np.array([[1.0]]), rho=0.75, eps=0.25)
    >>> print(table.ravel(), square_avg.ravel())
    [ 0.         -0.70710678] [0.   0.25]
    """
    grads = _row_grads(weight, ids, grad, offsets, mode, per_sample_weights, padding_idx, include_last_offset)
    _finevec.adadelta_update(
        weight,
        square_avg,
        acc_delta,
        grads,
        lr=lr,
        rho=rho,
        eps=eps,
        weight_decay=weight_decay,
        padding_idx=padding_idx,
        row_lr=row_lr,
    )
