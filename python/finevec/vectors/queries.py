"""Cosines: of two vectors, of a mean of some with each row; the nearest words."""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import integer, number, strings

if TYPE_CHECKING:
    from .keyed import KeyedQueries

Example: TypeAlias = "str | NDArray[Any] | tuple[str | NDArray[Any], float]"
Examples: TypeAlias = "Example | Sequence[Example]"

# Bounds the memory for rows that are looked at twice.
ROWS_AT_ONCE = 4096

_log = logging.getLogger(__name__)


def known_rows(wv: KeyedQueries, words: set[str], restrict: int | None, case_insensitive: bool) -> dict[str, int]:
    """Return the rows of those of some words that are among the first `restrict`, or among all where it is None.

    With `case_insensitive` the words given are in upper case, and of words that differ in case alone the first counts.
    """
    end = len(wv) if restrict is None else min(integer("restrict_vocab", restrict, least=0), len(wv))
    if not case_insensitive:
        listed = list(words)
        return {word: row for word, row in zip(listed, wv.rows_of(listed).tolist(), strict=True) if 0 <= row < end}
    found: dict[str, int] = {}
    for row in range(end):
        upper = wv._words[row].upper()
        if upper in words:
            found.setdefault(upper, row)
    return found


def unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    """Return `vector` at length 1, in float64; a zero vector as it is."""
    return np.asarray(unit_rows(np.asarray(vector, np.float64)[np.newaxis])[0])


def unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows at length 1, zero rows as they are. Scaled first, so that squares stay in range."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    scaled = rows / np.where(largest > 0, largest, 1.0)
    lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, np.newaxis]
    return np.asarray(scaled / np.where(lengths > 0, lengths, 1.0))


def cosine(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the cosine of two vectors; 0 where one is zero."""
    return float(unit(first) @ unit(second))


def mean(
    wv: KeyedQueries,
    keys: Sequence[str | NDArray[Any]],
    weights: ArrayLike | None,
    pre_normalize: bool,
    ignore_missing: bool,
) -> NDArray[np.float64]:
    """Return a weighted mean in float64. See `KeyedQueries.get_mean_vector`."""
    if isinstance(keys, str):
        raise TypeError("keys: expected a list of words or vectors, got one string")
    if len(keys) == 0:
        raise ValueError("expected at least one word or vector, got none")
    factors = np.ones(len(keys)) if weights is None else np.asarray(weights, np.float64)
    if factors.shape != (len(keys),):
        raise ValueError(f"weights: expected one for each of the {len(keys)} keys, got shape {factors.shape}")
    total, weight = np.zeros(wv.vector_size), 0.0
    for key, factor in zip(keys, factors.tolist(), strict=True):
        if isinstance(key, str):
            vector = _found(wv, key) if ignore_missing else wv.get_vector(key)
            if vector is None:
                continue
            total += factor * (unit(vector) if pre_normalize else vector.astype(np.float64))
        else:
            total += factor * _vector(wv, key)
        weight += abs(factor)
    return total / weight if weight > 0 else total


def _found(wv: KeyedQueries, word: str) -> NDArray[Any] | None:
    """Return the vector of a word, also of one without a row that is made of n-grams, or None."""
    try:
        return wv.get_vector(word)
    except KeyError:
        return None


def rank_by_centrality(wv: KeyedQueries, words: Sequence[str], use_norm: bool) -> list[tuple[float, str]]:
    """Rank words by closeness to their mean. See `KeyedQueries.rank_by_centrality`."""
    words = strings("words", words)
    known = [(word, vector) for word in words if (vector := _found(wv, word)) is not None]
    if not known:
        raise ValueError(f"expected at least one known word, got {len(words)} words, none of them known")
    if len(known) < len(words):
        _log.warning("left out %d unknown words of %d", len(words) - len(known), len(words))
    vectors = np.array([vector for _, vector in known], np.float64)
    if use_norm:
        vectors = unit_rows(vectors)
    dots = vectors @ unit(vectors.mean(axis=0))
    return sorted(zip(dots.tolist(), (word for word, _ in known), strict=True), reverse=True)


def clipped(rows: int, start: int, end: int | None, restrict: int | None) -> tuple[int, int]:
    """Return the first row that is searched and the one after the last. See `KeyedQueries.most_similar`."""
    start = integer("clip_start", start, least=0)
    end = 0 if end is None else integer("clip_end", end, least=0)
    restrict = 0 if restrict is None else integer("restrict_vocab", restrict, least=0)
    if restrict:
        start, end = 0, restrict
    end = min(end or rows, rows)
    return min(start, end), end


def most_similar(
    wv: KeyedQueries, positive: Examples | None, negative: Examples | None, topn: int | None, first: int, end: int
) -> list[tuple[str, float]] | NDArray[Any]:
    """Return the nearest words among the rows ``first <= row < end``. See `KeyedQueries.most_similar`."""
    weighted = [*_weighted(positive, 1.0), *_weighted(negative, -1.0)]
    if not weighted:
        raise ValueError("expected at least one word or vector, got none")
    mean = np.zeros(wv.vector_size)
    for example, weight in weighted:
        mean += weight * (wv.get_vector(example, norm=True) if isinstance(example, str) else _vector(wv, example))
    cosines = _cosines(wv.vectors[first:end], mean)
    if topn is None:
        return cosines
    given = {wv.get_index(example, -1) - first for example, _ in weighted if isinstance(example, str)}
    wanted = max(operator.index(topn), 0)
    rows = [row for row in _largest(cosines, wanted + len(given)) if row not in given][:wanted]
    return [(wv._words[first + row], float(cosines[row])) for row in rows]


def _weighted(examples: Examples | None, weight: float) -> list[tuple[str | NDArray[Any], float]]:
    if examples is None:
        return []
    if isinstance(examples, str) or (isinstance(examples, np.ndarray) and examples.ndim == 1):
        return [(examples, weight)]
    listed: Iterable[Any] = examples
    return [_pair(example) if isinstance(example, tuple) else (example, weight) for example in listed]


def _pair(example: tuple[Any, ...]) -> tuple[str | NDArray[Any], float]:
    if len(example) != 2:
        raise ValueError(f"expected a pair (example, weight), got a tuple of {len(example)}")
    return example[0], number("weight", example[1])


def _vector(wv: KeyedQueries, example: object) -> NDArray[np.float64]:
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
        # Of rows with NaN or infinity the cosine is NaN.
        with np.errstate(invalid="ignore"):
            cosines[some] = unit_rows(table[some].astype(np.float64)) @ direction
    return cosines


def _largest(values: NDArray[Any], count: int) -> list[int]:
    """Return where the `count` largest values are: falling, of equals the first place first, NaN behind all others."""
    if count <= 0:
        return []
    values = np.where(np.isnan(values), -np.inf, values)
    candidates = np.arange(len(values))
    if count < len(values):
        # Everything that equals the last one taken is a candidate too, so that ties do not depend on the partition.
        least = np.partition(values, len(values) - count)[len(values) - count]
        candidates = np.flatnonzero(values >= least)
    order = np.argsort(-values[candidates], kind="stable")
    return [int(row) for row in candidates[order][:count]]
