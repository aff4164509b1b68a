"""The rows that a classifier's table starts with: which words get one, and what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..vectors import WordVectors

RANDOM_BOUND = 0.25
"""Rows of the mode "random" are drawn uniformly from within it, as those of CNN-rand in Kim's own code (2014)."""

_ROWS = 1  # the branch of a seed that rows are drawn from


class StartingRows(NamedTuple):
    """A table before training.

    `words` has the word of each row, those of the training texts first, and `trained` says how many these are. `known`
    says which rows of `table` are pretrained vectors.
    """

    words: list[str]
    table: NDArray[Any]
    known: NDArray[np.bool_]
    trained: int


def starting_rows(
    training: Sequence[Sequence[str]],
    more: Sequence[Sequence[str]],
    vectors: WordVectors | int,
    seed: int,
    *,
    where: str,
    vectors_where: str = "",
) -> StartingRows:
    """Return the rows that the words of texts start with.

    Parameters
    ----------
    training, more : sequences of tokenized texts
        `more` are the dev and test texts. Words that these alone have get a row where there is a vector.
    vectors : WordVectors or int
        Pretrained vectors, see `pretrained_rows`; or how many columns random rows shall have, see `random_rows`.
    seed : int
    where, vectors_where : str
        What to call the training texts and the vectors in an error.

    Raises
    ------
    ValueError
        The training texts have no words, or none of these has a vector.

    Examples
    --------
    >>> vectors = WordVectors(["good", "bad"], np.array([[1, -1], [-1, 1]], np.float32))
    >>> rows = starting_rows([["a", "good"]], [["a", "bad", "one"]], vectors, seed=1, where="train.tsv")
    >>> rows.words, rows.known.tolist(), rows.trained
    (['a', 'good', 'bad'], [False, True, True], 2)
    """
    words = model_words(training, [], {})
    trained = len(words)
    if not words:
        raise ValueError(f"{where}: there is no word in any text")
    if isinstance(vectors, int):
        return StartingRows(words, random_rows(words, vectors, seed), np.zeros(trained, dtype=bool), trained)
    if not any(word in vectors for word in words):
        raise ValueError(f"none of the {trained:,} words of {where} has a vector in {vectors_where}")
    words = model_words(training, more, vectors.key_to_index)
    return StartingRows(words, *pretrained_rows(vectors, words, trained, seed), trained)


def model_words(
    training: Sequence[Sequence[str]], more: Sequence[Sequence[str]], known: Mapping[str, Any]
) -> list[str]:
    """Return the words that become rows: those of the training texts, then those of `more` texts that are known.

    Parameters
    ----------
    training, more : sequences of tokenized texts
        `more` are the dev and test texts. A word of theirs that is neither in the training texts nor in the
        pretrained vectors gets no row: nothing could be learnt about it.
    known : mapping
        Its keys are the words of the pretrained vectors.

    Returns
    -------
    list of str
        In order of first occurrence.

    Examples
    --------
    >>> model_words([["a", "good", "a"]], [["bad", "xyzzy"]], {"bad": 0})
    ['a', 'good', 'bad']
    """
    words = {token: None for tokens in training for token in tokens}
    words.update((token, None) for tokens in more for token in tokens if token in known)
    return list(words)


def random_rows(words: Sequence[str], dim: int, seed: int) -> NDArray[np.float32]:
    """Return a row for each word, shape (len(words), dim), uniform within `RANDOM_BOUND`.

    They are drawn apart from what a model draws from the same seed: layers must not start as copies of words.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_ROWS,)))
    return rng.uniform(-RANDOM_BOUND, RANDOM_BOUND, (len(words), dim)).astype(np.float32)


def pretrained_rows(
    vectors: WordVectors, words: Sequence[str], trained: int, seed: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a row for each word, and which of them are pretrained vectors.

    The others are drawn with the variance of the known ones among the training texts' words, as in Kim (2014,
    section 4.3): neither the choice of dev and test texts, nor how many vectors were read, changes how training starts.

    Parameters
    ----------
    vectors : WordVectors
    words : sequence of str
        As `model_words` gives them.
    trained : int
        The first so many of them are the words of the training texts.
    seed : int

    Returns
    -------
    table : ndarray, shape (len(words), dim)
    known : ndarray of bool, shape (len(words),)
    """
    table, known = vectors.matrix_for(words[:trained], seed=seed)
    others, others_known = vectors.matrix_for(words[trained:], seed=seed)
    return np.concatenate([table, others]), np.concatenate([known, others_known])
