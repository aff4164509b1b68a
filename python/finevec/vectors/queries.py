"""Nearest words by cosine."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .word_vectors import WordVectors

Example: TypeAlias = "str | NDArray[Any]"
Examples: TypeAlias = "Example | Sequence[Example]"


def unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    """Return `vector` at length 1, in float64; a zero vector as it is."""
    wide = np.asarray(vector, np.float64)
    length = np.sqrt(wide @ wide)
    return wide / length if length > 0 else wide


def most_similar(
    wv: WordVectors, positive: Examples | None, negative: Examples | None, topn: int | None
) -> list[tuple[str, float]] | NDArray[Any]:
    """Return the nearest words. See `WordVectors.most_similar`."""
    signed = [(example, 1.0) for example in _listed(positive)] + [(example, -1.0) for example in _listed(negative)]
    if not signed:
        raise ValueError("expected at least one word or vector, got none")
    mean = np.zeros(wv.vector_size)
    for example, sign in signed:
        mean += sign * (wv.get_vector(example, norm=True) if isinstance(example, str) else _vector(wv, example))
    cosines = _cosines(wv.vectors, mean)
    if topn is None:
        return cosines
    given = {wv.get_index(example) for example, _ in signed if isinstance(example, str)}
    wanted = max(operator.index(topn), 0)
    rows = [row for row in _largest(cosines, wanted + len(given)) if row not in given][:wanted]
    return [(wv.index_to_key[row], float(cosines[row])) for row in rows]


def _listed(examples: Examples | None) -> Sequence[Example]:
    if examples is None:
        return []
    if isinstance(examples, str) or (isinstance(examples, np.ndarray) and examples.ndim == 1):
        return [examples]
    return list(examples)


def _vector(wv: WordVectors, example: object) -> NDArray[np.float64]:
    if not isinstance(example, np.ndarray):
        raise TypeError(f"expected a word or a vector, got {type(example).__name__}")
    if example.shape != (wv.vector_size,):
        raise ValueError(f"expected a vector of shape ({wv.vector_size},), got {example.shape}")
    return example.astype(np.float64)


def _cosines(table: NDArray[Any], direction: NDArray[np.float64]) -> NDArray[Any]:
    """Return the cosine of each row with `direction`: one product and one sum of squares over the table."""
    dots = table @ unit(direction).astype(table.dtype)
    lengths = np.sqrt(np.einsum("ij,ij->i", table, table))
    return np.asarray(np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0))


def _largest(values: NDArray[Any], count: int) -> list[int]:
    """Return where the `count` largest values are: falling, of equals the first place first."""
    if count <= 0:
        return []
    candidates = np.arange(len(values))
    if count < len(values):
        # Everything that equals the last one taken is a candidate too, so that ties do not depend on the partition.
        least = np.partition(values, len(values) - count)[len(values) - count]
        candidates = np.flatnonzero(values >= least)
    order = np.argsort(-values[candidates], kind="stable")
    return [int(row) for row in candidates[order][:count]]
