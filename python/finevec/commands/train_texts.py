"""What ``finevec train`` does for models of texts: reads the texts, builds the model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from ..datasets.labelled import class_indices, class_names, read_labelled
from ..datasets.tokenized import TokenizedTexts, examples_of_parts
from ..models import BagClassifier, TextCNN
from ..text import TOKENIZERS, share_of_other_letters
from .train_model import Prepared, starting_model

KINDS: Mapping[str, type[BagClassifier] | type[TextCNN]] = {model.kind: model for model in (BagClassifier, TextCNN)}
"""The models by name."""

DEFAULT_TOKENIZER = "kim"

_MOST_DROPPED = 0.1  # share of the letters that a tokenizer may drop without a warning


def prepare(args: argparse.Namespace, options: dict[str, Any]) -> Prepared:
    """Read the texts and build the model, with these options, and its examples."""
    tokenizer = args.tokenizer or DEFAULT_TOKENIZER
    texts, classes = _read_texts(args, tokenizer)
    training = texts["train"].tokens
    if not any(training):
        raise ValueError(f"{args.train}: the {tokenizer} tokenizer finds no word in any text")
    more = [tokens for part in ("dev", "test") if part in texts for tokens in texts[part].tokens]
    options = {"tokenizer": tokenizer, **options}
    model, known = starting_model(args, KINDS[args.model], classes, training, more, options)
    return Prepared(model, known, examples_of_parts(model, texts, args.seed), "texts")


def _read_texts(args: argparse.Namespace, tokenizer: str) -> tuple[dict[str, TokenizedTexts], list[str]]:
    tokenize = TOKENIZERS[tokenizer]
    texts = {}
    classes: list[str] = []
    for part in ("train", "dev", "test"):
        path = getattr(args, part)
        if path is None:
            continue
        data = read_labelled(path)
        if part == "train":
            classes = class_names(data.labels, path)
            _warn_of_dropped_letters(args, tokenizer, data.texts)
        targets = class_indices(data.labels, classes, path)
        texts[part] = TokenizedTexts([tokenize(text) for text in data.texts], targets)
    return texts, classes


def _warn_of_dropped_letters(args: argparse.Namespace, tokenizer: str, texts: list[str]) -> None:
    """Warn in one line, also with `--quiet`, when the kim tokenizer drops much of the training texts."""
    share = share_of_other_letters(texts) if tokenizer == "kim" else 0.0
    if share > _MOST_DROPPED:
        print(
            f"finevec: warning: {args.train}: the kim tokenizer drops {100 * share:.0f} % of the letters, which are "
            "not A-Z: --tokenizer lower keeps them",
            file=sys.stderr,
            flush=True,
        )
