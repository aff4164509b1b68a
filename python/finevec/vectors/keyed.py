"""`KeyedQueries`: what one may ask of words and their vectors, under gensim's names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _finevec
from . import analogies as analogy_questions
from . import queries, word_pairs
from .lines import TextLines


class KeyedQueries:
    r"""The queries of `WordVectors`. Nothing is kept between them, so answers are right after fine-tuning too.

    Examples
    --------
    >>> import finevec as fv
    >>> table = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> wv = fv.WordVectors(["king", "queen", "man", "woman"], table)
    >>> [(word, round(cosine, 2)) for word, cosine in wv.most_similar(["king", "woman"], ["man"])]
    [('queen', 0.96)]
    >>> wv.similar_by_vector(np.array([0.0, 2.0, 0.0]), topn=1)
    [('woman', 1.0)]
    >>> round(wv.similarity("king", "queen"), 2), round(wv.distance("king", "man"), 2)
    (0.5, 0.29)
    >>> round(wv.n_similarity(["king", "woman"], ["queen", "man"]), 2)
    1.0
    >>> wv.get_mean_vector(["king", "woman", "unheard-of"], pre_normalize=False)
    array([0.5, 0.5, 0.5])
    >>> wv.doesnt_match(["king", "man", "woman"])
    'woman'
    >>> judged = ["king\tman\t8", "king\tqueen\t6.5", "king\twoman\t1", "king\tpear\t0"]
    >>> pearson, spearman, unknown = wv.evaluate_word_pairs(judged)
    >>> round(pearson.statistic, 3), round(spearman.statistic, 3), unknown
    (0.996, 1.0, 25.0)
    >>> score, sections = wv.evaluate_word_analogies([": family", "man king woman queen"])
    >>> score, sections[0]
    (1.0, {'section': 'family', 'correct': [('MAN', 'KING', 'WOMAN', 'QUEEN')], 'incorrect': []})
    """

    vectors: NDArray[Any]

    if TYPE_CHECKING:

        @property
        def _words(self) -> _finevec.Words: ...

        @property
        def vector_size(self) -> int:
            """Numbers in a vector."""

        def __len__(self) -> int:
            """Return the number of words."""

        def get_index(self, word: str, default: int | None = None) -> int:
            """Return the row of a word."""

        def get_vector(self, word: str, norm: bool = False) -> NDArray[Any]:
            """Return the vector of a word."""

        def rows_of(self, words: Iterable[str]) -> NDArray[np.int64]:
            """Return the row of each word, -1 for words without one."""

    @overload
    def most_similar(
        self,
        positive: queries.Examples | None = None,
        negative: queries.Examples | None = None,
        topn: int = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
    ) -> list[tuple[str, float]]: ...
    @overload
    def most_similar(
        self,
        positive: queries.Examples | None = None,
        negative: queries.Examples | None = None,
        *,
        topn: None,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
    ) -> NDArray[Any]: ...
    def most_similar(
        self,
        positive: queries.Examples | None = None,
        negative: queries.Examples | None = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
    ) -> list[tuple[str, float]] | NDArray[Any]:
        """Return the words nearest by cosine to the mean of some examples.

        The mean is that of gensim: the words' vectors at length 1, and vectors as they are given, each times its
        weight. O(n dim).

        Parameters
        ----------
        positive, negative : str, ndarray of shape (dim,), or a list of these
            A pair (example, weight) in the list takes the place of the weights 1 and -1; so a negative example wants a
            weight below 0. Words given here are left out of the answer.
        topn : int or None
            How many words; None for the cosine of every row.
        clip_start, clip_end : int, optional
            Only the rows ``clip_start <= row < clip_end`` are searched.
        restrict_vocab : int, optional
            Only the first so many rows are searched, whatever `clip_start` and `clip_end` say. None or 0: no bound.

        Returns
        -------
        list of (str, float), or ndarray of shape (rows searched,) where `topn` is None
            Falling cosine; of equals, the earlier row first. A row of zeros has cosine 0.
            That of a row with NaN or infinity is NaN: it comes behind all others.

        Raises
        ------
        KeyError
            A word has no vector.
        ValueError
            Nothing is given, or a vector has another shape.
        """
        first, end = queries.clipped(len(self), clip_start, clip_end, restrict_vocab)
        return queries.most_similar(self, positive, negative, topn, first, end)

    @overload
    def similar_by_word(
        self, word: str, topn: int = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]]: ...
    @overload
    def similar_by_word(self, word: str, topn: None, restrict_vocab: int | None = None) -> NDArray[Any]: ...
    def similar_by_word(
        self, word: str, topn: int | None = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]] | NDArray[Any]:
        """Return the words nearest by cosine to `word`. See `most_similar`."""
        first, end = queries.clipped(len(self), 0, None, restrict_vocab)
        return queries.most_similar(self, word, None, topn, first, end)

    @overload
    def similar_by_vector(
        self, vector: NDArray[Any], topn: int = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]]: ...
    @overload
    def similar_by_vector(
        self, vector: NDArray[Any], topn: None, restrict_vocab: int | None = None
    ) -> NDArray[Any]: ...
    def similar_by_vector(
        self, vector: NDArray[Any], topn: int | None = 10, restrict_vocab: int | None = None
    ) -> list[tuple[str, float]] | NDArray[Any]:
        """Return the words nearest by cosine to `vector`, shape (dim,). See `most_similar`."""
        first, end = queries.clipped(len(self), 0, None, restrict_vocab)
        return queries.most_similar(self, [vector], None, topn, first, end)

    def similarity(self, first: str, second: str) -> float:
        """Return the cosine of the vectors of two words; 0 where one is zero. `KeyError` for an unknown word."""
        return queries.cosine(self.get_vector(first), self.get_vector(second))

    def distance(self, first: str, second: str) -> float:
        """Return 1 less the cosine of the vectors of two words. `KeyError` for an unknown word."""
        return 1.0 - self.similarity(first, second)

    def n_similarity(self, first: Sequence[str], second: Sequence[str]) -> float:
        """Return the cosine of the mean vectors of two lists of words; 0 where one mean is zero.

        Means are those of `get_mean_vector` with vectors as they are; unknown words are left out.
        `ZeroDivisionError` for an empty list, as in gensim.
        """
        if len(first) == 0 or len(second) == 0:
            raise ZeroDivisionError("expected two lists of at least one word each, got an empty one")
        return queries.cosine(*(queries.mean(self, words, None, False, True) for words in (first, second)))

    def get_mean_vector(
        self,
        keys: Sequence[str | NDArray[Any]],
        weights: ArrayLike | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> NDArray[Any]:
        """Return the mean of some vectors: their weighted sum over the sum of the weights' absolute values.

        Parameters
        ----------
        keys : sequence of str or ndarray of shape (dim,)
            At least one.
        weights : sequence of float, optional
            One for each of `keys`; all 1 where it is missing.
        pre_normalize : bool
            Whether words' vectors are taken at length 1. Vectors among `keys` are taken as they are.
        post_normalize : bool
            Whether the mean is returned at length 1.
        ignore_missing : bool
            Whether unknown words are left out, weights and all.

        Returns
        -------
        ndarray of the table's dtype, shape (dim,)
            Computed in float64. Zeros where there is nothing to sum.

        Raises
        ------
        KeyError
            A word is unknown, and `ignore_missing` is False.
        ValueError
            `keys` is empty, the numbers of keys and weights differ, or a vector has another shape.
        """
        mean = queries.mean(self, keys, weights, pre_normalize, ignore_missing)
        return np.asarray((queries.unit(mean) if post_normalize else mean).astype(self.vectors.dtype))

    def rank_by_centrality(self, words: Sequence[str], use_norm: bool = True) -> list[tuple[float, str]]:
        """Return words with the dot products of their vectors and the mean direction of all of them, falling.

        Vectors are taken at length 1, or as they are where `use_norm` is False. Unknown words are left out, with a
        warning logged. `ValueError` where no word is known.
        """
        return queries.rank_by_centrality(self, words, use_norm)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """Return which of some words is furthest from the mean of all: the last of `rank_by_centrality`."""
        return self.rank_by_centrality(words)[-1][1]

    def evaluate_word_pairs(
        self,
        pairs: TextLines,
        delimiter: str = "\t",
        encoding: str = "utf8",
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[word_pairs.Correlation, word_pairs.Correlation, float]:
        """Correlate the cosines of pairs of words with what people think of them, such as WordSim-353 or SimLex-999.

        Parameters
        ----------
        pairs : path or iterable of str
            A text file, plain or gzip, or its lines: two words and a number, parted by `delimiter`. Lines that start
            with ``#`` are comments. Other lines, such as a heading, are left out and counted in one logged warning.
        delimiter : str
            What parts the fields.
        encoding : str
            Of the file.
        restrict_vocab : int or None
            Only the first so many words count as known.
        case_insensitive : bool
            Whether words are compared in upper case. Of words that differ in case alone the first row is taken.
        dummy4unknown : bool
            Whether a pair with an unknown word counts with cosine 0, instead of being left out.

        Returns
        -------
        pearson : (statistic, pvalue)
            Pearson's correlation coefficient, and its two-sided p-value: NaN where SciPy is not installed.
        spearman : (statistic, pvalue)
            Spearman's: Pearson's of the ranks, where equals share the mean of their ranks.
        oov_ratio : float
            Percentage of pairs with an unknown word.

        Raises
        ------
        ValueError
            Fewer than two pairs are known. The text names the file and, if there is one, the first line that is no
            pair, with what was wanted.
        OSError
            The file cannot be read.
        """
        return word_pairs.evaluate(self, pairs, delimiter, encoding, restrict_vocab, case_insensitive, dummy4unknown)

    def evaluate_word_analogies(
        self,
        analogies: TextLines,
        restrict_vocab: int | None = 300000,
        case_insensitive: bool = True,
        dummy4unknown: bool = False,
    ) -> tuple[float, list[analogy_questions.Section]]:
        """Answer "a is to b as c is to what", by the word nearest to b - a + c (3CosAdd), as in questions-words.txt.

        Vectors are taken at length 1, and a, b and c are no answers. Questions are answered together, in blocks of
        matrix products that need some tens of MB.

        Parameters
        ----------
        analogies : path or iterable of str
            A text file in UTF-8, plain or gzip, or its lines: four words, parted by white space, or ``: name``, which
            starts a section. Other lines are left out and counted in one logged warning.
        restrict_vocab : int or None
            Only the first so many words count as known and are searched.
        case_insensitive : bool
            Whether words are compared in upper case. Of words that differ in case alone the first row is taken.
        dummy4unknown : bool
            Whether a question with an unknown word counts as answered wrongly, instead of being left out.

        Returns
        -------
        score : float
            The part of the questions that was answered correctly, from 0 to 1; 0 where there was none to answer.
        sections : list of dict
            For each section, and at last for ``"Total accuracy"``: its name as ``"section"``, and the questions
            ``(a, b, c, expected)`` answered correctly as ``"correct"``, the others as ``"incorrect"``, in upper case
            where `case_insensitive` is True.

        Raises
        ------
        ValueError
            There is no question, or one comes before the first section. The text names the file, the line and what
            was wanted.
        OSError
            The file cannot be read.
        """
        return analogy_questions.evaluate(self, analogies, restrict_vocab, case_insensitive, dummy4unknown)
