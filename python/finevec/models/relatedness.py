"""The Tree-LSTM model of how related two sentences are (Tai, Socher and Manning 2015)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import integer
from ..layers import Relatedness, softmax, softmax_kl_divergence
from ..parameter import Parameter
from ..train import BatchLoss, TrainingDefaults
from ..vectors.word_pairs import pearson
from .tree_classifier import PREDICT_BATCH, EncodedTree, TreeClassifier, TreeStates, expect_numbers, rows_of
from .tree_lstm import TREE_DEFAULTS

if TYPE_CHECKING:
    from ..datasets.sick import TreePair

_ROUND_TO = 0.5  # half the distance of two classes


class PairExample(NamedTuple):
    """Two trees, and how related they are, from 1 to the number of classes."""

    left: EncodedTree
    right: EncodedTree
    score: float


class TreeRelatedness(TreeClassifier):
    r"""A Tree-LSTM over two trees → product and distance of their roots' states → sigmoid layer → softmax.

    As K. S. Tai, R. Socher, C. D. Manning, "Improved Semantic Representations From Tree-Structured Long Short-Term
    Memory Networks" (2015), section 4.2. The classes are the scores 1 to K, and the predicted score is their mean
    ``Σ_k k · p_k``. The loss is the Kullback-Leibler divergence of `p` from the sparsest distribution with the right
    mean, see `score_targets`.

    Parameters
    ----------
    vectors, words
        As for `TreeLSTM`.
    classes : sequence of str
        The names of the scores from 1 on.
    mode, structure, mem_dim, lower, seed
        As for `TreeLSTM`.
    hidden : int
        Length of the sigmoid layer.

    Examples
    --------
    >>> import numpy as np
    >>> from finevec.datasets.sick import TreePair
    >>> from finevec.datasets.trees import parse_dependencies
    >>> table = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    >>> model = TreeRelatedness(table, ["a", "dog", "runs"], mem_dim=4)
    >>> left, right = (parse_dependencies(line, "example", labelled=False) for line in ("a dog\t2 0", "dog runs\t2 0"))
    >>> model.predict([TreePair(left, right, 3.0)]).shape
    (1,)
    """

    kind: ClassVar[str] = "tree-lstm-relatedness"
    training_defaults: ClassVar[TrainingDefaults] = TREE_DEFAULTS

    def __init__(
        self,
        vectors: NDArray[Any],
        words: Sequence[str],
        classes: Sequence[str] = ("1", "2", "3", "4", "5"),
        *,
        mode: str = "static",
        structure: str = "dependency",
        mem_dim: int = 150,
        hidden: int = 50,
        lower: bool = True,
        seed: int = 0,
    ) -> None:
        hidden = integer("hidden", hidden, least=1)
        rng = np.random.default_rng(seed)
        super().__init__(vectors, words, classes, mode=mode, structure=structure, mem_dim=mem_dim, lower=lower, rng=rng)
        self.head = Relatedness(mem_dim, hidden=hidden, classes=len(self.classes), dtype=vectors.dtype, seed=rng)

    @classmethod
    def check_saved(cls, config: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> None:
        """Refuse a configuration that asks for more weights than there are. See `Classifier.check_saved`."""
        super().check_saved(config, weights)
        expect_numbers(weights, "compared.weight", 2 * config["mem_dim"] * integer("hidden", config["hidden"]))

    def examples(self, pairs: Sequence[TreePair]) -> list[PairExample]:
        """Return pairs as examples.

        Raises
        ------
        ValueError
            A score is not within 1 and the number of classes, or a tree is none that the model takes. The message says
            which.
        """
        return [self._example(number, pair) for number, pair in enumerate(pairs)]

    def _example(self, number: int, pair: TreePair) -> PairExample:
        try:
            if not 1 <= pair.score <= len(self.classes):
                raise ValueError(f"expected a score from 1 to {len(self.classes)}, got {pair.score}")
            return PairExample(self.encode(pair.left), self.encode(pair.right), float(pair.score))
        except ValueError as error:
            raise ValueError(f"pairs[{number}]: {error}") from None

    def loss(self, examples: Sequence[PairExample], rng: np.random.Generator | None = None) -> BatchLoss:
        """Return the loss of a batch of pairs, and how many scores are right to within half a point."""
        value, predicted, backprop = self._compared(examples)
        correct = int((np.abs(predicted - _scores(examples)) <= _ROUND_TO).sum())
        return BatchLoss(value, correct, backprop)

    def evaluate(self, examples: Sequence[PairExample]) -> tuple[float, float]:
        """Return the mean loss in nats and Pearson's r of predicted and right scores; 0 where it is undefined."""
        total, predicted = 0.0, []
        for start in range(0, len(examples), PREDICT_BATCH):
            chunk = examples[start : start + PREDICT_BATCH]
            value, found, _ = self._compared(chunk)
            total += value * len(chunk)
            predicted.append(found)
        enough = len(examples) > 1
        correlation = pearson(np.concatenate(predicted), _scores(examples)).statistic if enough else math.nan
        return total / len(examples), 0.0 if math.isnan(correlation) else correlation

    def _compared(self, examples: Sequence[PairExample]) -> tuple[float, NDArray[np.float64], Callable[[], None]]:
        """Return the mean loss, the predicted scores, and the way back."""
        states = self.states(list(chain.from_iterable((example.left, example.right) for example in examples)))
        logits, backprop_head = self._compare(states)
        targets = score_targets(_scores(examples), len(self.classes)).astype(logits.dtype)
        value, backprop_loss = softmax_kl_divergence(logits, targets)

        def backprop() -> None:
            grad_hidden, roots = np.zeros_like(states.hidden), states.forest.roots
            grad_hidden[roots[0::2]], grad_hidden[roots[1::2]] = backprop_head(backprop_loss())
            states.backprop(grad_hidden)

        return value, _mean_score(logits), backprop

    def trained_rows(self, examples: Sequence[PairExample]) -> NDArray[np.int64]:
        """Return the rows, ascending, that training on these examples can change, if the table trains."""
        return rows_of(chain.from_iterable((example.left, example.right) for example in examples))

    def predict(self, pairs: Sequence[TreePair]) -> NDArray[np.float64]:
        """Return how related the sentences of each pair are, shape (len(pairs),), from 1 to the number of classes.

        Parameters
        ----------
        pairs : sequence of TreePair
            Their scores do not matter.

        Raises
        ------
        ValueError
            A tree is none that the model takes.
        """
        parts = [np.empty(0)]
        for start in range(0, len(pairs), PREDICT_BATCH):
            chunk = pairs[start : start + PREDICT_BATCH]
            states = self.states_of_new(list(chain.from_iterable((pair.left, pair.right) for pair in chunk)))
            parts.append(_mean_score(self._compare(states)[0]))
        return np.concatenate(parts)

    def _compare(
        self, states: TreeStates
    ) -> tuple[NDArray[Any], Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]]:
        """Return what the head gives for the roots of every two trees."""
        roots = states.forest.roots
        return self.head.forward(states.hidden[roots[0::2]], states.hidden[roots[1::2]])

    def _head_parameters(self) -> list[Parameter]:
        return self.head.parameters()

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments beside vectors, words and classes that build this model again."""
        return {**super().config(), "hidden": len(self.head.compared.bias.data)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every weight by name; not copies."""
        return {
            **super().arrays(),
            "compared.weight": self.head.compared.weight.data,
            "compared.bias": self.head.compared.bias.data,
            "output.weight": self.head.output.weight.data,
            "output.bias": self.head.output.bias.data,
        }


