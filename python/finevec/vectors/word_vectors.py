"""`WordVectors`: a table of vectors and the words of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import load_save, matrix, queries
from .keyed import KeyedQueries
from .packed import PackedWords


class WordVectors(KeyedQueries):
    """Word vectors, with gensim's names (`gensim.models.KeyedVectors`).

    Parameters
    ----------
    words : sequence of str
        The word of each row, each once.
    vectors : ndarray of float32 or float64, shape (len(words), dim)
        The table, each row in one piece, native byte order; a memory map is one. Kept as it is, never copied and
        never normalised: what changes it changes these word vectors.

    Attributes
    ----------
    vectors : ndarray, shape (n, dim)
        The table.
    file_info : FileInfo or None
        What the file told, for vectors that came from one.

    Raises
    ------
    TypeError
        `vectors` is not an ndarray, has another dtype, `words` is one string, or a word is none.
    ValueError
        `vectors` is not 2-D or its rows are not in one piece, the numbers of words and rows differ, or a word comes
        twice.

    Examples
    --------
    >>> import numpy as np
    >>> wv = WordVectors(["king", "queen", "pear"], np.array([[3.0, 4.0], [4.0, 3.0], [-4.0, 3.0]]))
    >>> wv["queen"]
    array([4., 3.])
    >>> [(word, round(cosine, 2)) for word, cosine in wv.most_similar("king", topn=2)]
    [('queen', 0.96), ('pear', 0.0)]
    """

    vectors: NDArray[Any]
    file_info: load_save.FileInfo | None

    def __init__(self, words: Sequence[str], vectors: NDArray[Any]) -> None:
        if isinstance(words, str):
            raise TypeError("words: expected a sequence of words, got one string")
        self.vectors = _checked_table(vectors)
        self.file_info = None
        self._packed: PackedWords | None = None
        self._words: list[str] | None = list(words)
        if len(self._words) != len(vectors):
            raise ValueError(f"expected a word for each of the {len(vectors)} rows, got {len(self._words)} words")
        self._index: dict[str, int] | None = _index_of(self._words)

    @classmethod
    def _from_packed(
        cls, packed: PackedWords, vectors: NDArray[Any], file_info: load_save.FileInfo | None
    ) -> WordVectors:
        """Return word vectors of words that a reader packed, each once. Strings are made when they are asked for."""
        loaded = cls.__new__(cls)
        loaded.vectors = vectors
        loaded.file_info = file_info
        loaded._packed, loaded._words, loaded._index = packed, None, None
        return loaded

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        format: str = "auto",
        vocabulary: Iterable[str] | None = None,
        limit: int | None = None,
        dtype: DTypeLike = "float32",
        mmap: bool = False,
        encoding_errors: str = "strict",
        progress: Callable[[int, int, int], object] | None = None,
    ) -> WordVectors:
        """Read a file of word vectors. See `docs/formats.md` for the formats.

        Parameters
        ----------
        path : str or path
            Plain or gzip, told by its content.
        format : {"auto", "glove", "word2vec"}
            ``"auto"`` tells by the content: a first line of two whole numbers is the header of word2vec text.
        vocabulary : iterable of str, such as a list or a `finevec.Vocabulary`, optional
            Only these words are kept, in the order of the file; words that the file lacks are left out.
        limit : int, optional
            Only the first `limit` rows of the file are looked at (`vocabulary` picks among them). What follows is
            not read, and the header's count is not checked.
        dtype : {"float32", "float64"}
            Numbers are parsed as float64 and cast, as Python and gensim do.
        mmap : bool
            Text cannot be mapped: only False.
        encoding_errors : {"strict", "replace", "ignore"}
            What to do with words that are not UTF-8, as in `bytes.decode`.
        progress : callable, optional
            Called now and then with (rows read, bytes of the file read, bytes of the file).

        Returns
        -------
        WordVectors
            Values as stored. Of a repeated word the first row is kept; ``file_info.repeated`` counts the others.
            ``file_info.numbered`` counts words such as ``route 66``, which may come of a row with one number too
            many. A warning is logged once for each of the two.

        Raises
        ------
        OSError
            The file cannot be read: `FileNotFoundError` and the like.
        TypeError
            `dtype` is another type, or another argument is of the wrong kind.
        ValueError
            The file is malformed. The text names the file, the line, what was found and what was wanted.
        """
        file = load_save.load(path, format, vocabulary, limit, dtype, mmap, encoding_errors, progress)
        return cls._from_packed(*file)

    def save(self, path: str | os.PathLike[str], *, format: str = "auto") -> None:
        """Write the vectors to a file, so that `load` gives back the same words and the same bits.

        The file is written aside and renamed: when anything goes wrong, an old file of that name stays whole.

        Parameters
        ----------
        path : str or path
            Packed with gzip when the name ends in ``.gz``.
        format : {"auto", "glove", "word2vec"}
            ``"auto"`` is word2vec text, whatever the suffix: its header lets a reader notice a cut file, and
            gensim's `load_word2vec_format` reads it as it is. ``"glove"`` leaves the header out.

        Raises
        ------
        ValueError
            A word or value could not be read back: a line break in a word, a value that is not finite, words that
            end in numbers where nothing tells them from the row's numbers. Or ``"auto"`` with a suffix that
            promises another format, such as ``.bin``.
        OSError
            The file cannot be written.
        """
        load_save.save(path, format, self._pack(), self.vectors)

    @property
    def index_to_key(self) -> list[str]:
        """The word of each row."""
        if self._words is None:
            assert self._packed is not None
            self._words = self._packed.unpack()
        return self._words

    @property
    def key_to_index(self) -> dict[str, int]:
        """The row of each word."""
        if self._index is None:
            self._index = {word: row for row, word in enumerate(self.index_to_key)}
        return self._index

    @property
    def vector_size(self) -> int:
        """Numbers in a vector, dim."""
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        """Return the number of words."""
        return int(self.vectors.shape[0])

    def __contains__(self, word: object) -> bool:
        """Return whether `word` has a vector."""
        return isinstance(word, str) and word in self.key_to_index

    def __repr__(self) -> str:
        """Return the size and the element type."""
        return f"<WordVectors: {len(self)} words x {self.vector_size}, {self.vectors.dtype}>"

    def __getitem__(self, words: str | Iterable[str]) -> NDArray[Any]:
        """Return the vector of a word, shape (dim,), or of a list of words, shape (len(words), dim).

        One word gives a read-only view of its row, a list gives a copy. `KeyError` names an unknown word.
        """
        if isinstance(words, str):
            return self.get_vector(words)
        if not isinstance(words, Iterable):
            raise TypeError(f"expected a word or a list of words, got {type(words).__name__}; for rows, use .vectors")
        rows = np.array([self.get_index(word) for word in words], np.intp)
        return np.asarray(self.vectors[rows])

    def get_index(self, word: str, default: int | None = None) -> int:
        """Return the row of `word`, or `default`; `KeyError` where there is neither, as in gensim."""
        if not isinstance(word, str):
            raise TypeError(f"expected a word, got {type(word).__name__}")
        row = self.key_to_index.get(word, default)
        if row is None:
            raise KeyError(f"{word!r} is not among the {len(self)} words")
        return row

    def get_vector(self, word: str, norm: bool = False) -> NDArray[Any]:
        """Return the vector of `word`, shape (dim,): a read-only view of its row; with `norm` a copy of length 1."""
        vector: NDArray[Any] = self.vectors[self.get_index(word)]
        if norm:
            return queries.unit(vector).astype(vector.dtype)
        vector = vector.view()
        vector.flags.writeable = False
        return vector

    def with_vectors(self, vectors: NDArray[Any]) -> WordVectors:
        """Return the same words with other vectors, of any dim. Neither words nor vectors are copied."""
        _checked_table(vectors)
        if len(vectors) != len(self):
            raise ValueError(f"expected a row for each of the {len(self)} words, got {len(vectors)} rows")
        other = self._from_packed(self._pack(), vectors, None)
        other._words, other._index = self._words, self._index
        return other

    def matrix_for(self, words: Iterable[str], *, seed: int = 0) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a table for a vocabulary: pretrained rows where there are any, drawn rows for the other words.

        A row of an unknown word is drawn from U[-a, a] with ``a = sqrt(3 var)``, which has the variance `var` of the
        pretrained values (Kim 2014, section 3.2). `var` is taken over the rows of the known ones among `words`, each
        once, or over evenly spaced ones of more than 100,000; so ``WordVectors.load(path, vocabulary=words)`` gives
        the same table as ``WordVectors.load(path)``. Beside `var`, a drawn row depends on its word, `seed` and dim.

        Parameters
        ----------
        words : iterable of str, such as a list or a `finevec.Vocabulary`
            One for each row wanted.
        seed : int
            At least 0.

        Returns
        -------
        matrix : ndarray of the dtype of `vectors`, shape (len(words), dim)
            The caller's own.
        known : ndarray of bool, shape (len(words),)
            Which rows are pretrained.

        Raises
        ------
        ValueError
            None of the words is known, so that there is nothing to take the variance of; or `seed` is negative.

        Examples
        --------
        >>> import numpy as np
        >>> wv = WordVectors(["good"], np.array([[1.0, -1.0]]))
        >>> table, known = wv.matrix_for(["good", "unheard-of"])
        >>> table.shape, known.tolist()
        ((2, 2), [True, False])
        """
        return matrix.matrix_for(self, words, seed)

    def _pack(self) -> PackedWords:
        if self._packed is None:
            assert self._words is not None
            self._packed = PackedWords.pack(self._words)
        return self._packed


def _checked_table(vectors: NDArray[Any]) -> NDArray[Any]:
    if not isinstance(vectors, np.ndarray):
        raise TypeError(f"vectors: expected an ndarray, got {type(vectors).__name__}")
    if vectors.dtype not in (np.float32, np.float64) or not vectors.dtype.isnative:
        raise TypeError(f"vectors: expected float32 or float64 in native byte order, got {vectors.dtype}")
    if vectors.ndim != 2:
        raise ValueError(f"vectors: expected shape (words, dim), got {vectors.shape}")
    in_pieces = vectors.size > 0 and vectors.shape[1] > 1 and vectors.strides[1] != vectors.itemsize
    if in_pieces or not vectors.flags.aligned:
        raise ValueError(
            f"vectors: expected aligned memory with each row in one piece, got strides of {vectors.strides} bytes: "
            "np.ascontiguousarray(vectors) makes a copy that has it"
        )
    return vectors


def _index_of(words: list[str]) -> dict[str, int]:
    index: dict[str, int] = {}
    for row, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(f"word {row}: expected a string, got {type(word).__name__}")
        if index.setdefault(word, row) != row:
            raise ValueError(f"expected each word once, got {word!r} at {index[word]} and {row}")
    return index
