"""The Tree-LSTM classifier of Tai, Socher and Manning (2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..layers import Dropout, Linear, softmax, softmax_cross_entropy
from ..parameter import Parameter
from ..train import BatchLoss, TrainingDefaults
from ..trees import NO_LABEL, Tree
from .tree_classifier import PREDICT_BATCH, EncodedTree, TreeClassifier, integers, rows_of

TREE_DEFAULTS = TrainingDefaults(
    optimizer="adagrad",
    embedding_optimizer="sgd",
    # As in the authors' code; what it does not say is the rates of other rules.
    rates={"adagrad": (0.05, 0.01), "adam": (0.001, 0.001), "sgd": (0.05, 0.1), "adadelta": (1.0, 1.0)},
    weight_decay=1e-4,
    batch_size=25,
)
"""How Tai et al. (2015) train both of their models, as far as the embedding is trained."""


class TreeExample(NamedTuple):
    """A tree, and the position of each node's class in the model's classes, `NO_LABEL` for nodes without one."""

    tree: EncodedTree
    labels: NDArray[np.int64]


class TreeLSTM(TreeClassifier):
    """Word vectors → Tree-LSTM → dropout → linear → softmax, at every labelled node of a tree.

    As K. S. Tai, R. Socher, C. D. Manning, "Improved Semantic Representations From Tree-Structured Long Short-Term
    Memory Networks" (2015), section 4.1. The loss of a tree is the sum of the cross-entropies of its labelled nodes; a
    batch's is the mean over its trees. The class of a tree is that of its root.

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
    structure : {"constituency", "dependency"}
        Which trees, see `TreeClassifier`.
    mem_dim : int
        Length of a state.
    dropout : float
        Probability with which an element of a state is silenced before the last layer while training.
    lower : bool
        Lower-case the words of trees.
    seed : int
        Where the first weights of the Tree-LSTM and of the last layer come from.

    Examples
    --------
    >>> import numpy as np
    >>> from finevec.datasets.trees import parse_bracketed
    >>> table = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    >>> model = TreeLSTM(table, ["not", "good", "film"], ["0", "1"], mem_dim=4)
    >>> tree = parse_bracketed("(0 (0 not) (1 (1 good) (1 film)))", "example")
    >>> model.predict_proba([tree]).shape, model.node_proba(tree).shape
    ((1, 2), (5, 2))
    """

    kind: ClassVar[str] = "tree-lstm"
    training_defaults: ClassVar[TrainingDefaults] = TREE_DEFAULTS

    def __init__(
        self,
        vectors: NDArray[Any],
        words: Sequence[str],
        classes: Sequence[str],
        *,
        mode: str = "non-static",
        structure: str = "constituency",
        mem_dim: int = 150,
        dropout: float = 0.5,
        lower: bool = True,
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        super().__init__(vectors, words, classes, mode=mode, structure=structure, mem_dim=mem_dim, lower=lower, rng=rng)
        self.dropout = Dropout(dropout)
        self.output = Linear(mem_dim, len(self.classes), dtype=vectors.dtype, seed=rng)

    def examples(self, trees: Sequence[Tree]) -> list[TreeExample]:
        """Return trees as examples.

        Parameters
        ----------
        trees : sequence of Tree
            Labels are positions in `classes`, or `NO_LABEL`. A root has a label.

        Raises
        ------
        ValueError
            A label is no position in `classes`, a root has none, a tree has not one label for each node, or it is none
            that the model takes. The message says which.
        """
        return [self._example(number, tree) for number, tree in enumerate(trees)]

    def _example(self, number: int, tree: Tree) -> TreeExample:
        try:
            encoded = self.encode(tree)
            labels = integers("labels", tree.labels)
            if labels.shape != encoded.parents.shape:
                raise ValueError(f"expected labels of shape {encoded.parents.shape}, got {labels.shape}")
            for node in np.flatnonzero((labels < NO_LABEL) | (labels >= len(self.classes)))[:1]:
                raise ValueError(f"the label of node {node} is {labels[node]}, expected 0 to {len(self.classes) - 1}")
            if (labels[encoded.parents < 0] == NO_LABEL).any():
                raise ValueError("the root has no label")
        except ValueError as error:
            raise ValueError(f"trees[{number}]: {error}") from None
        return TreeExample(encoded, labels)

    def loss(self, examples: Sequence[TreeExample], rng: np.random.Generator | None = None) -> BatchLoss:
        """Return the loss of a batch of trees, and how many roots are right. See `Classifier.loss`."""
        hidden, backprop_states, forest = self.states([example.tree for example in examples])
        labels = np.concatenate([example.labels for example in examples])[forest.order]
        labelled = np.flatnonzero(labels != NO_LABEL)
        rows = slice(1, None) if len(labelled) == len(labels) else labelled + 1
        kept, backprop_dropout = self.dropout.forward(hidden[rows], rng)
        logits, backprop_output = self.output.forward(kept)
        targets = labels[labelled]
        mean, backprop_loss = softmax_cross_entropy(logits, targets)
        nodes_a_tree = len(labelled) / len(examples)
        roots = np.searchsorted(labelled, forest.roots - 1)
        correct = int((logits[roots].argmax(axis=1) == targets[roots]).sum())

        def backprop() -> None:
            grad_logits = backprop_loss() * logits.dtype.type(nodes_a_tree)
            grad_hidden = np.zeros_like(hidden)
            grad_hidden[rows] = backprop_dropout(backprop_output(grad_logits))
            backprop_states(grad_hidden)

        return BatchLoss(mean * nodes_a_tree, correct, backprop)

    def trained_rows(self, examples: Sequence[TreeExample]) -> NDArray[np.int64]:
        """Return the rows, ascending, that training on these examples can change, if the table trains."""
        return rows_of(example.tree for example in examples)

    def predict_proba(self, trees: Sequence[Tree]) -> NDArray[Any]:
        """Return the probability of each class for each tree, by its root.

        Words that are not rows of the model take their vector from `others`, else the node counts as one without a
        word.

        Parameters
        ----------
        trees : sequence of Tree
            Of the model's structure. Their labels do not matter. `finevec.datasets.trees` reads and parses them.

        Returns
        -------
        ndarray, shape (len(trees), len(classes))

        Raises
        ------
        TypeError
            One is no `Tree`.
        ValueError
            A tree is none that the model takes.
        """
        parts = [np.empty((0, len(self.classes)), self.vectors.dtype)]
        for start in range(0, len(trees), PREDICT_BATCH):
            hidden, _, forest = self.states_of_new(trees[start : start + PREDICT_BATCH])
            parts.append(softmax(self.output.forward(hidden[forest.roots])[0]))
        return np.concatenate(parts)

    def predict(self, trees: Sequence[Tree]) -> list[str]:
        """Return the name of the likeliest class of each tree; of equals, the first. Raises as `predict_proba`."""
        return [self.classes[index] for index in self.predict_proba(trees).argmax(axis=1)]

    def node_proba(self, tree: Tree) -> NDArray[Any]:
        """Return the probability of each class at each node of a tree, shape (nodes, classes). See `predict_proba`."""
        hidden, _, forest = self.states_of_new([tree])
        probabilities = softmax(self.output.forward(hidden[1:])[0])
        in_order = np.empty_like(probabilities)
        in_order[forest.order] = probabilities
        return in_order

    def _head_parameters(self) -> list[Parameter]:
        return self.output.parameters()

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments beside vectors, words and classes that build this model again."""
        return {**super().config(), "dropout": self.dropout.rate}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every weight by name; not copies."""
        head = {"output.weight": self.output.weight.data, "output.bias": self.output.bias.data}
        return {**super().arrays(), **head}
