"""`Exchange`: deltas, and word vectors of gensim."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar, cast

from . import delta, with_gensim

if TYPE_CHECKING:
    from .word_vectors import WordVectors

Kind = TypeVar("Kind", bound="Exchange")


class Exchange:
    """The ways of `WordVectors` out and in beside `load` and `save`."""

    def save_delta(self, path: str | os.PathLike[str], *, base: WordVectors | str | os.PathLike[str]) -> None:
        """Write the rows that differ from those of `base`, which `apply_delta` puts back.

        Rows are matched by word. Added words are stored whole; words of the base that are missing here, and another
        order, are kept too. Values differ where their bytes do, so that -0.0 is not 0.0. Rows of fastText's n-grams are
        no part of it. The file is written aside and renamed. Beside the tables, memory is needed for some blocks of a
        few MB, and for the base where it is the path of a file that cannot be mapped.

        Parameters
        ----------
        path : str or path
            The delta, an uncompressed ``.npz``: see `docs/formats.md`.
        base : path or WordVectors
            What these vectors were before. A path is mapped where its format and dtype allow that, else loaded with
            the dtype of these vectors. Vectors must not share memory with these, since they may have changed too:
            `Embedding.from_pretrained` shares it.

        Raises
        ------
        ValueError
            `base` shares memory with these vectors, or has another dim or dtype; or `path` is a device.
        OSError
            The file cannot be written. An old file of that name is whole.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> import finevec as fv
        >>> base = fv.WordVectors(["good", "bad"], np.array([[1.0, 0.0], [0.9, 0.1]]))
        >>> tuned = base.with_vectors(base.vectors.copy())
        >>> tuned.vectors[1] = [-1.0, 0.1]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tuned.save_delta(f"{folder}/tuned.npz", base=base)
        ...     base.apply_delta(f"{folder}/tuned.npz")["bad"]
        array([-1. ,  0.1])
        """
        delta.save(cast("WordVectors", self), path, base)

    def apply_delta(self, path: str | os.PathLike[str], *, copy: bool = True) -> WordVectors:
        """Return the vectors that `save_delta` was called on, bit for bit, given these vectors as their base.

        The whole table is read once, to tell that it is the base.

        Parameters
        ----------
        path : str or path
            A delta.
        copy : bool
            True: these vectors stay as they are, and their table is copied once. False: the changed rows are written
            into this table, which costs a table opened with ``mmap="c"`` private memory for these rows alone; it must
            be writable, and the tuned vectors must have its words in its order.

        Returns
        -------
        WordVectors
            With the words and the order of the tuned vectors, without n-grams; this object where `copy` is False.

        Raises
        ------
        ValueError
            The delta was made from another base: the text tells whether words, dim, dtype or values differ. Or the file
            is no delta, is damaged, or cannot be applied in place. All of it is checked before anything is changed.
        OSError
            The file cannot be read.
        """
        return delta.apply(cast("WordVectors", self), path, copy)

    def to_gensim(self, *, copy: bool = True) -> Any:
        """Return the same words and vectors as gensim's `KeyedVectors`.

        Parameters
        ----------
        copy : bool
            True: gensim's table is a copy, in float32. False: both share a table, which must be float32 and
            C-contiguous. gensim keeps the lengths of rows once it has computed them: after changes, call
            ``fill_norms(force=True)`` there.

        Raises
        ------
        ImportError
            gensim is not installed.
        ValueError
            `copy` is False and the table has another dtype or is not C-contiguous.
        """
        return with_gensim.to_gensim(cast("WordVectors", self), copy)

    @classmethod
    def from_gensim(cls: type[Kind], keyed: Any) -> Kind:
        """Return the words and vectors of gensim's `KeyedVectors`, or of a model of gensim's that has them as ``wv``.

        The table is shared, not copied, where it is float32 or float64 in C order, as gensim makes it; else it is
        converted. Of fastText vectors, only those of the vocabulary are taken.

        Raises
        ------
        TypeError
            `keyed` is something else, or a key is no string.
        """
        return cast("Kind", with_gensim.from_gensim(cast("type[WordVectors]", cls), keyed))
