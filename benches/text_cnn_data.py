"""Texts for the text CNN's benchmark: batches of ids, the words behind them, and starting weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from finevec.datasets.labelled import read_labelled
from finevec.models import TextCNN
from finevec.models.text_classifier import Example
from finevec.text import TOKENIZERS

TOKENIZER = "kim"
BATCH = 50

# What movie reviews (Pang and Lee, 2005) have, which stand behind the made-up texts: texts, different words, and the
# mean and shape of a gamma distribution near that of their lengths. Word r (from 0) has a share in 1 / (r + 1).
TEXTS, WORDS, MEAN_LENGTH, LENGTH_SHAPE, LONGEST = 10_662, 18_765, 20.4, 4.6, 56


@dataclass(frozen=True)
class Texts:
    """Texts as strings and as examples, a class for each, and the words that are rows."""

    name: str
    texts: list[str]
    words: list[str]
    examples: list[Example]

    def batches(self, size: int = BATCH) -> list[list[Example]]:
        """Return the examples, in order, in full batches."""
        full = len(self.examples) - len(self.examples) % size
        return [self.examples[start : start + size] for start in range(0, full, size)]

    def text_batches(self, size: int) -> list[list[str]]:
        """Return the strings of `batches`."""
        return [self.texts[size * number : size * (number + 1)] for number in range(len(self.texts) // size)]


def read_texts(path: Path | None, count: int = TEXTS) -> Texts:
    """Read a file of label<TAB>text, or make texts up; shuffled by a fixed seed."""
    if path is None:
        labels, texts = made_up(count)
        name = f"made-up texts with the lengths of movie reviews, words by Zipf, {len(texts):,}"
    else:
        read = read_labelled(path)
        labels, texts = read.labels, read.texts
        name = f"{path.name}, {len(texts):,} texts"
    order = np.random.default_rng(1).permutation(len(texts))[:count]
    texts = [texts[position] for position in order]
    classes = sorted(set(labels))
    targets = np.array([classes.index(labels[position]) for position in order])
    tokens = [TOKENIZERS[TOKENIZER](text) for text in texts]
    row: dict[str, int] = {}
    ids = [np.array([row.setdefault(word, len(row)) for word in text], np.int64) for text in tokens]
    examples = [Example(*pair) for pair in zip(ids, targets.tolist(), strict=True)]
    return Texts(name, texts, list(row), examples)


def made_up(count: int) -> tuple[list[str], list[str]]:
    """Return labels of two classes, by chance, and texts."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, WORDS + 1)
    lengths = np.rint(rng.gamma(LENGTH_SHAPE, MEAN_LENGTH / LENGTH_SHAPE, count)).clip(1, LONGEST).astype(int)
    drawn = rng.choice(WORDS, lengths.sum(), p=shares / shares.sum())
    texts = [" ".join(f"w{word}" for word in part) for part in np.split(drawn, np.cumsum(lengths)[:-1])]
    return [str(label) for label in rng.integers(2, size=count)], texts


def new_model(texts: Texts, dim: int, *, dropout: float, dtype: type = np.float32) -> TextCNN:
    """Return the model, with the same weights every time: Kim's initial ones, and a table of random numbers."""
    table = np.random.default_rng(2).uniform(-0.25, 0.25, (len(texts.words), dim)).astype(np.float32).astype(dtype)
    return TextCNN(table, texts.words, ["0", "1"], mode="non-static", tokenizer=TOKENIZER, dropout=dropout, seed=3)
