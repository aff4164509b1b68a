"""A table for a vocabulary: pretrained rows, and rows drawn for the words that have none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import integer

if TYPE_CHECKING:
    from .word_vectors import WordVectors

# Rows that the variance is taken over. More change its third digit at most, and cost a pass over a large table.
_VARIANCE_ROWS = 100_000


def matrix_for(wv: WordVectors, words: Sequence[str], seed: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a table and which of its rows are pretrained. See `WordVectors.matrix_for`."""
    if isinstance(words, str):
        raise TypeError("words: expected a sequence of words, got one string")
    seed = integer("seed", seed, least=0)
    rows = np.array([wv.get_index(word, -1) for word in words], np.intp)
    known = rows >= 0
    matrix = np.empty((len(rows), wv.vector_size), wv.vectors.dtype)
    matrix[known] = wv.vectors[rows[known]]
    unknown = np.flatnonzero(~known).tolist()
    if unknown:
        bound = np.sqrt(3.0 * _variance(wv.vectors))
        for row in unknown:
            matrix[row] = _generator(words[row], seed).uniform(-bound, bound, wv.vector_size)
    return matrix, known


def _variance(table: NDArray[Any]) -> float:
    """Return the variance of the values of the table, in float64, over evenly spaced rows of a large one."""
    if not table.size:
        raise ValueError("expected at least one pretrained vector to take the variance of, got none")
    sample = table[:: -(-len(table) // _VARIANCE_ROWS)]
    mean = sample.mean(dtype=np.float64)
    squares = np.einsum("ij,ij->", sample, sample, dtype=np.float64)
    return max(float(squares / sample.size - mean**2), 0.0)


def _generator(word: str, seed: int) -> np.random.Generator:
    """Return the random numbers of one word: the same whatever the other words are, in every process."""
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "little")])
