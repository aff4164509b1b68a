"""`Embedding` and `EmbeddingBag`: tables of vectors as layers with an explicit backward pass."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import _finevec
from .functional import embedding_bag
from .table import HasVectors, Table, drawn, given, zero_padding
from .updates import Mode, as_ids


class Embedding(Table):
    """Rows of a table by id: equal to a dense layer fed one-hot vectors, at the cost of the ids alone.

    Parameters
    ----------
    num_embeddings : int
        Number of rows.
    embedding_dim : int
        Length of a row.
    padding_idx : int, optional
        This row starts at zero, is looked up as it is, and never changes. Negative counts from the end.
    max_norm : float, optional
        Rows that an update leaves with a larger L2 norm are scaled back to it.
    scale_grad_by_freq : bool
        Divide the gradient of each occurrence by the count of its id in that call.
    dtype : {"float32", "float64"}
        Element type of the table.
    seed : int, sequence of int or numpy.random.Generator, optional
        The values are drawn from the normal distribution N(0, 1) by ``numpy.random.default_rng(seed)``.

    Raises
    ------
    TypeError, ValueError
        A size is no positive integer, `dtype` is another type, or `padding_idx` or `max_norm` is out of range.

    Notes
    -----
    Names and defaults are those of ``torch.nn.Embedding``. What differs: `backward` is called by you, with the gradient
    of the rows; the gradient is always row-sparse, also with `scale_grad_by_freq`; `max_norm` takes effect after the
    update, so that a lookup never changes the table; all integer types are ids.

    Examples
    --------
    >>> import numpy as np
    >>> import finevec as fv
    >>> emb = fv.Embedding.from_pretrained(np.zeros((4, 2), dtype=np.float32), freeze=False)
    >>> opt = fv.optim.SGD([emb.weight], lr=0.1)
    >>> ids = np.array([3, 1, 3])
    >>> rows = emb(ids)
    >>> emb.backward(ids, np.ones_like(rows))
    >>> opt.step()
    >>> emb.weight.data
    array([[ 0. ,  0. ],
           [-0.1, -0.1],
           [ 0. ,  0. ],
           [-0.2, -0.2]], dtype=float32)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        scale_grad_by_freq: bool = False,
        dtype: DTypeLike = "float32",
        seed: Any = None,
    ) -> None:
        self.set_up(
            drawn(num_embeddings, embedding_dim, dtype, seed),
            trained=True,
            padding_idx=padding_idx,
            max_norm=max_norm,
            scale_grad_by_freq=scale_grad_by_freq,
            row_lr=None,
        )
        zero_padding(self.weight)

    @classmethod
    def from_pretrained(
        cls,
        vectors: NDArray[Any] | HasVectors,
        *,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        scale_grad_by_freq: bool = False,
        row_lr: ArrayLike | None = None,
    ) -> Embedding:
        """Take a table that exists, **frozen unless** ``freeze=False``.

        The table's memory is shared, not copied: training changes the array given. The padding row is left as it is.

        Parameters
        ----------
        vectors : ndarray of float32 or float64, shape (rows, dim), or an object with such an array as `vectors`
            The table: an array, a memory map, or a `finevec.WordVectors`.
        freeze : bool
            Start frozen, as torch does; `unfreeze` lets the table be trained.
        padding_idx, max_norm, scale_grad_by_freq
            As for `Embedding`.
        row_lr : array_like of float, shape (rows,), optional
            One multiplier of the learning rate for each row; a row with 0 stays frozen.

        Returns
        -------
        Embedding

        Raises
        ------
        TypeError, ValueError
            `vectors` is no such table, or an option is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> import finevec as fv
        >>> table = np.ones((3, 2), dtype=np.float32)
        >>> emb = fv.Embedding.from_pretrained(table)
        >>> emb.weight.data is table, emb.weight.requires_grad
        (True, False)
        """
        layer = cls.__new__(cls)
        layer.set_up(
            given(vectors),
            trained=not freeze,
            padding_idx=padding_idx,
            max_norm=max_norm,
            scale_grad_by_freq=scale_grad_by_freq,
            row_lr=row_lr,
        )
        return layer

    def __call__(self, ids: ArrayLike, *, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the rows at `ids`, as `finevec.functional.embedding`.

        Parameters
        ----------
        ids : array_like of any integer type, any shape
            Row numbers.
        out : ndarray, shape ``ids.shape + (dim,)``, optional
            Where to write.

        Returns
        -------
        ndarray, shape ``ids.shape + (dim,)``
        """
        return _finevec.embedding(as_ids(ids), self.weight.data, out)

    def backward(self, ids: ArrayLike, grad: NDArray[Any], *, copy: bool = False) -> None:
        """Hand over the gradient of ``self(ids)``. Everything is checked; arithmetic waits for the optimizer's step.

        Parameters
        ----------
        ids : array_like of any integer type, any shape
            The ids that were looked up; their values are kept, so the array may change afterwards.
        grad : ndarray of the table's dtype, shape ``ids.shape + (dim,)``
            Kept by reference: it must not change before the step, or pass ``copy=True``.
        copy : bool
            Keep a copy of `grad`.

        Raises
        ------
        IndexError, ValueError, TypeError
            As for `finevec.functional`, frozen or not.
        """
        self.weight.add_rows(ids, grad, scale_grad_by_freq=self.scale_grad_by_freq, copy=copy)

    def __repr__(self) -> str:
        """Sizes and options."""
        return f"Embedding({self.options()})"


class EmbeddingBag(Table):
    """Sum, mean or maximum of the rows of each bag of ids, without building the rows.

    Parameters
    ----------
    num_embeddings, embedding_dim, padding_idx, max_norm, scale_grad_by_freq, dtype, seed
        As for `Embedding`; `scale_grad_by_freq` is not for ``mode="max"``.
    mode : {"mean", "sum", "max"}
        How the rows of a bag become one. Padding is left out, also of the mean's count.
    include_last_offset : bool
        Whether offsets have the shape (bags + 1,), ending with ``len(ids)``. False: (bags,), the last bag ending with
        the ids.

    Raises
    ------
    TypeError, ValueError
        As for `Embedding`, or `mode` is another word.

    Notes
    -----
    Names are those of ``torch.nn.EmbeddingBag``. What differs, besides what `Embedding` lists: ``include_last_offset``
    is True by default; offsets are checked in full; a NaN in a bag always makes its maximum NaN; `scale_grad_by_freq`
    divides by the count of the row's own id (torch 2.13 takes another's on CPUs).

    Examples
    --------
    >>> import numpy as np
    >>> import finevec as fv
    >>> table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 6.0]], dtype=np.float32)
    >>> bag = fv.EmbeddingBag.from_pretrained(table, freeze=False)
    >>> ids, offsets = np.array([1, 2, 2]), np.array([0, 2, 3])
    >>> bag(ids, offsets)
    array([[2., 4.],
           [3., 6.]], dtype=float32)
    >>> bag.backward(ids, offsets, np.ones((2, 2), dtype=np.float32))
    >>> fv.optim.SGD([bag.weight], lr=1.0).step()
    >>> table
    array([[0. , 0. ],
           [0.5, 1.5],
           [1.5, 4.5]], dtype=float32)
    """

    mode: Mode
    include_last_offset: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        mode: Mode = "mean",
        padding_idx: int | None = None,
        max_norm: float | None = None,
        scale_grad_by_freq: bool = False,
        include_last_offset: bool = True,
        dtype: DTypeLike = "float32",
        seed: Any = None,
    ) -> None:
        self._set_bags(mode, include_last_offset, scale_grad_by_freq)
        self.set_up(
            drawn(num_embeddings, embedding_dim, dtype, seed),
            trained=True,
            padding_idx=padding_idx,
            max_norm=max_norm,
            scale_grad_by_freq=scale_grad_by_freq,
            row_lr=None,
        )
        zero_padding(self.weight)

    @classmethod
    def from_pretrained(
        cls,
        vectors: NDArray[Any] | HasVectors,
        *,
        freeze: bool = True,
        mode: Mode = "mean",
        padding_idx: int | None = None,
        max_norm: float | None = None,
        scale_grad_by_freq: bool = False,
        include_last_offset: bool = True,
        row_lr: ArrayLike | None = None,
    ) -> EmbeddingBag:
        """Take a table that exists, **frozen unless** ``freeze=False``; its memory is shared.

        Arguments are those of `Embedding.from_pretrained` and of `EmbeddingBag`.
        """
        layer = cls.__new__(cls)
        layer._set_bags(mode, include_last_offset, scale_grad_by_freq)
        layer.set_up(
            given(vectors),
            trained=not freeze,
            padding_idx=padding_idx,
            max_norm=max_norm,
            scale_grad_by_freq=scale_grad_by_freq,
            row_lr=row_lr,
        )
        return layer

    def _set_bags(self, mode: Mode, include_last_offset: bool, scale_grad_by_freq: bool) -> None:
        if mode not in ("sum", "mean", "max"):
            raise ValueError(f'mode must be "sum", "mean" or "max", got {mode!r}')
        if mode == "max" and scale_grad_by_freq:
            raise ValueError('scale_grad_by_freq is not for mode="max"')
        self.mode = mode
        self.include_last_offset = bool(include_last_offset)

    def __call__(
        self,
        ids: ArrayLike,
        offsets: ArrayLike | None = None,
        per_sample_weights: NDArray[Any] | None = None,
        *,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Return one row per bag, as `finevec.functional.embedding_bag`.

        Parameters
        ----------
        ids : array_like of any integer type
            1-D with `offsets`, or 2-D of shape (bags, length) without.
        offsets : array_like of any integer type, shape (bags + 1,), optional
            Where bags start, and where the last one ends.
        per_sample_weights : ndarray of the table's dtype, shape of `ids`, optional
            Multiplies each row; for ``mode="sum"`` only.
        out : ndarray, shape (bags, dim), optional
            Where to write.

        Returns
        -------
        ndarray, shape (bags, dim)
        """
        return embedding_bag(
            ids,
            self.weight.data,
            offsets,
            mode=self.mode,
            per_sample_weights=per_sample_weights,
            padding_idx=self.weight.padding_idx,
            include_last_offset=self.include_last_offset,
            out=out,
        )

    def backward(
        self,
        ids: ArrayLike,
        offsets: ArrayLike | None,
        grad: NDArray[Any],
        per_sample_weights: NDArray[Any] | None = None,
        *,
        copy: bool = False,
    ) -> None:
        """Hand over the gradient of ``self(ids, offsets, per_sample_weights)``.

        Everything is checked; arithmetic waits for the optimizer's step. For ``mode="max"`` the argmax of each bag is
        taken from the table as it is now. `per_sample_weights` get no gradient.

        Parameters
        ----------
        ids, offsets, per_sample_weights
            As they were given to the call; ``offsets=None`` for 2-D `ids`. Their values are kept.
        grad : ndarray of the table's dtype, shape (bags, dim)
            Kept by reference: it must not change before the step, or pass ``copy=True``.
        copy : bool
            Keep a copy of `grad`.

        Raises
        ------
        IndexError, ValueError, TypeError
            As for `finevec.functional`, frozen or not.
        """
        self.weight.add_rows(
            ids,
            grad,
            offsets=offsets,
            mode=self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            scale_grad_by_freq=self.scale_grad_by_freq,
            copy=copy,
        )

    def __repr__(self) -> str:
        """Sizes and options."""
        return f"EmbeddingBag({self.options()}, mode={self.mode!r})"
