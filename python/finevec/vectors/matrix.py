"""A table for a vocabulary: pretrained rows, and rows drawn for the words that have none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..checks import integer, strings

if TYPE_CHECKING:
    from .word_vectors import WordVectors

# Rows that the variance is taken over. More change its third digit at most, and cost a copy of a large table.
_VARIANCE_ROWS = 100_000


# Vectors made for some words, and for which of them there is one.
Compose: TypeAlias = Callable[[list[str]], tuple[NDArray[Any], NDArray[np.bool_]]]


def matrix_for(
    wv: WordVectors, words: Iterable[str], seed: int, compose: Compose | None = None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a table and which of its rows are pretrained. See `WordVectors.matrix_for`.

    `compose` makes vectors of words that `wv` lacks: see `FastTextVectors.matrix_for`.
    """
    words = strings("words", words)
    seed = integer("seed", seed, least=0)
    rows = np.array([wv.get_index(word, -1) for word in words], np.intp)
    known = rows >= 0
    matrix = np.empty((len(rows), wv.vector_size), wv.vectors.dtype)
    matrix[known] = wv.vectors[rows[known]]
    sample = wv.vectors, rows[known]
    if compose is not None:
        others = np.flatnonzero(~known)
        composed, found = compose([words[row] for row in others])
        matrix[others] = composed
        known[others] = found
        if not len(sample[1]):
            sample = composed, np.flatnonzero(found)
    unknown = np.flatnonzero(~known).tolist()
    if unknown:
        bound = np.sqrt(3.0 * _variance(*sample))
        for row in unknown:
            matrix[row] = _generator(words[row], seed).uniform(-bound, bound, wv.vector_size)
    return matrix, known


def _variance(table: NDArray[Any], rows: NDArray[np.intp]) -> float:
    """Return the variance of the values of some rows, in float64, over evenly spaced ones of many.

    Rows are taken once each and in the order of the table, so that the last bit depends on neither repeats nor order.
    """
    rows = np.unique(rows)
    sample = table[rows[:: max(1, -(-len(rows) // _VARIANCE_ROWS))]]
    if not sample.size:
        raise ValueError("none of the words has a vector: expected at least one, to take the variance of drawn rows of")
    mean = sample.mean(dtype=np.float64)
    squares = np.einsum("ij,ij->", sample, sample, dtype=np.float64)
    return max(float(squares / sample.size - mean**2), 0.0)


def _generator(word: str, seed: int) -> np.random.Generator:
    """Return the random numbers of one word: the same whatever the other words are, in every process."""
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])
