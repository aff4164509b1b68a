"""What `Embedding` and `EmbeddingBag` share: a table as one parameter, drawn or given."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import checks
from .parameter import Parameter


class HasVectors(Protocol):
    """Anything with a table under the name `vectors`, such as `finevec.WordVectors`."""

    @property
    def vectors(self) -> NDArray[Any]:
        """The table, shape (rows, dim)."""


class Table:
    """What both layers share: one parameter of shape (rows, dim), and how it is made."""

    _weight: Parameter
    scale_grad_by_freq: bool

    def set_up(
        self,
        table: NDArray[Any],
        *,
        trained: bool,
        padding_idx: int | None,
        max_norm: float | None,
        scale_grad_by_freq: bool,
        row_lr: ArrayLike | None,
    ) -> None:
        """Make `weight` of a table of shape (rows, dim), and keep the options."""
        if table.ndim != 2:
            raise ValueError(f"the table must have 2 dimensions (rows, dim), got shape {table.shape}")
        self._weight = Parameter(
            table, requires_grad=trained, padding_idx=padding_idx, max_norm=max_norm, row_lr=row_lr
        )
        self.scale_grad_by_freq = bool(scale_grad_by_freq)

    @property
    def weight(self) -> Parameter:
        """The table. It cannot be replaced by another; write into ``weight.data``."""
        return self._weight

    @weight.setter
    def weight(self, value: object) -> None:
        raise AttributeError(
            "weight cannot be replaced: change its values by weight.data[...] = array, "
            "or make a layer of another table by from_pretrained(array, freeze=False)"
        )

    @property
    def num_embeddings(self) -> int:
        """Number of rows."""
        return self.weight.shape[0]

    @property
    def embedding_dim(self) -> int:
        """Length of a row."""
        return self.weight.shape[1]

    @property
    def padding_idx(self) -> int | None:
        """The row that never changes, counted from the start, or None."""
        return self.weight.padding_idx

    @property
    def max_norm(self) -> float | None:
        """Largest L2 norm of a row after an update, or None."""
        return self.weight.max_norm

    def freeze(self) -> None:
        """Keep the table as it is: gradients are checked, then dropped."""
        self.weight.requires_grad = False

    def unfreeze(self) -> None:
        """Let the table be trained again."""
        self.weight.requires_grad = True

    def parameters(self) -> list[Parameter]:
        """Return the table, as a list of one parameter for an optimizer."""
        return [self.weight]

    def options(self) -> str:
        """Return the text that `repr` shows: sizes, and what is not the default."""
        rows, dim = self.weight.shape
        text = f"{rows}, {dim}"
        for name in ("padding_idx", "max_norm"):
            value = getattr(self, name)
            if value is not None:
                text += f", {name}={value}"
        if self.scale_grad_by_freq:
            text += ", scale_grad_by_freq=True"
        if not self.weight.requires_grad:
            text += ", frozen"
        return text


def drawn(num_embeddings: int, embedding_dim: int, dtype: DTypeLike, seed: Any) -> NDArray[Any]:
    """Return a table of values from N(0, 1)."""
    rows = checks.integer("num_embeddings", num_embeddings, least=1)
    dim = checks.integer("embedding_dim", embedding_dim, least=1)
    wanted = checks.float_dtype(dtype)
    rng = np.random.default_rng(seed)
    if wanted == np.float32:
        return rng.standard_normal((rows, dim), dtype=np.float32)
    return rng.standard_normal((rows, dim))


def given(vectors: NDArray[Any] | HasVectors) -> NDArray[Any]:
    """Return the table itself, of an array or of an object that has one."""
    table = vectors if isinstance(vectors, np.ndarray) else getattr(vectors, "vectors", None)
    if not isinstance(table, np.ndarray):
        raise TypeError(
            f"vectors must be a NumPy array or have one as its attribute 'vectors', got {type(vectors).__name__}"
        )
    return table


def zero_padding(weight: Parameter) -> None:
    """Set the padding row, if there is one, to zero."""
    if weight.padding_idx is not None:
        weight.data[weight.padding_idx] = 0.0
