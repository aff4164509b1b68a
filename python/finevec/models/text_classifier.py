"""What classifiers of texts share: tokenizing, batches, the loss, prediction."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks import strings
from ..layers.loss import softmax, softmax_cross_entropy
from ..text import TOKENIZERS, batch
from ..train import BatchLoss
from .classifier import Classifier

_PREDICT_BATCH = 256  # texts; bounds the memory of a prediction, and costs nothing measurable against larger batches


class Example(NamedTuple):
    """One text as the model takes it."""

    ids: NDArray[np.int64]
    target: int


class TextClassifier(Classifier):
    """A classifier of texts over a table of word vectors.

    Parameters
    ----------
    vectors, words, classes, mode
        As for `Classifier`.
    tokenizer : str
        A key of `finevec.text.TOKENIZERS`.
    """

    def __init__(
        self, vectors: NDArray[Any], words: Sequence[str], classes: Sequence[str], *, mode: str, tokenizer: str
    ) -> None:
        super().__init__(vectors, words, classes, mode=mode)
        if tokenizer not in TOKENIZERS:
            raise ValueError(f"tokenizer: expected one of {', '.join(TOKENIZERS)}, got {tokenizer!r}")
        self.tokenizer = tokenizer

    @abstractmethod
    def forward(
        self, ids: NDArray[np.int64], offsets: NDArray[np.int64], rng: np.random.Generator | None = None
    ) -> tuple[NDArray[Any], Callable[[NDArray[Any]], None]]:
        """Classify a batch, with the way back.

        Parameters
        ----------
        ids : ndarray of int64, shape (n,)
            The rows of all texts' words, one text after the other.
        offsets : ndarray of int64, shape (batch + 1,)
            Text b is ``ids[offsets[b]:offsets[b + 1]]``; it may be empty.
        rng : numpy.random.Generator, optional
            Draws the dropout. None: prediction.

        Returns
        -------
        logits : ndarray, shape (batch, classes)
        backprop : callable
            Takes the gradient of `logits` and adds to the gradients of the parameters.
        """

    @abstractmethod
    def logits(self, ids: NDArray[np.int64], offsets: NDArray[np.int64], table: NDArray[Any]) -> NDArray[Any]:
        """Classify a batch whose `ids` are rows of `table`, shape (any, dim), as `lookup` gives them."""

    def encode(self, tokens: Sequence[str]) -> NDArray[np.int64]:
        """Return the rows of those tokens that are words of the model, in order."""
        if isinstance(tokens, str):
            raise TypeError("tokens: expected tokens, got a string: tokenize it first")
        row = self.row
        return np.array([row[token] for token in tokens if token in row], dtype=np.int64)

    def examples(self, tokenized: Sequence[Sequence[str]], targets: NDArray[np.integer[Any]]) -> list[Example]:
        """Return tokenized texts and the index of each one's class as examples.

        Parameters
        ----------
        tokenized : sequence of sequences of str
            The tokens of each text.
        targets : ndarray of integers, shape (texts,)
            The class of each, as its position in `classes`.

        Raises
        ------
        TypeError
            A text is not tokenized, or a target is no integer.
        ValueError
            There are not as many targets as texts, or a target is no position in `classes`.
        """
        if isinstance(tokenized, str):
            raise TypeError("tokenized: expected tokenized texts, got a string")
        numbers = np.asarray(targets)
        if numbers.shape != (len(tokenized),):
            raise ValueError(f"targets: expected shape ({len(tokenized)},), one for each text, got {numbers.shape}")
        if numbers.size and numbers.dtype.kind not in "iu":
            raise TypeError(f"targets: expected positions in classes, of an integer type, got {numbers.dtype}")
        for position in np.flatnonzero((numbers < 0) | (numbers >= len(self.classes)))[:1]:
            wanted = f"0 <= target < {len(self.classes)}"
            raise ValueError(f"targets[{position}]: expected {wanted}, got {numbers[position]}")
        return [Example(self.encode(tokens), int(target)) for tokens, target in zip(tokenized, numbers, strict=True)]

    def loss(self, examples: Sequence[Example], rng: np.random.Generator | None = None) -> BatchLoss:
        """Return the loss of a batch of examples. `rng` draws the dropout; without it there is none."""
        ids, offsets = batch([example.ids for example in examples])
        targets = np.array([example.target for example in examples], dtype=np.int64)
        logits, backprop_logits = self.forward(ids, offsets, rng)
        value, backprop_loss = softmax_cross_entropy(logits, targets)
        correct = int((logits.argmax(axis=1) == targets).sum())
        return BatchLoss(value, correct, lambda: backprop_logits(backprop_loss()))

    def trained_rows(self, examples: Sequence[Example]) -> NDArray[np.int64]:
        """Return the rows, ascending, that training on these examples can change, if the table trains."""
        return np.unique(np.concatenate([np.empty(0, np.int64), *(example.ids for example in examples)]))

    def predict_proba(self, texts: Sequence[str]) -> NDArray[Any]:
        """Return the probability of each class for each text.

        Words that are not rows of the model take their vector from `others`, else they are skipped. A text without
        any known word is classified by the biases alone.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        ndarray, shape (len(texts), len(classes))

        Raises
        ------
        TypeError
            `texts` is one string, or a text is none.
        """
        chunks = _chunks(strings("texts", texts))
        parts = [softmax(self.logits(*self._batch_and_table(chunk))) for chunk in chunks]
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)), self.vectors.dtype)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the name of the likeliest class of each text; of equals, the first. Raises as `predict_proba`."""
        return [self.classes[index] for index in self.predict_proba(texts).argmax(axis=1)]

    def _batch_and_table(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
        """Return ids, offsets and the small table that the ids point into: each different word of the batch once."""
        tokenized = [TOKENIZERS[self.tokenizer](text) for text in texts]
        tokens = list(chain.from_iterable(tokenized))
        number = {word: count for count, word in enumerate(dict.fromkeys(tokens))}
        table, known = self.vectors_of(list(number))
        numbers = np.array([number[token] for token in tokens], np.int64)
        kept = known[numbers]
        kept_before = np.concatenate([[0], np.cumsum(kept)])
        offsets = kept_before[np.cumsum([0, *map(len, tokenized)])]
        return (np.cumsum(known) - 1)[numbers[kept]], offsets, table


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _PREDICT_BATCH):
        yield texts[start : start + _PREDICT_BATCH]
