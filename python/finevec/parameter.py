"""`Parameter`: an array that is trained, and the gradient waiting for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import checks
from ._finevec import RowGrad
from .updates import Mode, as_ids

Grad = NDArray[Any] | tuple[RowGrad, ...]


class Parameter:
    """An array that is trained, with its gradient and what limits its updates.

    The gradient is of one of two kinds, never both at a time: **dense**, an array of data's shape, or **row-sparse**, a
    tuple of `RowGrad` in the order of the calls that made them. An optimizer changes all of `data` for a dense
    gradient, and only the touched rows for a row-sparse one.

    Parameters
    ----------
    data : ndarray of float32 or float64, at least 1-D
        The values. Kept as given, never copied: an optimizer changes this very array. Rows are along the first axis.
    requires_grad : bool
        False freezes the parameter: gradients that arrive are checked, then dropped, and optimizers leave it alone.
    padding_idx : int, optional
        This row never changes, nor does its state. Negative counts from the end.
    max_norm : float, optional
        After an update each touched row with a larger L2 norm is scaled back to it; padding and frozen rows never.
    row_lr : array_like of float, shape (rows,), optional
        One multiplier of the learning rate for each row; a row with 0 is frozen, state included.

    Raises
    ------
    TypeError
        `data` is no ndarray, or of another dtype or byte order.
    ValueError
        `data` is 0-dimensional, misaligned, or its rows are not contiguous; or another argument is out of range.

    Notes
    -----
    Pickling and deep copies take everything but the gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from finevec import Parameter
    >>> bias = Parameter(np.zeros(2, dtype=np.float32))
    >>> bias.add_grad(np.ones(2, dtype=np.float32))
    >>> bias.add_grad(np.ones(2, dtype=np.float32))
    >>> bias.grad
    array([2., 2.], dtype=float32)
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "_grad",
        "_grad_scale",
        "_max_norm",
        "_owns_grad",
        "_padding_idx",
        "_row_lr",
        "requires_grad",
    )

    _grad: NDArray[Any] | list[RowGrad] | None
    _owns_grad: bool
    requires_grad: bool

    def __init__(
        self,
        data: NDArray[Any],
        *,
        requires_grad: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        row_lr: ArrayLike | None = None,
    ) -> None:
        self._data = _checked_data(data)
        rows = self._data.shape[0]
        self._padding_idx = None if padding_idx is None else checks.row_number("padding_idx", padding_idx, rows)
        self.requires_grad = bool(requires_grad)
        self.max_norm = max_norm
        self.row_lr = row_lr
        self.zero_grad()

    @property
    def data(self) -> NDArray[Any]:
        """The values: the array given, not a copy. Write into it; it cannot be replaced by another."""
        return self._data

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of `data`."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Element type of `data`: float32 or float64."""
        return self._data.dtype

    @property
    def padding_idx(self) -> int | None:
        """The row that never changes, counted from the start, or None."""
        return self._padding_idx

    @property
    def max_norm(self) -> float | None:
        """Largest L2 norm of a row after an update, or None."""
        return self._max_norm

    @max_norm.setter
    def max_norm(self, value: float | None) -> None:
        self._max_norm = None if value is None else checks.positive("max_norm", value)

    @property
    def row_lr(self) -> NDArray[Any] | None:
        """Multipliers of the learning rate, shape (rows,) in data's dtype, or None; 0 freezes a row.

        Setting it checks and copies. Change it by setting it again: single elements are read-only.
        """
        return self._row_lr

    @row_lr.setter
    def row_lr(self, values: ArrayLike | None) -> None:
        self._row_lr = None if values is None else _checked_row_lr(values, self._data)

    @property
    def grad_scale(self) -> float:
        """What the next update multiplies the gradient by: finite and not negative.

        It is 1.0 until `optim.clip_grad_norm_` lowers it, and `zero_grad` sets it back. It applies to all of the
        gradient, also to what is added after clipping.
        """
        return self._grad_scale

    @grad_scale.setter
    def grad_scale(self, value: float) -> None:
        self._grad_scale = checks.fitting("grad_scale", checks.not_negative("grad_scale", value), self._data.dtype)

    @property
    def grad(self) -> Grad | None:
        """The gradient waiting for the next update: None, a dense array, or a tuple of `RowGrad`.

        It may be set to None or to an array of data's shape and dtype, which is then kept by reference: it must not
        change before the update. When the parameter is frozen the array is checked, then dropped.
        """
        return tuple(self._grad) if isinstance(self._grad, list) else self._grad

    @grad.setter
    def grad(self, value: NDArray[Any] | None) -> None:
        if value is not None:
            self._check_grad(value)
            self._refuse_overlap(value)
        if value is None or not self.requires_grad:
            self.zero_grad()
        else:
            self._grad = value
            self._owns_grad = False

    def add_grad(self, grad: NDArray[Any], *, copy: bool = True) -> None:
        """Add a dense gradient. The caller's array is never written to.

        Parameters
        ----------
        grad : ndarray of data's dtype and shape
            What is added. When the parameter is frozen it is checked, then dropped.
        copy : bool
            Copy a first gradient. False: **it is kept by reference and must not change before the update**.

        Raises
        ------
        TypeError
            `grad` is no ndarray, or of another dtype.
        ValueError
            `grad` has another shape, or a row-sparse gradient is waiting.
        """
        self._check_grad(grad)
        if isinstance(self._grad, list):
            raise ValueError("a row-sparse gradient is waiting: a dense one cannot be added before zero_grad()")
        if not self.requires_grad:
            return
        if self._grad is None:
            self._grad = np.array(grad, order="C") if copy else grad
            self._owns_grad = copy
        elif self._owns_grad:
            self._grad += grad
        else:
            self._grad = self._grad + grad
            self._owns_grad = True

    def add_rows(
        self,
        ids: ArrayLike,
        grad: NDArray[Any],
        *,
        offsets: ArrayLike | None = None,
        mode: Mode | None = None,
        per_sample_weights: NDArray[Any] | None = None,
        include_last_offset: bool = True,
        scale_grad_by_freq: bool = False,
        copy: bool = False,
    ) -> None:
        """Add a row-sparse gradient: checks everything and keeps its own ids. No arithmetic is done yet.

        Parameters
        ----------
        ids : array_like of any integer type
            Row numbers; of any shape without `offsets` and `mode`, else as for `finevec.functional.embedding_bag`.
        grad : ndarray of data's dtype
            Shape ``ids.shape + (dim,)``, or (bags, dim) when `mode` is given. **Kept by reference: it must not change
            before the update** (see `copy`).
        offsets, mode, per_sample_weights, include_last_offset
            Describe bags, as for `finevec.functional.embedding_bag`. The argmax of ``mode="max"`` is fixed now.
        scale_grad_by_freq : bool
            Divide the gradient of each occurrence by the count of its id in `ids`; not for ``mode="max"``.
        copy : bool
            Keep a copy of `grad`, so that its array may be used again at once.

        Raises
        ------
        IndexError, ValueError, TypeError
            As for `finevec.functional`; also ValueError when a dense gradient is waiting, or when the array kept shares
            memory with `data`. Nothing was added then.
        """
        if copy and isinstance(grad, np.ndarray):
            grad = grad.copy()
        entry = RowGrad(
            self._data,
            as_ids(ids),
            grad,
            offsets=None if offsets is None else as_ids(offsets),
            mode=mode,
            per_sample_weights=per_sample_weights,
            padding_idx=self._padding_idx,
            include_last_offset=include_last_offset,
            scale_grad_by_freq=scale_grad_by_freq,
        )
        self._refuse_overlap(entry.grad)
        if isinstance(self._grad, np.ndarray):
            raise ValueError("a dense gradient is waiting: a row-sparse one cannot be added before zero_grad()")
        if not self.requires_grad:
            return
        if self._grad is None:
            self._grad = []
        self._grad.append(entry)

    def zero_grad(self) -> None:
        """Drop the gradient, and set `grad_scale` back to 1."""
        self._grad = None
        self._owns_grad = False
        self._grad_scale = 1.0

    def _check_grad(self, grad: NDArray[Any]) -> None:
        if not isinstance(grad, np.ndarray):
            raise TypeError(f"grad must be a NumPy array, got {type(grad).__name__}")
        if grad.dtype != self._data.dtype:
            raise TypeError(f"grad must have the parameter's dtype {self._data.dtype}, got {grad.dtype}")
        if grad.shape != self._data.shape:
            raise ValueError(f"grad must have the parameter's shape {self._data.shape}, got {grad.shape}")

    def _refuse_overlap(self, grad: NDArray[Any]) -> None:
        """Refuse a gradient that is kept by reference and that an update would change while it reads it."""
        # Comparing bounds is quick and settles nearly all cases; it also takes interleaved slices for overlapping.
        if np.may_share_memory(self._data, grad) and np.shares_memory(self._data, grad):
            raise ValueError("grad shares memory with the parameter's data, wanted arrays apart; copy it")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return `data` for `numpy.asarray` and the like: the array itself, unless another dtype or a copy is wanted.

        Raises
        ------
        ValueError
            ``copy=False`` and another dtype: the numbers cannot be converted without a copy.
        """
        wanted = self._data.dtype if dtype is None else np.dtype(dtype)
        if copy is False and wanted != self._data.dtype:
            raise ValueError(f"data has dtype {self._data.dtype}: expected copy=True or None for {wanted}, got False")
        return self._data.astype(wanted, copy=bool(copy))

    def __repr__(self) -> str:
        """Shape, dtype and whether it is trained; not the values."""
        return f"Parameter(shape={self.shape}, dtype={self.dtype}, requires_grad={self.requires_grad})"

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the gradient."""
        return {
            "data": self._data,
            "requires_grad": self.requires_grad,
            "padding_idx": self._padding_idx,
            "max_norm": self._max_norm,
            "row_lr": self._row_lr,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what `__getstate__` gave, checked like arguments."""
        self.__init__(state.pop("data"), **state)  # type: ignore[misc]


def _checked_data(data: NDArray[Any]) -> NDArray[Any]:
    if not isinstance(data, np.ndarray):
        raise TypeError(f"data must be a NumPy array, got {type(data).__name__}")
    if data.dtype not in (np.float32, np.float64) or not data.dtype.isnative:
        raise TypeError(f"data has dtype {data.dtype}, wanted float32 or float64 in native byte order")
    if data.ndim == 0:
        raise ValueError("data has shape (), wanted at least 1 axis")
    if not data.flags.aligned:
        raise ValueError("data is not aligned, wanted an aligned array; it is never copied")
    if not data[:1].flags.c_contiguous:
        raise ValueError(
            f"data has shape {data.shape} with strides of {data.strides} bytes, wanted contiguous rows; "
            "it is never copied"
        )
    return data


def _checked_row_lr(values: ArrayLike, data: NDArray[Any]) -> NDArray[Any]:
    given = np.asarray(values)
    if given.dtype.kind not in "fiu":
        raise TypeError(f"row_lr must hold numbers, got {given.dtype}")
    if given.shape != data.shape[:1]:
        raise ValueError(f"row_lr must have the shape {data.shape[:1]}, one number for each row, got {given.shape}")
    with np.errstate(over="ignore"):  # what becomes infinite is told below
        row_lr = np.array(given, dtype=data.dtype)
    bad = np.flatnonzero(~(np.isfinite(row_lr) & (row_lr >= 0)))
    if bad.size:
        row = int(bad[0])
        raise ValueError(f"row_lr must be finite and not negative, got {float(given[row])} for row {row}")
    row_lr.flags.writeable = False
    return row_lr.view()  # a view of a read-only array cannot be made writable again
