"""Questions of the kind "a is to b as c is to what", answered together."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from .lines import NumberedLines, TextLines
from .queries import ROWS_AT_ONCE, known_rows, unit_rows

if TYPE_CHECKING:
    from .keyed import KeyedQueries

Question: TypeAlias = tuple[str, str, str, str]

# Bounds the products of questions and rows that are in memory at once: 512 x 4096.
QUESTIONS_AT_ONCE = 512

# gensim looks at so many of the nearest words for one that is not a case variant of a word of the question.
ANSWERS = 5

_log = logging.getLogger(__name__)


class Section(TypedDict):
    """What became of the questions of a section."""

    section: str
    correct: list[Question]
    incorrect: list[Question]


class _Asked(NamedTuple):
    section: int
    words: Question


def evaluate(
    wv: KeyedQueries,
    analogies: TextLines,
    restrict_vocab: int | None,
    case_insensitive: bool,
    dummy4unknown: bool,
) -> tuple[float, list[Section]]:
    """Answer a list of questions. See `KeyedQueries.evaluate_word_analogies`."""
    lines = NumberedLines(analogies, "utf-8", "four words, or a section's name after ': '")
    names, asked = _read(lines, case_insensitive)
    if not asked:
        skipped = lines.describe_skipped()
        raise ValueError(
            f"{lines.name}: expected questions of four words, got none" + (f"; {skipped}" if skipped else "")
        )
    lines.warn_of_skipped()
    rows = known_rows(wv, {word for question in asked for word in question.words}, restrict_vocab, case_insensitive)
    known = [all(word in rows for word in question.words) for question in asked]
    answers = iter(
        _answers(
            wv,
            [one.words for one, is_known in zip(asked, known, strict=True) if is_known],
            rows,
            restrict_vocab,
            case_insensitive,
        )
    )
    sections = [Section(section=name, correct=[], incorrect=[]) for name in names]
    for question, is_known in zip(asked, known, strict=True):
        if is_known:
            right = next(answers) == question.words[3]
            sections[question.section]["correct" if right else "incorrect"].append(question.words)
        elif dummy4unknown:
            sections[question.section]["incorrect"].append(question.words)
    total = Section(
        section="Total accuracy",
        correct=[question for section in sections for question in section["correct"]],
        incorrect=[question for section in sections for question in section["incorrect"]],
    )
    sections.append(total)
    for section in sections:
        count = len(section["correct"]) + len(section["incorrect"])
        _log.info("%s: %d of %d", section["section"], len(section["correct"]), count)
    _log.info("questions with an unknown word: %d of %d", known.count(False), len(asked))
    counted = len(total["correct"]) + len(total["incorrect"])
    return (len(total["correct"]) / counted if counted else 0.0), sections


def _read(lines: NumberedLines, case_insensitive: bool) -> tuple[list[str], list[_Asked]]:
    names: list[str] = []
    asked: list[_Asked] = []
    for line in lines:
        if line.startswith(": "):
            names.append(line.lstrip(": ").strip())
            continue
        words = tuple((line.upper() if case_insensitive else line).split())
        if not names and words:
            raise ValueError(
                f"{lines.place}: found {line.strip()[:60]!r}, wanted a section's name first, such as ': family'"
            )
        if len(words) == 4:
            asked.append(_Asked(len(names) - 1, words))
        else:
            lines.skip(line)
    return names, asked


def _answers(
    wv: KeyedQueries,
    questions: list[Question],
    rows: dict[str, int],
    restrict_vocab: int | None,
    case_insensitive: bool,
) -> list[str | None]:
    """Return the answer to each question, of known words; None where there is no other word."""
    given = np.array([[rows[word] for word in question[:3]] for question in questions], np.int64).reshape(-1, 3)
    nearest = _nearest(wv.vectors[:restrict_vocab], given)
    answers: list[str | None] = []
    for question, found in zip(questions, nearest.tolist(), strict=True):
        answer = None
        for row in found:
            if row < 0:
                break
            answer = wv._words[row].upper() if case_insensitive else wv._words[row]
            if answer not in question[:3]:
                break
        answers.append(answer)
    return answers


def _nearest(table: NDArray[Any], given: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for rows (a, b, c), shape (n, 3), the rows nearest to b - a + c less these three, shape (n, ANSWERS).

    Falling cosine, of equals the earlier row first; -1 where the table has no more rows.
    """
    dtype = np.result_type(table.dtype, np.float32)
    directions = np.empty((len(given), table.shape[1]), dtype)
    for part in _parts(len(given), QUESTIONS_AT_ONCE):
        a, b, c = (unit_rows(table[rows].astype(np.float64)) for rows in given[part].T)
        directions[part] = unit_rows(b - a + c)
    found = np.full((len(given), ANSWERS), -1, np.int64)
    cosines = np.full((len(given), ANSWERS), -np.inf, dtype)
    for some_rows in _parts(len(table), ROWS_AT_ONCE):
        with np.errstate(invalid="ignore"):
            units = unit_rows(table[some_rows].astype(np.float64)).astype(dtype)
        # A row with NaN or infinity is near to nothing, and its NaN must not hide the rows beside it.
        units[~np.isfinite(units).all(axis=1)] = 0.0
        for part in _parts(len(given), QUESTIONS_AT_ONCE):
            products = directions[part] @ units.T
            places = given[part] - some_rows.start
            which, column = np.nonzero((places >= 0) & (places < len(units)))
            products[which, places[which, column]] = -np.inf
            _keep_largest(cosines[part], found[part], products, some_rows.start)
    return found


def _parts(count: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _keep_largest(best: NDArray[Any], rows: NDArray[np.int64], products: NDArray[Any], first: int) -> None:
    """Merge products with the rows from `first` on into the largest so far, which are of earlier rows, in place."""
    # Few questions find anything better in a later block: one pass for the maximum settles the others.
    improved = np.flatnonzero(products.max(axis=1) > best[:, -1])
    if not len(improved):
        return
    products, old_best, old_rows = products[improved], best[improved], rows[improved]
    larger = products > old_best[:, -1:]
    if products.shape[1] > ANSWERS:
        # Everything that equals the last one taken is a candidate too, so that ties do not depend on the partition.
        last = products.shape[1] - ANSWERS
        larger &= products >= np.partition(products, last, axis=1)[:, last : last + 1]
    which, column = np.nonzero(larger)
    owners = np.concatenate([np.repeat(np.arange(len(improved)), ANSWERS), which])
    values = np.concatenate([old_best.ravel(), products[which, column]])
    candidates = np.concatenate([old_rows.ravel(), column + first])
    order = np.lexsort((candidates, -values, owners))
    taken = order[np.searchsorted(owners[order], np.arange(len(improved)))[:, np.newaxis] + np.arange(ANSWERS)]
    best[improved], rows[improved] = values[taken], candidates[taken]
