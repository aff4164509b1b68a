"""What models of trees share: words as rows, a Tree-LSTM over batches of trees."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import integer
from ..embedding import Embedding
from ..layers import ChildSumTreeLSTM, NaryTreeLSTM
from ..parameter import Parameter
from ..text import treebank_word
from ..trees import Forest, Tree, heights
from .classifier import Classifier

STRUCTURES = ("constituency", "dependency")
"""constituency: binary trees, words at the leaves. dependency: a word at every node, any number of children."""

PREDICT_BATCH = 256  # trees; bounds the memory of a prediction


class EncodedTree(NamedTuple):
    """A tree as the models take it. Arrays of shape (nodes,); a node without a word that is known has the id -1."""

    parents: NDArray[np.int64]
    heights: NDArray[np.int64]
    ids: NDArray[np.int64]


class TreeStates(NamedTuple):
    """The hidden states of a batch of trees, shape (nodes + 1, mem_dim), in the rows of a forest, and the way back."""

    hidden: NDArray[Any]
    backprop: Callable[[NDArray[Any]], object]
    forest: Forest


class TreeClassifier(Classifier):
    """A classifier with a Tree-LSTM over a table of word vectors.

    Parameters
    ----------
    vectors, words, classes, mode
        As for `Classifier`.
    structure : {"constituency", "dependency"}
        Which trees: an N-ary Tree-LSTM over binary trees with words at the leaves, or a Child-Sum one over trees with a
        word at every node.
    mem_dim : int
        Length of a state.
    lower : bool
        Lower-case the words of trees.
    rng : numpy.random.Generator
        Draws the first weights.

    Attributes
    ----------
    lstm : NaryTreeLSTM or ChildSumTreeLSTM
    """

    def __init__(
        self,
        vectors: NDArray[Any],
        words: Sequence[str],
        classes: Sequence[str],
        *,
        mode: str,
        structure: str,
        mem_dim: int,
        lower: bool,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(vectors, words, classes, mode=mode)
        if structure not in STRUCTURES:
            raise ValueError(f"structure: expected one of {', '.join(STRUCTURES)}, got {structure!r}")
        self.structure = structure
        self.lower = bool(lower)
        self.embedding = Embedding.from_pretrained(vectors, freeze=mode == "static")
        layer = NaryTreeLSTM if structure == "constituency" else ChildSumTreeLSTM
        self.lstm: NaryTreeLSTM | ChildSumTreeLSTM = layer(vectors.shape[1], mem_dim, dtype=vectors.dtype, seed=rng)

    @classmethod
    def check_saved(cls, config: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> None:
        """Refuse a configuration that asks for more weights than there are. See `Classifier.check_saved`."""
        mem_dim, dim = integer("mem_dim", config["mem_dim"], least=1), math.prod(weights["embedding"].shape[1:])
        expect_numbers(weights, "lstm.weight", 4 * mem_dim * dim)
        expect_numbers(weights, "lstm.recurrent", 3 * mem_dim * mem_dim)

    @property
    def vectors(self) -> NDArray[Any]:
        """The table of word vectors, shape (rows, dim); not a copy."""
        return self.embedding.weight.data

    def word(self, token: str) -> str:
        """Return the word that a token of a tree stands for, see `finevec.text.treebank_word`."""
        return treebank_word(token, self.lower)

    def encode(self, tree: Tree, row: Mapping[str, int] | None = None) -> EncodedTree:
        """Return a tree with the rows of its words, or with their numbers in `row`.

        Raises
        ------
        TypeError
            It is no `Tree`, or its parents are no integers.
        ValueError
            It is no tree, see `finevec.trees.heights`, or a node has more children than the structure allows.
        """
        rows = self.row if row is None else row
        expect_tree(tree)
        ids = [-1 if token is None else rows.get(self.word(token), -1) for token in tree.words]
        encoded = EncodedTree(integers("parents", tree.parents), heights(tree.parents), np.array(ids, np.int64))
        if len(ids) != len(encoded.parents):
            raise ValueError(f"expected a word or None for each of {len(encoded.parents)} nodes, got {len(ids)}")
        arity = self.lstm.arity
        most = int(np.bincount(encoded.parents[encoded.parents >= 0], minlength=1).max())
        if arity is not None and most > arity:
            raise ValueError(f"expected at most {arity} children of a node, found one with {most}")
        return encoded

    def states(self, trees: Sequence[EncodedTree], table: NDArray[Any] | None = None) -> TreeStates:
        """Return the hidden state of every node of at least one tree.

        Parameters
        ----------
        trees : sequence of EncodedTree
        table : ndarray, shape (any, dim), optional
            What the ids are rows of. None: the model's own table, to which `backprop` hands the gradient.
        """
        forest = Forest.of([tree.parents for tree in trees], [tree.heights for tree in trees], arity=self.lstm.arity)
        ids = np.concatenate([tree.ids for tree in trees])
        if table is not None:
            return TreeStates(*self.lstm.forward(table, ids, forest), forest)
        rows, inputs = np.unique(ids, return_inverse=True)
        missing = int(rows[0] < 0)  # nodes without a word come first
        rows = rows[missing:]
        hidden, backprop_lstm = self.lstm.forward(self.embedding(rows), inputs - missing, forest)

        def backprop(grad_hidden: NDArray[Any]) -> None:
            grad_vectors = backprop_lstm(grad_hidden, with_vectors=self.embedding.weight.requires_grad)
            if grad_vectors is not None:
                self.embedding.backward(rows, grad_vectors)

        return TreeStates(hidden, backprop, forest)

    def states_of_new(self, trees: Sequence[Tree]) -> TreeStates:
        """Return the hidden states of trees whose words need not be rows: `others` may have vectors of them."""
        for tree in trees:
            expect_tree(tree)
        words = dict.fromkeys(self.word(token) for tree in trees for token in tree.words if token is not None)
        number = {word: count for count, word in enumerate(words)}
        encoded = [self.encode(tree, number) for tree in trees]
        table, known = self.vectors_of(list(number))
        position = np.concatenate([np.where(known, np.cumsum(known) - 1, -1), [-1]])  # the last: no word
        return self.states([tree._replace(ids=position[tree.ids]) for tree in encoded], table)

    def parameter_groups(self) -> dict[str, list[Parameter]]:
        """Return the parameters by group. A frozen table is in none."""
        tables = [self.embedding.weight] if self.embedding.weight.requires_grad else []
        return {"embedding": tables, "dense": [*self.lstm.parameters(), *self._head_parameters()]}

    @abstractmethod
    def _head_parameters(self) -> list[Parameter]:
        """Return the parameters of the layers above the Tree-LSTM."""

    def config(self) -> dict[str, Any]:
        """Return the keyword arguments beside vectors, words and classes that build this model again."""
        return {
            "mode": self.mode,
            "structure": self.structure,
            "mem_dim": self.lstm.mem_dim,
            "lower": self.lower,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every weight by name; not copies."""
        return {
            "embedding": self.vectors,
            "lstm.weight": self.lstm.weight.data,
            "lstm.recurrent": self.lstm.recurrent.data,
            "lstm.forget": self.lstm.forget.data,
            "lstm.bias": self.lstm.bias.data,
        }


def expect_tree(value: object) -> None:
    """Refuse, with a TypeError, what is no `Tree`."""
    if not isinstance(value, Tree):
        raise TypeError(
            "expected a finevec.trees.Tree, such as finevec.datasets.trees.parse_bracketed gives, got "
            f"{type(value).__name__}"
        )


def integers(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Return an array of integers as int64; a TypeError where it holds others."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integers, got {array.dtype}")
    return array.astype(np.int64, copy=False)


def rows_of(trees: Iterable[EncodedTree]) -> NDArray[np.int64]:
    """Return the rows, ascending, that the words of trees have."""
    rows = np.unique(np.concatenate([np.empty(0, np.int64), *(tree.ids for tree in trees)]))
    return rows[rows >= 0]


def expect_numbers(weights: Mapping[str, NDArray[Any]], name: str, count: int) -> None:
    """Refuse, with a ValueError, an array of fewer numbers."""
    if weights[name].size < count:
        raise ValueError(f"expected {name} to have at least {count} numbers, got {weights[name].size}")
