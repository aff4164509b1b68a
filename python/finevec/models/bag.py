"""The bag-of-embeddings classifier: the mean of a text's word vectors, a linear layer, a softmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..embedding import EmbeddingBag
from ..functional import embedding_bag
from ..layers import Dropout, Linear
from ..parameter import Parameter
from ..train import TrainingDefaults
from .text_classifier import TextClassifier


class BagClassifier(TextClassifier):
    """Mean of rows → dropout → linear → softmax.

    Parameters
    ----------
    vectors : ndarray of float32 or float64, shape (rows, dim)
        The table. It is shared, not copied: training changes it in place.
    words : sequence of str
        The word of each row.
    classes : sequence of str
        The names of the classes, in the order of the logits' columns.
    mode : {"static", "non-static", "random"}
        "static" freezes the table.
    tokenizer : str
        A key of `finevec.text.TOKENIZERS`.
    dropout : float
        Probability with which an element of the mean is silenced while training.
    seed : int
        Where the linear layer's first weights come from.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    >>> model = BagClassifier(table, ["good", "bad"], ["neg", "pos"], seed=0)
    >>> model.predict_proba(["good bad good", "nothing known"]).shape
    (2, 2)
    """

    kind: ClassVar[str] = "bag"
    training_defaults: ClassVar[TrainingDefaults] = TrainingDefaults(
        optimizer="adagrad",
        # Chosen on held-out tenths of the training texts of two folds of MR with GloVe 100d, for static and non-static
        # together.
        rates={"adagrad": (0.2, 0.01), "adam": (0.003, 0.001), "sgd": (1.0, 1.0), "adadelta": (1.0, 1.0)},
    )

    def __init__(
        self,
        vectors: NDArray[Any],
        words: Sequence[str],
        classes: Sequence[str],
        *,
        mode: str = "non-static",
        tokenizer: str = "kim",
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(vectors, words, classes, mode=mode, tokenizer=tokenizer)
        self.embedding = EmbeddingBag.from_pretrained(vectors, freeze=mode == "static", mode="mean")
        self.dropout = Dropout(dropout)
        self.output = Linear(vectors.shape[1], len(self.classes), dtype=vectors.dtype, seed=seed)

    @classmethod
    def check_saved(cls, config: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> None:
        """Accept any: the table and the classes decide about all sizes. See `TextClassifier.check_saved`."""

    @property
    def vectors(self) -> NDArray[Any]:
        """The table of word vectors, shape (rows, dim); not a copy."""
        return self.embedding.weight.data

    def forward(
        self, ids: NDArray[np.int64], offsets: NDArray[np.int64], rng: np.random.Generator | None = None
    ) -> tuple[NDArray[Any], Callable[[NDArray[Any]], None]]:
        """Classify a batch, with the way back. See `TextClassifier.forward`."""
        means = self.embedding(ids, offsets)
        kept, backprop_dropout = self.dropout.forward(means, rng)
        logits, backprop_output = self.output.forward(kept)

        def backprop(grad_logits: NDArray[Any]) -> None:
            grad_means = backprop_dropout(backprop_output(grad_logits))
            if self.embedding.weight.requires_grad:
                self.embedding.backward(ids, offsets, grad_means)

        return logits, backprop

    def logits(self, ids: NDArray[np.int64], offsets: NDArray[np.int64], table: NDArray[Any]) -> NDArray[Any]:
        """Classify a batch whose `ids` are rows of `table`. See `TextClassifier.logits`."""
        return self.output.forward(embedding_bag(ids, table, offsets, mode="mean"))[0]

    def parameter_groups(self) -> dict[str, list[Parameter]]:
        """Return the parameters by group. A frozen table is in none."""
        tables = [self.embedding.weight] if self.embedding.weight.requires_grad else []
        return {"embedding": tables, "dense": self.output.parameters()}

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments beside vectors, words and classes that build this model again."""
        return {"mode": self.mode, "tokenizer": self.tokenizer, "dropout": self.dropout.rate}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every weight by name; not copies."""
        return {
            "embedding": self.vectors,
            "output.weight": self.output.weight.data,
            "output.bias": self.output.bias.data,
        }
