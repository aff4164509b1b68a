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

# Bounds the memory for rows that are looked at twice.
ROWS_AT_ONCE = 4096


def unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    """Return `vector` at length 1, in float64; a zero vector as it is."""
    return np.asarray(_unit_rows(np.asarray(vector, np.float64)[np.newaxis])[0])


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
    direction = unit(direction)
    range_of_type = np.finfo(table.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        dots = table @ direction.astype(table.dtype)
        squares = np.einsum("ij,ij->i", table, table)
        usual = (squares >= range_of_type.tiny / range_of_type.eps) & (squares <= range_of_type.max)
    cosines = np.asarray(np.divide(dots, np.sqrt(squares), out=np.zeros_like(dots), where=usual))
    # Squares of very long and very short rows leave the range of the type.
    others = np.flatnonzero(~usual)
    for first in range(0, len(others), ROWS_AT_ONCE):
        some = others[first : first + ROWS_AT_ONCE]
        cosines[some] = _unit_rows(table[some].astype(np.float64)) @ direction
    return cosines


def _unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows at length 1, zero rows as they are. Scaled first, so that squares stay in range."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    scaled = rows / np.where(largest > 0, largest, 1.0)
    lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, np.newaxis]
    return np.asarray(scaled / np.where(lengths > 0, lengths, 1.0))


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
