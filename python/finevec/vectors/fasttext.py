"""`FastTextVectors`: word vectors with the rows of character n-grams, which give other words a vector too."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _finevec
from .. import functional as F
from ..checks import integer
from . import load_save, matrix, queries
from .fasttext_model import ModelInfo, Subwords
from .word_vectors import WordVectors, checked_table

MAX_NGRAM = _finevec.MAX_NGRAM
"""Most characters of an n-gram."""

_log = logging.getLogger(__name__)


class FastTextVectors(WordVectors):
    """Word vectors of fastText: any word with a character n-gram has one.

    The vector of a word of the vocabulary is its row of `vectors`: the mean of the row that was trained for it and the
    rows of its n-grams, as fastText's `get_word_vector` gives it. The vector of another word is the mean of the rows of
    its n-grams, taken afresh each time, so it follows when `ngrams` is fine-tuned. A word without n-grams, such as
    one shorter than all of them, is unknown: `KeyError`.

    ``wv[word]``, `get_vector`, `similarity`, `most_similar`, `get_mean_vector`, `doesnt_match` and `matrix_for` take
    any word. The vocabulary alone is what ``word in wv``, ``len(wv)``, `get_index`, `index_to_key`, the answers of
    `most_similar` and the evaluations go by.

    Parameters
    ----------
    words, vectors
        See `WordVectors`.
    ngrams : ndarray of the dtype of `vectors`, shape (bucket, dim)
        The rows that n-grams are hashed to. None, or no rows: there are no n-grams.
    min_n, max_n : int
        Lengths of the n-grams in characters, ``0 <= min_n <= max_n <= 256`` and ``max_n >= 1``. N-grams are those of
        ``<word>``; ``<`` and ``>`` alone are none.

    Attributes
    ----------
    ngrams : ndarray, shape (bucket, dim)
        Kept as it is. No rows: there are no n-grams.
    min_n, max_n : int
        0 where there are no n-grams.
    model_info : ModelInfo or None
        What the model told, for vectors that came from one.

    Examples
    --------
    >>> import numpy as np
    >>> ngrams = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> wv = FastTextVectors(["good"], np.array([[1.0, 1.0]]), ngrams, min_n=3, max_n=3)
    >>> wv["good"]
    array([1., 1.])
    >>> rows, offsets = wv.ngram_rows(["goods"])  # of <go, goo, ood, ods, ds>
    >>> bool((wv["goods"] == ngrams[rows].mean(axis=0)).all())
    True
    """

    ngrams: NDArray[Any]
    min_n: int
    max_n: int
    model_info: ModelInfo | None

    def __init__(
        self,
        words: Sequence[str],
        vectors: NDArray[Any],
        ngrams: NDArray[Any] | None = None,
        *,
        min_n: int = 3,
        max_n: int = 6,
    ) -> None:
        super().__init__(words, vectors)
        self._take_ngrams(ngrams, min_n, max_n)

    def _take(
        self,
        words: _finevec.Words | Callable[[], _finevec.Words],
        vectors: NDArray[Any],
        file_info: load_save.FileInfo | None,
    ) -> None:
        super()._take(words, vectors, file_info)
        self.model_info = None
        self._take_ngrams(None, 0, 0)

    @classmethod
    def _of_model(
        cls,
        words: _finevec.Words | Callable[[], _finevec.Words],
        vectors: NDArray[Any],
        file_info: load_save.FileInfo,
        subwords: Subwords,
    ) -> FastTextVectors:
        loaded = cls._loaded(words, vectors, file_info)
        loaded._take_ngrams(subwords.ngrams, subwords.min_n, subwords.max_n)
        loaded.model_info = subwords.info
        return loaded

    def _take_ngrams(self, ngrams: NDArray[Any] | None, min_n: int, max_n: int) -> None:
        if ngrams is None:
            ngrams = np.empty((0, self.vector_size), self.vectors.dtype)
        checked_table(ngrams, "ngrams")
        if ngrams.shape[1] != self.vector_size or ngrams.dtype != self.vectors.dtype:
            wanted = f"{self.vector_size} columns of {self.vectors.dtype}"
            raise ValueError(f"ngrams: expected {wanted}, got {ngrams.shape[1]} of {ngrams.dtype}")
        if len(ngrams):
            self.max_n = integer("max_n", max_n, least=1, most=MAX_NGRAM)
            self.min_n = integer("min_n", min_n, least=0, most=self.max_n)
        else:
            self.min_n = self.max_n = 0
        self.ngrams = ngrams

    @property
    def bucket(self) -> int:
        """Rows that n-grams are hashed to; 0 where there are no n-grams."""
        return len(self.ngrams)

    def __repr__(self) -> str:
        """Return the sizes and the element type."""
        table = f"{len(self)} words x {self.vector_size}, {self.vectors.dtype}"
        return f"<FastTextVectors: {table}, n-grams of {self.min_n} to {self.max_n} in {self.bucket} rows>"

    def ngram_rows(self, words: Iterable[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows of `ngrams` that words' n-grams hash to, as bags: what an `EmbeddingBag` takes.

        Parameters
        ----------
        words : iterable of str

        Returns
        -------
        rows : ndarray of int64
            Of word ``i``, ``rows[offsets[i]:offsets[i + 1]]``, by start of the n-gram and then by length; a row comes
            as often as n-grams of the word hash to it.
        offsets : ndarray of int64, shape (len(words) + 1,)
        """
        words = list(words)
        if not self.bucket:
            return np.empty(0, np.int64), np.zeros(len(words) + 1, np.int64)
        return _finevec.subword_rows(words, min_n=self.min_n, max_n=self.max_n, buckets=self.bucket)

    def _composed(self, words: list[str]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the means of words' n-gram rows, shape (len(words), dim), and which words have any."""
        rows, offsets = self.ngram_rows(words)
        return F.embedding_bag(rows, self.ngrams, offsets, mode="mean"), np.diff(offsets) > 0

    def get_vector(self, word: str, norm: bool = False) -> NDArray[Any]:
        """Return the vector of any word, shape (dim,), read-only; with `norm` a copy of length 1.

        A view of its row for a word of the vocabulary. `KeyError` for another word without n-grams.
        """
        if self.get_index(word, -1) >= 0:
            return super().get_vector(word, norm)
        vectors, composed = self._composed([word])
        if not composed[0]:
            raise KeyError(f"{word!r} is not among the {len(self)} words and has no n-grams")
        vector: NDArray[Any] = vectors[0]
        if norm:
            return queries.unit(vector).astype(vector.dtype)
        vector.flags.writeable = False
        return vector

    def __getitem__(self, words: str | Iterable[str]) -> NDArray[Any]:
        """Return the vector of any word, shape (dim,), or of a list of words, shape (len(words), dim).

        `KeyError` for a word that is neither in the vocabulary nor has n-grams.
        """
        if isinstance(words, str):
            return self.get_vector(words)
        if not isinstance(words, Iterable):
            return super().__getitem__(words)
        words = list(words)
        rows = self.rows_of(words)
        unknown = np.flatnonzero(rows < 0)
        vectors = np.empty((len(words), self.vector_size), self.vectors.dtype)
        vectors[rows >= 0] = self.vectors[rows[rows >= 0]]
        found, composed = self._composed([words[row] for row in unknown])
        if not composed.all():
            self.get_vector(words[unknown[~composed][0]])
        vectors[unknown] = found
        return vectors

    def matrix_for(self, words: Iterable[str], *, seed: int = 0) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a table for a vocabulary: the vectors of its words, and drawn rows for those that have none.

        A word that this vocabulary lacks gets the mean of the rows of its n-grams. It counts as known, since its row
        is made of pretrained values; ``word in wv`` tells these words from those with a row of their own. What is left,
        words without n-grams, is drawn as `WordVectors.matrix_for` tells, with the variance of the words with a row of
        their own, or of the other known rows where there are none.

        Parameters
        ----------
        words, seed
            See `WordVectors.matrix_for`.

        Returns
        -------
        matrix : ndarray of the dtype of `vectors`, shape (len(words), dim)
            The caller's own.
        known : ndarray of bool, shape (len(words),)
            Which rows are made of pretrained values.

        Raises
        ------
        ValueError
            A word has no vector, and no other has one, so that there is nothing to take the variance of; or `seed` is
            negative.
        """
        return matrix.matrix_for(self, words, seed, self._composed)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        format: str = "auto",
        dtype: DTypeLike | None = None,
        progress: Callable[[int, int, int], object] | None = None,
    ) -> None:
        """Write the words and their vectors to a file. See `WordVectors.save`.

        The n-grams are left out, and a warning is logged: no format that is written holds them. What is loaded from the
        file knows the words of the vocabulary alone.
        """
        super().save(path, format=format, dtype=dtype, progress=progress)
        if self.bucket:
            _log.warning("%s: the rows of n-grams are not saved: other words have no vector there", os.fspath(path))