def score_targets(scores: ArrayLike, classes: int) -> NDArray[np.float64]:
    """Return the sparsest distribution over the scores 1 to `classes` with each mean (Tai et al. 2015, section 4.2).

    Parameters
    ----------
    scores : array_like of float, shape (n,)
        From 1 to `classes`.
    classes : int

    Returns
    -------
    ndarray of float64, shape (n, classes)
        ``floor(y) + 1 - y`` at the score ``floor(y)`` and ``y - floor(y)`` at the next one.

    Examples
    --------
    >>> score_targets([1.0, 3.25], 5)
    array([[1.  , 0.  , 0.  , 0.  , 0.  ],
           [0.  , 0.  , 0.75, 0.25, 0.  ]])
    """
    values = np.asarray(scores, np.float64)
    below = np.floor(values).astype(np.int64)
    targets = np.zeros((len(values), classes + 1))  # one more, for what is next to the highest
    each = np.arange(len(values))
    targets[each, below - 1] = below + 1 - values
    targets[each, below] = values - below
    return targets[:, :classes]


def _scores(examples: Sequence[PairExample]) -> NDArray[np.float64]:
    return np.array([example.score for example in examples])


def _mean_score(logits: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(softmax(logits).astype(np.float64) @ np.arange(1.0, logits.shape[1] + 1.0))
