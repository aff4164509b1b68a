"""The model that ``finevec train`` starts with: its words, its first vectors, and those of other words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..models import Classifier
from ..models.classifier import OtherWords
from ..models.starting_rows import starting_rows
from ..vectors import WordVectors

DEFAULT_DIM = 100
"""Columns of random rows."""

Model = TypeVar("Model", bound=Classifier)


class Prepared(NamedTuple):
    """What is trained, and on what."""

    model: Classifier
    known: NDArray[np.bool_]
    """Which of the model's rows started from a pretrained vector."""
    parts: Mapping[str, Sequence[Any]]
    """The examples of "train", "dev" and maybe "test"."""
    examples: str
    """What to call them."""


def starting_model(
    args: argparse.Namespace,
    build: Callable[..., Model],
    classes: Sequence[str],
    training: Sequence[Sequence[str]],
    more: Sequence[Sequence[str]],
    options: Mapping[str, Any],
) -> tuple[Model, NDArray[np.bool_]]:
    """Return a model before training, and which of its rows started from a pretrained vector.

    Parameters
    ----------
    args : Namespace
    build : callable
        Is given vectors, words and classes, and `options`, mode and seed as keyword arguments.
    classes : sequence of str
    training, more : sequences of tokenized texts
        As for `starting_rows`.
    options : mapping
    """
    vectors: WordVectors | int = args.dim or DEFAULT_DIM
    if args.mode != "random":
        vectors = WordVectors.load(args.vectors, vocabulary=_needed_words(args, training, more))
    rows = starting_rows(training, more, vectors, args.seed, where=args.train, vectors_where=args.vectors)
    model = build(rows.table, rows.words, classes, mode=args.mode, seed=args.seed, **options)
    if args.save and isinstance(vectors, WordVectors):
        model.others = _other_words(vectors, rows.words, args.other_words)
    return model, rows.known


def _needed_words(
    args: argparse.Namespace, training: Sequence[Sequence[str]], more: Sequence[Sequence[str]]
) -> set[str] | None:
    """Return the words to read vectors for; None: all, because a saved model keeps those of other words too."""
    if args.save and args.other_words:
        return None
    return {token for tokens in [*training, *more] for token in tokens}


def _other_words(vectors: WordVectors, words: list[str], most: int) -> OtherWords | None:
    rows = set(words)
    position: dict[str, int] = {}
    for word, index in vectors.key_to_index.items():
        if len(position) == most:
            break
        if word not in rows:
            position[word] = index
    return OtherWords(position, vectors.vectors) if position else None
