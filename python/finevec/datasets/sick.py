"""SICK: pairs of sentences, their dependency parses, and how related they are (Marelli et al. 2014)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from os import PathLike
from typing import NamedTuple

from ..trees import Tree
from ..wording import counted
from .labelled import text_lines
from .trees import dependency_tree, shown

LOWEST, HIGHEST = 1.0, 5.0
"""The range of scores."""

_PARSES = ("pair_ID", "tokens_A", "parents_A", "tokens_B", "parents_B")
_SCORES = ("pair_ID", "relatedness_score")


class TreePair(NamedTuple):
    """Two sentences."""

    left: Tree
    right: Tree
    score: float
    """How related they are, from 1 to 5."""


def read_sick(dependencies_path: str | PathLike[str], pairs_path: str | PathLike[str]) -> list[TreePair]:
    r"""Read the parses and scores of pairs of sentences.

    Parameters
    ----------
    dependencies_path, pairs_path : path
        Two tables of tab separated columns that a header line names; those not mentioned here are not read. The first
        has the columns pair_ID, tokens_A, parents_A, tokens_B, parents_B (see `parse_dependencies` in `trees`), the
        second pair_ID and relatedness_score. The same pairs in the same order. UTF-8, plain or gzip (told by its first
        bytes), lines end in ``\n`` or ``\r\n``.

    Returns
    -------
    list of TreePair
        At least one. Dependency trees without labels.

    Raises
    ------
    OSError
        A file cannot be read.
    ValueError
        A file is not UTF-8, is damaged gzip, holds no pair, a column is missing, a line has more or fewer columns than
        the header, a parse is no tree, a score is no number from 1 to 5, or the files' pairs differ. The message starts
        with ``file:`` or, where a line is at fault, ``file:line:``.
    """
    pairs: list[TreePair] = []
    parses, scores = _rows(dependencies_path, _PARSES), _rows(pairs_path, _SCORES)
    for parse, score in zip_longest(parses, scores):
        if parse is None or score is None:
            ended, (where, _) = (dependencies_path, score) if parse is None else (pairs_path, parse)
            raise ValueError(f"{where}: a pair more than in {ended}, which holds {len(pairs)}")
        (where, (pair, *sentences)), (score_where, (score_pair, score_text)) = parse, score
        if pair != score_pair:
            raise ValueError(f"{where}: pair_ID {shown(pair)}, but {score_where} has {shown(score_pair)}")
        left, right = (
            dependency_tree({"tokens": tokens, "parents": parents}, f"{where}: sentence {name}", labelled=False)
            for name, tokens, parents in zip("AB", sentences[::2], sentences[1::2], strict=True)
        )
        pairs.append(TreePair(left, right, _score(score_text, score_where)))
    if not pairs:
        raise ValueError(f"{dependencies_path}: no pair after the header")
    return pairs


def _score(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = float("nan")
    if not LOWEST <= score <= HIGHEST:
        raise ValueError(f"{where}: expected a relatedness_score from 1 to 5, found {shown(text)}")
    return score


def _rows(path: str | PathLike[str], wanted: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield where each row of a table stands, and its fields in the columns wanted."""
    lines = text_lines(path)
    where, header = next(lines, (str(path), ""))
    if not header:
        raise ValueError(f"{where}: expected a header line with the columns {', '.join(wanted)}, found none")
    names = header.split("\t")
    for name in wanted:
        if names.count(name) != 1:
            found = f"found it {names.count(name)} times" if name in names else f"found {', '.join(names)}"
            raise ValueError(f"{where}: expected one column {name}, {found}")
    places = [names.index(name) for name in wanted]
    for where, line in lines:
        fields = line.split("\t")
        if len(fields) != len(names):
            found = counted(len(fields), "column") if line else "an empty line"
            raise ValueError(f"{where}: expected {len(names)} columns as in the header, found {found}")
        yield where, [fields[place] for place in places]
