"""The convolutional network for sentences of Kim (2014)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..embedding import Embedding
from ..functional import embedding
from ..layers import Dropout, Linear, NgramMax
from ..parameter import Parameter
from ..train import TrainingDefaults
from .classifier import MODES
from .text_classifier import TextClassifier


class TextCNN(TextClassifier):
    """Word vectors → filters over windows of words → largest response of each → dropout → linear → softmax.

    As Y. Kim, "Convolutional Neural Networks for Sentence Classification" (2014), section 2: filters of several widths,
    ReLU, max-over-time pooling, dropout on what is pooled, and rows of the last layer's weight that are scaled back to
    an L2 norm of `max_norm` when a step has made them longer. Only each batch's different words are looked up,
    multiplied with the filters and, on the way back, given a gradient: see `finevec.layers.NgramMax`.

    Parameters
    ----------
    vectors : ndarray of float32 or float64, shape (rows, dim)
        The table. It is shared, not copied: training changes it in place.
    words : sequence of str
        The word of each row.
    classes : sequence of str
        The names of the classes, in the order of the logits' columns.
    mode : {"static", "non-static", "random", "multichannel"}
        "static" freezes the table. "multichannel" keeps a copy of it that stays as it is: every filter sees the rows of
        both tables and adds its two responses, and only `vectors` is trained.
    tokenizer : str
        A key of `finevec.text.TOKENIZERS`.
    dropout : float
        Probability with which a filter's output is silenced while training.
    widths : sequence of int
        Words that a filter sees, for each kind of filter.
    filters : int
        Filters of each width.
    max_norm : float or None
        Largest L2 norm of a row of the last layer's weight, which belongs to a class. None: no limit.
    seed : int
        Where the first weights of the filters and of the last layer come from.

    Attributes
    ----------
    static_vectors : ndarray or None
        The second channel of "multichannel", shape (rows, dim).

    Examples
    --------
    >>> import numpy as np
    >>> table = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    >>> model = TextCNN(table, ["not", "good", "bad"], ["neg", "pos"], widths=(2, 3), filters=4)
    >>> model.predict_proba(["not a bad film", "nothing known"]).shape
    (2, 2)
    """

    kind: ClassVar[str] = "cnn"
    modes: ClassVar[tuple[str, ...]] = (*MODES, "multichannel")
    training_defaults: ClassVar[TrainingDefaults] = TrainingDefaults(
        optimizer="adam",
        # Chosen on held-out tenths of the training texts of three folds of MR with GloVe 100d, for static and
        # non-static together.
        rates={"adagrad": (0.005, 0.01), "adam": (0.0005, 0.001), "sgd": (0.1, 0.1), "adadelta": (0.3, 0.3)},
    )

    def __init__(
        self,
        vectors: NDArray[Any],
        words: Sequence[str],
        classes: Sequence[str],
        *,
        mode: str = "non-static",
        tokenizer: str = "kim",
        dropout: float = 0.5,
        widths: Sequence[int] = (3, 4, 5),
        filters: int = 100,
        max_norm: float | None = 3.0,
        seed: int = 0,
    ) -> None:
        super().__init__(vectors, words, classes, mode=mode, tokenizer=tokenizer)
        if not isinstance(widths, Iterable):
            raise TypeError(f"widths: expected whole numbers such as (3, 4, 5), got {type(widths).__name__}")
        self.embedding = Embedding.from_pretrained(vectors, freeze=mode == "static")
        self.static_vectors = vectors.copy() if mode == "multichannel" else None
        rng = np.random.default_rng(seed)
        self.convolution = NgramMax(vectors.shape[1], widths=widths, filters=filters, dtype=vectors.dtype, seed=rng)
        self.dropout = Dropout(dropout)
        self.output = Linear(len(self.convolution.widths) * filters, len(self.classes), dtype=vectors.dtype, seed=rng)
        self.output.weight.max_norm = max_norm

    @classmethod
    def check_saved(cls, config: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> None:
        """Refuse a configuration that asks for more filters than there are. See `TextClassifier.check_saved`."""
        rows = sum(config["widths"]) * config["filters"]
        if rows > len(weights["convolution.weight"]):
            raise ValueError(f"expected {rows} rows of convolution.weight, got {len(weights['convolution.weight'])}")

    @property
    def vectors(self) -> NDArray[Any]:
        """The table of word vectors, shape (rows, dim); not a copy. Of two, the one that is trained."""
        return self.embedding.weight.data

    def lookup(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the vectors of rows; of two channels the sum, for filters are linear and the channels share them."""
        vectors = self.embedding(rows)
        return vectors if self.static_vectors is None else vectors + embedding(rows, self.static_vectors)

    def lookup_others(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Return what `lookup` would for rows that started from these vectors and were not trained."""
        return vectors if self.static_vectors is None else vectors + vectors

    def forward(
        self, ids: NDArray[np.int64], offsets: NDArray[np.int64], rng: np.random.Generator | None = None
    ) -> tuple[NDArray[Any], Callable[[NDArray[Any]], None]]:
        """Classify a batch, with the way back. See `TextClassifier.forward`."""
        rows, positions = np.unique(ids, return_inverse=True)
        pooled, backprop_convolution = self.convolution.forward(self.lookup(rows), positions, offsets)
        kept, backprop_dropout = self.dropout.forward(pooled, rng)
        logits, backprop_output = self.output.forward(kept)

        def backprop(grad_logits: NDArray[Any]) -> None:
            grad_pooled = backprop_dropout(backprop_output(grad_logits))
            grad_vectors = backprop_convolution(grad_pooled, with_vectors=self.embedding.weight.requires_grad)
            if grad_vectors is not None:
                self.embedding.backward(rows, grad_vectors)

        return logits, backprop

    def logits(self, ids: NDArray[np.int64], offsets: NDArray[np.int64], table: NDArray[Any]) -> NDArray[Any]:
        """Classify a batch whose `ids` are rows of `table`. See `TextClassifier.logits`."""
        return self.output.forward(self.convolution.forward(table, ids, offsets)[0])[0]

    def parameter_groups(self) -> dict[str, list[Parameter]]:
        """Return the parameters by group. A frozen table is in none."""
        tables = [self.embedding.weight] if self.embedding.weight.requires_grad else []
        return {"embedding": tables, "dense": [*self.convolution.parameters(), *self.output.parameters()]}

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments beside vectors, words and classes that build this model again."""
        return {
            "mode": self.mode,
            "tokenizer": self.tokenizer,
            "dropout": self.dropout.rate,
            "widths": list(self.convolution.widths),
            "filters": self.convolution.filters,
            "max_norm": self.output.weight.max_norm,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every weight by name; not copies."""
        static = {} if self.static_vectors is None else {"static": self.static_vectors}
        return {
            "embedding": self.vectors,
            **static,
            "convolution.weight": self.convolution.weight.data,
            "convolution.bias": self.convolution.bias.data,
            "output.weight": self.output.weight.data,
            "output.bias": self.output.bias.data,
        }
