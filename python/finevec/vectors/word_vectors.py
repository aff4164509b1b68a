"""`WordVectors`: a table of vectors and the words of its rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _finevec
from . import load_save, matrix, queries
from .exchange import Exchange
from .keyed import KeyedQueries

if TYPE_CHECKING:
    from typing_extensions import Self


class WordVectors(KeyedQueries, Exchange):
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
        self._take(_finevec.Words(words), checked_table(vectors, "vectors"), None)

    @classmethod
    def _loaded(
        cls,
        words: _finevec.Words | Callable[[], _finevec.Words],
        vectors: NDArray[Any],
        file_info: load_save.FileInfo | None,
    ) -> Self:
        """Return word vectors of packed words, or of a function that gives them when they are first asked for."""
        made = cls.__new__(cls)
        made._take(words, vectors, file_info)
        return made

    def _take(
        self,
        words: _finevec.Words | Callable[[], _finevec.Words],
        vectors: NDArray[Any],
        file_info: load_save.FileInfo | None,
    ) -> None:
        self.vectors = vectors
        self.file_info = file_info
        self._source = words
        self._list: list[str] | None = None
        self._index: dict[str, int] | None = None
        if isinstance(words, _finevec.Words):
            self._check_count(words)

    def _check_count(self, words: _finevec.Words) -> None:
        if len(words) != len(self.vectors):
            raise ValueError(f"expected a word for each of the {len(self.vectors)} rows, got {len(words)} words")

    @property
    def _words(self) -> _finevec.Words:
        """The words, packed, with their index."""
        if not isinstance(self._source, _finevec.Words):
            words = self._source()
            self._check_count(words)
            self._source = words
        return self._source

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        format: str = "auto",
        vocabulary: Iterable[str] | None = None,
        limit: int | None = None,
        dtype: DTypeLike = "float32",
        mmap: bool | str = False,
        encoding_errors: str = "strict",
        progress: Callable[[int, int, int], object] | None = None,
    ) -> WordVectors:
        """Read a file of word vectors. See `docs/formats.md` for the formats.

        Parameters
        ----------
        path : str or path
            Plain or gzip, told by its content.
        format : str
            "glove", "word2vec", "word2vec-binary", "fasttext" (text, ``.vec``), "fasttext-binary" (``.bin``),
            "safetensors" or "npy". ``"auto"`` tells by the content. To name the format also means that a header's
            count is not held against the rows.
        vocabulary : iterable of str, such as a list or a `finevec.Vocabulary`, optional
            Only these words are kept, in the order of the file; words that the file lacks are left out.
        limit : int, optional
            Only the first `limit` rows of the file are looked at (`vocabulary` picks among them). What follows is
            not read, and the header's count is not checked.
        dtype : {"float32", "float64"}
            Numbers are parsed as float64 and cast, as Python and gensim do.
        mmap : bool or "c"
            For safetensors and npy: leave the table in the file and fetch pages when they are read. True gives a
            read-only table; ``"c"`` one that may be trained: rows that change become private pages of this process,
            the file stays as it is. Words are read when they are first asked for. The file must hold `dtype`, and must
            not become shorter while it is mapped: it may be replaced, as `save` does it, but not written over.
        encoding_errors : {"strict", "replace", "ignore"}
            What to do with words that are not UTF-8, as in `bytes.decode`.
        progress : callable, optional
            Called now and then with (rows read, bytes of the file read, bytes of the file).

        Returns
        -------
        WordVectors
            Values as stored; for fastText's ``.bin`` a `finevec.vectors.FastTextVectors`, which has vectors for other
            words too. Of a repeated word the first row is kept; ``file_info.repeated`` counts the others.
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
        words, vectors, info, subwords = load_save.load(
            path, format, vocabulary, limit, dtype, mmap, encoding_errors, progress
        )
        if subwords is not None:
            from .fasttext import FastTextVectors

            return FastTextVectors._of_model(words, vectors, info, subwords)
        return cls._loaded(words, vectors, info)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        format: str = "auto",
        dtype: DTypeLike | None = None,
        progress: Callable[[int, int, int], object] | None = None,
    ) -> None:
        """Write the vectors to a file, so that `load` gives back the same words and the same bits.

        The file is written aside and renamed: when anything goes wrong, an old file of that name stays whole. So it may
        be the file that these vectors are mapped from.

        Parameters
        ----------
        path : str or path
            Text and word2vec binary are packed with gzip when the name ends in ``.gz``.
        format : str
            A name that `load` takes, except "fasttext-binary". ``"auto"`` goes by the suffix: ``.safetensors`` and
            ``.npy`` are what they say, ``.bin`` is word2vec binary, ``.vec`` fastText's text, and all else word2vec
            text: its header lets a reader notice a cut file. The words of ``v.npy`` go to ``v.words.txt`` beside it.
        dtype : {"float16", "float32", "float64"}, optional
            For safetensors and npy: the type of the values in the file. None: that of the table.
        progress : callable, optional
            Called now and then with (rows written, 0, 0).

        Raises
        ------
        ValueError
            A word or value could not be read back: a line break in a word, a value that is not finite, words that
            end in numbers where nothing tells them from the row's numbers. Or ``"auto"`` with a suffix of a format
            that is not written, such as ``.parquet``; or a value that would be infinite as `dtype`.
        OSError
            The file cannot be written.
        """
        load_save.save(path, format, self._words, self.vectors, dtype, progress)

    @property
    def index_to_key(self) -> list[str]:
        """The word of each row. A list of strings, made on first use."""
        if self._list is None:
            self._list = self._words.to_list()
        return self._list

    @property
    def key_to_index(self) -> dict[str, int]:
        """The row of each word. A dict, made on first use; `get_index` and ``wv[word]`` do without."""
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
        return isinstance(word, str) and self._words.find(word) is not None

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
        words = list(words)
        rows = self.rows_of(words)
        if len(unknown := np.flatnonzero(rows < 0)):
            self.get_index(words[unknown[0]])
        return np.asarray(self.vectors[rows])

    def get_index(self, word: str, default: int | None = None) -> int:
        """Return the row of `word`, or `default`; `KeyError` where there is neither, as in gensim."""
        if not isinstance(word, str):
            raise TypeError(f"expected a word, got {type(word).__name__}")
        row = self._words.find(word)
        row = default if row is None else row
        if row is None:
            raise KeyError(f"{word!r} is not among the {len(self)} words")
        return row

    def rows_of(self, words: Iterable[str]) -> NDArray[np.int64]:
        """Return the row of each word, shape (len(words),), -1 for words without one."""
        return self._words.rows_of(list(words))

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
        checked_table(vectors, "vectors")
        if len(vectors) != len(self):
            raise ValueError(f"expected a row for each of the {len(self)} words, got {len(vectors)} rows")
        other = WordVectors._loaded(self._source, vectors, None)
        other._list, other._index = self._list, self._index
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


def checked_table(vectors: NDArray[Any], name: str) -> NDArray[Any]:
    """Return `vectors`, or raise where they are no table; `name` is the argument's."""
    if not isinstance(vectors, np.ndarray):
        raise TypeError(f"{name}: expected an ndarray, got {type(vectors).__name__}")
    if vectors.dtype not in (np.float32, np.float64) or not vectors.dtype.isnative:
        raise TypeError(f"{name}: expected float32 or float64 in native byte order, got {vectors.dtype}")
    if vectors.ndim != 2:
        raise ValueError(f"{name}: expected shape (words, dim), got {vectors.shape}")
    in_pieces = vectors.size > 0 and vectors.shape[1] > 1 and vectors.strides[1] != vectors.itemsize
    if in_pieces or not vectors.flags.aligned:
        raise ValueError(
            f"{name}: expected aligned memory with each row in one piece, got strides of {vectors.strides} bytes: "
            f"np.ascontiguousarray({name}) makes a copy that has it"
        )
    return vectors
