"""Correlation of cosines with what people say of pairs of words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .lines import NumberedLines, TextLines
from .queries import known_rows, unit_rows

if TYPE_CHECKING:
    from .keyed import KeyedQueries


class Correlation(NamedTuple):
    """A correlation coefficient."""

    statistic: float
    """From -1 to 1; NaN where one side is constant or not a number."""
    pvalue: float
    """Two-sided, of no correlation; NaN where `statistic` is or SciPy is not installed."""


def evaluate(
    wv: KeyedQueries,
    pairs: TextLines,
    delimiter: str,
    encoding: str,
    restrict_vocab: int | None,
    case_insensitive: bool,
    dummy4unknown: bool,
) -> tuple[Correlation, Correlation, float]:
    """Compare cosines with a list of judgements. See `KeyedQueries.evaluate_word_pairs`."""
    lines = NumberedLines(pairs, encoding, f"two words and a number, parted by {delimiter!r}")
    judged = _read(lines, delimiter, case_insensitive)
    words = {word for first, second, _ in judged for word in (first, second)}
    rows = known_rows(wv, words, restrict_vocab, case_insensitive)
    known = [pair for pair in judged if pair[0] in rows and pair[1] in rows]
    unknown = len(judged) - len(known)
    cosines = _cosines(wv.vectors, [rows[pair[0]] for pair in known], [rows[pair[1]] for pair in known])
    judgements = [pair[2] for pair in known]
    if dummy4unknown:
        judgements += [pair[2] for pair in judged if pair[0] not in rows or pair[1] not in rows]
        cosines = np.append(cosines, np.zeros(unknown))
    if len(judgements) < 2:
        skipped = lines.describe_skipped()
        counts = f"expected at least 2 pairs of known words, got {len(judgements)}; {unknown} have an unknown word"
        raise ValueError(f"{lines.name}: {counts}" + (f"; {skipped}" if skipped else ""))
    lines.warn_of_skipped()
    gold = np.array(judgements)
    return pearson(gold, cosines), spearman(gold, cosines), unknown / len(judged) * 100.0


def pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> Correlation:
    """Return Pearson's correlation of two arrays of shape (n,), n >= 2."""
    return _with_pvalue("pearsonr", _pearson(first, second), first, second)


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> Correlation:
    """Return Spearman's correlation of two arrays of shape (n,), n >= 2: Pearson's of the ranks."""
    numbers = not (np.isnan(first).any() or np.isnan(second).any())
    statistic = _pearson(_ranks(first), _ranks(second)) if numbers else math.nan
    return _with_pvalue("spearmanr", statistic, first, second)


def _read(lines: NumberedLines, delimiter: str, case_insensitive: bool) -> list[tuple[str, str, float]]:
    judged = []
    for line in lines:
        if line.startswith("#"):
            continue
        try:
            first, second, judgement = line.split(delimiter)
            if case_insensitive:
                first, second = first.upper(), second.upper()
            judged.append((first, second, float(judgement)))
        except ValueError:
            lines.skip(line)
    return judged


def _cosines(table: NDArray[Any], first: list[int], second: list[int]) -> NDArray[np.float64]:
    left, right = (unit_rows(table[rows].astype(np.float64)) for rows in (first, second))
    return np.asarray(np.einsum("ij,ij->i", left, right))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rank of each value, from 1; equals share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])


def _pearson(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    if (first == first[0]).all() or (second == second[0]).all():
        return math.nan
    with np.errstate(invalid="ignore"):
        first, second = first - first.mean(), second - second.mean()
        correlation = unit_rows(first[np.newaxis])[0] @ unit_rows(second[np.newaxis])[0]
    return float(np.clip(correlation, -1.0, 1.0))


def _with_pvalue(test: str, statistic: float, first: NDArray[np.float64], second: NDArray[np.float64]) -> Correlation:
    if math.isnan(statistic):
        return Correlation(statistic, math.nan)
    try:
        from scipy import stats
    except ImportError:
        return Correlation(statistic, math.nan)
    return Correlation(statistic, float(getattr(stats, test)(first, second).pvalue))
