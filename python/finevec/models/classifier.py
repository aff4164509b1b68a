"""What classifiers over a table of word vectors share: words, classes, the table, what is saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..checks import strings
from ..functional import embedding
from ..parameter import Parameter
from ..train import BatchLoss, TrainingDefaults, evaluate

MODES = ("static", "non-static", "random")
"""static: rows from pretrained vectors, frozen. non-static: the same, trained. random: random rows, trained."""


class OtherWords(NamedTuple):
    """Vectors of words that are not rows of the model, for inputs to come: ``vectors[position[word]]``.

    `vectors` may be a read-only memory map; only the words that occur are read.
    """

    position: Mapping[str, int]
    vectors: NDArray[Any]


class Classifier(ABC):
    """A classifier over a table of word vectors.

    Parameters
    ----------
    vectors : ndarray of float32 or float64, shape (rows, dim)
        The table.
    words : sequence of str
        The word of each row of the table, none twice.
    classes : sequence of str
        The names of the classes, in the order of the logits' columns; at least 2, none twice.
    mode : str
        One of the class's `modes`.

    Attributes
    ----------
    others : OtherWords or None
        Where words that are not rows take their vector from when predicting. None: such words are skipped.
    """

    kind: ClassVar[str]
    modes: ClassVar[tuple[str, ...]] = MODES
    training_defaults: ClassVar[TrainingDefaults]

    def __init__(self, vectors: NDArray[Any], words: Sequence[str], classes: Sequence[str], *, mode: str) -> None:
        if mode not in self.modes:
            raise ValueError(f"mode: expected one of {', '.join(self.modes)}, got {mode!r}")
        if not isinstance(vectors, np.ndarray):
            raise TypeError(
                "vectors: expected a NumPy array of shape (rows, dim), such as WordVectors.matrix_for gives, got "
                f"{type(vectors).__name__}"
            )
        self.words = strings("words", words)
        self.classes = strings("classes", classes)
        if len(classes) < 2 or len(set(classes)) != len(classes):
            raise ValueError(f"expected at least 2 classes with different names, got {list(classes)}")
        self.row = {word: row for row, word in enumerate(self.words)}
        if len(self.row) != len(self.words):
            raise ValueError(f"expected different words, got {len(self.words) - len(self.row)} of them twice")
        if vectors.ndim != 2 or vectors.shape[0] != len(self.words):
            raise ValueError(
                f"vectors: expected shape ({len(self.words)}, dim), a row for each word, got {vectors.shape}"
            )
        self.mode = mode
        self.others: OtherWords | None = None

    @property
    @abstractmethod
    def vectors(self) -> NDArray[Any]:
        """The table of word vectors, shape (rows, dim); not a copy."""

    def lookup(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the vectors of rows, shape (len(rows), dim), as the model's layers take them."""
        return embedding(rows, self.vectors)

    def lookup_others(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Return what `lookup` would for rows that started from these vectors and were not trained."""
        return vectors

    @abstractmethod
    def loss(self, examples: Sequence[Any], rng: np.random.Generator | None = None) -> BatchLoss:
        """Return the loss of a batch of examples. `rng` draws the dropout; without it there is none."""

    def evaluate(self, examples: Sequence[Any]) -> tuple[float, float]:
        """Return the mean loss in nats and the accuracy, between 0 and 1, on at least one example."""
        return evaluate(self, examples)

    @abstractmethod
    def trained_rows(self, examples: Sequence[Any]) -> NDArray[np.int64]:
        """Return the rows, ascending, that training on these examples can change, if the table trains."""

    @classmethod
    @abstractmethod
    def check_saved(cls, config: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> None:
        """Refuse, with a ValueError, a `config` whose model would be larger than the saved `arrays` it comes with.

        It is asked before the model is made, so that no damaged file makes anyone allocate what it likes.
        """

    @abstractmethod
    def parameter_groups(self) -> dict[str, list[Parameter]]:
        """Return the parameters by group: "embedding" (the tables that train, if any) and "dense"."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the keyword arguments beside vectors, words and classes that build this model again."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every weight by name, "embedding" the table; not copies."""

    def vectors_of(self, words: Sequence[str]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the vectors of words, as the model's layers take them.

        Parameters
        ----------
        words : sequence of str
            Different ones. Those that are not rows of the model take their vector from `others`.

        Returns
        -------
        table : ndarray, shape (known words, dim)
            A row for each word that has a vector.
        known : ndarray of bool, shape (len(words),)
            Which have one.
        """
        rows = np.array([self.row.get(word, -1) for word in words], np.int64)
        own = known = rows >= 0
        table = self.lookup(rows[own])
        if self.others is not None:
            positions = np.array([self.others.position.get(word, -1) for word in words], np.int64)
            known = own | (positions >= 0)
            own_vectors, table = table, np.empty((known.sum(), table.shape[1]), table.dtype)
            table[own[known]] = own_vectors
            table[~own[known]] = self.lookup_others(self.others.vectors[positions[known & ~own]])
        return table, known
