"""Tree-LSTMs: long short-term memory over the nodes of trees, batches of them level by level."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _finevec
from .._finevec import RowGrad
from ..checks import integer
from ..functional import embedding, embedding_bag, scatter_add
from ..parameter import Parameter
from ..trees import NO_NODE, Forest


class _Level(NamedTuple):
    """The nodes of one height: their rows in the forest, and their edges."""

    rows: slice
    edges: slice
    children: NDArray[np.int64]
    offsets: NDArray[np.int64]


class _TreeLSTM(ABC):
    """What both kinds share. `arity` children have weights of their own: 1 where all children share theirs."""

    def __init__(
        self,
        dim: int,
        mem_dim: int,
        arity: int,
        dtype: DTypeLike,
        seed: int | np.random.Generator | None,
    ) -> None:
        dim, mem_dim = integer("dim", dim, least=1), integer("mem_dim", mem_dim, least=1)
        rng = np.random.default_rng(seed)
        self.mem_dim = mem_dim
        self.weight = Parameter(_drawn(rng, 4 * mem_dim, dim, dim, dtype))
        self.recurrent = Parameter(_drawn(rng, 3 * mem_dim, arity * mem_dim, mem_dim, dtype))
        self.forget = Parameter(_drawn(rng, arity * mem_dim, arity * mem_dim, mem_dim, dtype))
        self.bias = Parameter(np.zeros(4 * mem_dim, dtype))

    @property
    @abstractmethod
    def arity(self) -> int | None:
        """Most children of a node; None: any number."""

    @abstractmethod
    def _room(self, into_gates: NDArray[Any], inner: int) -> NDArray[Any]:
        """Return memory for what `recurrent` multiplies at so many inner nodes, given that for `forget`."""

    @abstractmethod
    def _take(self, hidden: NDArray[Any], level: _Level, of_iou: NDArray[Any], of_forget: NDArray[Any]) -> None:
        """Write what `recurrent` and `forget` multiply, for the nodes and the edges of a level."""

    @abstractmethod
    def _give_back(
        self, grad_hidden: NDArray[Any], level: _Level, grad_iou: NDArray[Any], grad_forget: NDArray[Any]
    ) -> None:
        """Add the gradients of what `_take` wrote to those of the hidden states of the children."""

    def parameters(self) -> list[Parameter]:
        """Return weight, recurrent, forget and bias."""
        return [self.weight, self.recurrent, self.forget, self.bias]

    def forward(
        self, vectors: NDArray[Any], inputs: NDArray[np.integer[Any]], forest: Forest
    ) -> tuple[NDArray[Any], Callable[..., NDArray[Any] | None]]:
        """Compute the hidden state of every node of a batch of trees.

        Parameters
        ----------
        vectors : ndarray, shape (words, dim)
            The vectors of the batch's different words, of the weights' dtype. They must not change before `backprop` is
            called.
        inputs : ndarray of integers, shape (nodes,)
            The word of each node as a row of `vectors`, -1 where there is none; in the order of the trees' nodes, one
            tree after the other.
        forest : Forest
            The trees, laid out with this layer's `arity`.

        Returns
        -------
        hidden : ndarray, shape (nodes + 1, mem_dim)
            The rows of the forest; row `finevec.trees.NO_NODE` is zeros.
        backprop : callable
            ``backprop(grad_hidden, with_vectors=True)`` adds to the gradients of the parameters, and returns the
            gradient of `vectors`, or None where it is not wanted.

        Raises
        ------
        TypeError
            `vectors` is no array of the weights' dtype, or `inputs` are no integers.
        ValueError
            A shape does not fit, or the forest was laid out with another arity.
        IndexError
            An input is no row of `vectors`.
        """
        words, dtype, size = _checked_vectors(vectors, self.weight.data), vectors.dtype, self.mem_dim
        nodes, inputs = len(forest.order), np.asarray(inputs)
        if inputs.dtype.kind not in "iu":
            raise TypeError(f"inputs: expected integers, got {inputs.dtype}")
        if inputs.shape != (nodes,):
            raise ValueError(f"inputs: expected shape ({nodes},), one for each node, got {inputs.shape}")
        for wrong in (inputs.min(), inputs.max()):
            if not -1 <= wrong < words:
                raise IndexError(f"inputs: expected rows of {words} vectors, or -1 for no word, got {wrong}")
        levels = _levels(forest, self.arity)
        of_node = np.where(inputs < 0, words, inputs)[forest.order]
        inner, edges = nodes + 1 - int(forest.levels[1]), len(forest.children)
        leaves = nodes - inner
        # W of f takes part where a node has both a word and children.
        with_f = bool((of_node[leaves:] < words).any())
        weight = self.weight.data[: (3 + with_f) * size]
        # The last row is what a node without a word gets.
        projected = np.zeros((words + 1, 4 * size), dtype)
        np.matmul(vectors, weight.T, out=projected[:words, : len(weight)])
        projected += self.bias.data
        hidden, cells = np.empty((nodes + 1, size), dtype), np.empty((nodes + 1, size), dtype)
        hidden[NO_NODE] = cells[NO_NODE] = 0
        iou, gates = np.empty((nodes, 3 * size), dtype), np.empty((edges, size), dtype)
        iou[:leaves] = 0
        recurrent, forget = np.ascontiguousarray(self.recurrent.data.T), np.ascontiguousarray(self.forget.data.T)
        into_gates = np.empty((edges, size), dtype)
        into_iou = self._room(into_gates, inner)
        for level in levels:
            first = level.rows.start
            own_iou, own_gates = iou[first - 1 : level.rows.stop - 1], gates[level.edges]
            if len(level.children):
                of_iou = into_iou[first - 1 - leaves : level.rows.stop - 1 - leaves]
                of_gates = into_gates[level.edges]
                self._take(hidden[:first], level, of_iou, of_gates)
                np.matmul(of_iou, recurrent, out=own_iou)
                np.matmul(_side_by_side(of_gates, forget), forget, out=_side_by_side(own_gates, forget))
            _finevec.lstm_states(
                own_iou,
                own_gates,
                cells[level.rows],
                hidden[level.rows],
                projected=projected,
                words=of_node[first - 1 : level.rows.stop - 1],
                cells=cells[:first],
                children=level.children,
                offsets=level.offsets,
            )

        def backprop(grad_output: NDArray[Any], with_vectors: bool = True) -> NDArray[Any] | None:
            if grad_output.shape != hidden.shape or grad_output.dtype != dtype:
                raise ValueError(
                    f"grad_hidden: expected shape {hidden.shape} and {dtype}, as the hidden states, got "
                    f"{grad_output.shape} and {grad_output.dtype}"
                )
            grad_hidden, grad_cells = grad_output.copy(), np.zeros_like(cells)
            grad_own, grad_gates = np.empty((nodes, 4 * size), dtype), np.empty_like(gates)
            for level in reversed(levels):
                first = level.rows.start
                own, own_gates = slice(first - 1, level.rows.stop - 1), grad_gates[level.edges]
                grad_children = np.empty_like(own_gates)
                _finevec.lstm_gradients(
                    grad_own[own],
                    own_gates,
                    grad_children,
                    iou=iou[own],
                    forget=gates[level.edges],
                    cell=cells[level.rows],
                    grad_cell=grad_cells[level.rows],
                    grad_hidden=grad_hidden[level.rows],
                    cells=cells[:first],
                    children=level.children,
                    offsets=level.offsets,
                )
                if len(level.children):
                    scatter_add(grad_cells[:first], level.children, grad_children)
                    grad_iou = grad_own[own, : 3 * size] @ self.recurrent.data
                    grad_forget = (_side_by_side(own_gates, forget) @ self.forget.data).reshape(-1, size)
                    self._give_back(grad_hidden[:first], level, grad_iou, grad_forget)
            self.recurrent.add_grad(grad_own[leaves:, : 3 * size].T @ into_iou, copy=False)
            self.forget.add_grad(_side_by_side(grad_gates, forget).T @ _side_by_side(into_gates, forget), copy=False)
            grad_projected = np.zeros_like(projected)
            scatter_add(grad_projected, of_node, grad_own)
            self.bias.add_grad(grad_projected.sum(axis=0))
            of_words = grad_projected[:words, : len(weight)]
            grad_weight = np.zeros_like(self.weight.data)
            np.matmul(of_words.T, vectors, out=grad_weight[: len(weight)])
            self.weight.add_grad(grad_weight, copy=False)
            return np.asarray(of_words @ weight) if with_vectors else None

        return hidden, backprop


class ChildSumTreeLSTM(_TreeLSTM):
    """The Child-Sum Tree-LSTM of Tai, Socher and Manning (2015), equations 2 to 8, for any number of children.

    With `x` the vector of a node's word, 0 where it has none, and `h_k`, `c_k` the states of its children::

        h~  = Σ_k h_k
        i   = sigmoid(W_i x + U_i h~ + b_i)
        f_k = sigmoid(W_f x + U_f h_k + b_f)
        o   = sigmoid(W_o x + U_o h~ + b_o)
        u   = tanh(W_u x + U_u h~ + b_u)
        c   = i · u + Σ_k f_k · c_k
        h   = o · tanh(c)

    A batch of trees is computed level by level, leaves first: a level takes one lookup and one bag of its children's
    states, one dense product for i, o and u and one for f, and the fused cell. `W x + b` is computed once for the
    batch's *different* words.

    Parameters
    ----------
    dim : int
        Length of a word's vector.
    mem_dim : int
        Length of a state.
    dtype : {"float32", "float64"}
        Element type of the weights.
    seed : int or numpy.random.Generator, optional
        Where the first weights come from: uniform within ``1 / sqrt(dim)`` for W and ``1 / sqrt(mem_dim)`` for U, as in
        the authors' code. Biases start at 0.

    Attributes
    ----------
    weight : Parameter
        W, shape (4 * mem_dim, dim): the rows of i, o, u and f.
    recurrent : Parameter
        U of i, o and u, shape (3 * mem_dim, mem_dim).
    forget : Parameter
        U of f, shape (mem_dim, mem_dim).
    bias : Parameter
        b, shape (4 * mem_dim,): i, o, u and f.

    Examples
    --------
    >>> import numpy as np
    >>> from finevec.trees import Forest
    >>> layer = ChildSumTreeLSTM(4, 3, seed=0)
    >>> parents = np.array([1, -1, 1])  # one tree; words 0 and 2 depend on word 1
    >>> forest = Forest.of([parents])
    >>> hidden, backprop = layer.forward(np.ones((2, 4), np.float32), np.array([0, 1, 0]), forest)
    >>> hidden.shape, forest.roots
    ((4, 3), array([3]))
    >>> backprop(np.ones_like(hidden)).shape  # the gradients of the parameters are added on the way
    (2, 4)
    """

    def __init__(
        self,
        dim: int,
        mem_dim: int,
        *,
        dtype: DTypeLike = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        super().__init__(dim, mem_dim, 1, dtype, seed)

    @property
    def arity(self) -> None:
        """None: a node may have any number of children."""
        return

    def _room(self, into_gates: NDArray[Any], inner: int) -> NDArray[Any]:
        return np.empty((inner, self.mem_dim), into_gates.dtype)

    def _take(self, hidden: NDArray[Any], level: _Level, of_iou: NDArray[Any], of_forget: NDArray[Any]) -> None:
        embedding_bag(level.children, hidden, level.offsets, mode="sum", out=of_iou)
        embedding(level.children, hidden, out=of_forget)

    def _give_back(
        self, grad_hidden: NDArray[Any], level: _Level, grad_iou: NDArray[Any], grad_forget: NDArray[Any]
    ) -> None:
        to_children = RowGrad(grad_hidden, level.children, grad_iou, offsets=level.offsets, mode="sum")
        _finevec.scatter_add(grad_hidden, (to_children, RowGrad(grad_hidden, level.children, grad_forget)))


class NaryTreeLSTM(_TreeLSTM):
    """The N-ary Tree-LSTM of Tai, Socher and Manning (2015), equations 9 to 14, for at most `arity` ordered children.

    With `x` the vector of a node's word, 0 where it has none, and `h_l`, `c_l` the states of its children, 0 for those
    that are missing::

        i   = sigmoid(W_i x + Σ_l U_i,l h_l + b_i)
        f_k = sigmoid(W_f x + Σ_l U_f,kl h_l + b_f)
        o   = sigmoid(W_o x + Σ_l U_o,l h_l + b_o)
        u   = tanh(W_u x + Σ_l U_u,l h_l + b_u)
        c   = i · u + Σ_k f_k · c_k
        h   = o · tanh(c)

    Where words are at the leaves alone, as in constituency trees, `W_f` has no effect. How a batch is computed is told
    at `ChildSumTreeLSTM`.

    Parameters
    ----------
    dim, mem_dim, dtype, seed
        As for `ChildSumTreeLSTM`.
    arity : int
        Most children of a node: 2 for binary trees.

    Attributes
    ----------
    weight, bias : Parameter
        As in `ChildSumTreeLSTM`.
    recurrent : Parameter
        U of i, o and u, shape (3 * mem_dim, arity * mem_dim): a block of columns for each child.
    forget : Parameter
        U of f, shape (arity * mem_dim, arity * mem_dim): the block of rows k and columns l is ``U_f,kl``.

    Examples
    --------
    >>> import numpy as np
    >>> from finevec.trees import Forest
    >>> layer = NaryTreeLSTM(4, 3, seed=0)
    >>> parents = np.array([2, 2, -1])  # one tree of two words
    >>> forest = Forest.of([parents], arity=layer.arity)
    >>> hidden, backprop = layer.forward(np.ones((2, 4), np.float32), np.array([0, 1, -1]), forest)
    >>> hidden.shape, forest.roots
    ((4, 3), array([3]))
    """

    def __init__(
        self,
        dim: int,
        mem_dim: int,
        *,
        arity: int = 2,
        dtype: DTypeLike = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self._arity = integer("arity", arity, least=1)
        super().__init__(dim, mem_dim, self._arity, dtype, seed)

    @property
    def arity(self) -> int:
        """Most children of a node."""
        return self._arity

    def _room(self, into_gates: NDArray[Any], inner: int) -> NDArray[Any]:
        return into_gates.reshape(inner, self._arity * self.mem_dim)  # the same numbers in the same order

    def _take(self, hidden: NDArray[Any], level: _Level, of_iou: NDArray[Any], of_forget: NDArray[Any]) -> None:
        embedding(level.children, hidden, out=of_forget)

    def _give_back(
        self, grad_hidden: NDArray[Any], level: _Level, grad_iou: NDArray[Any], grad_forget: NDArray[Any]
    ) -> None:
        grad_forget += grad_iou.reshape(grad_forget.shape)
        scatter_add(grad_hidden, level.children, grad_forget)


def _drawn(rng: np.random.Generator, rows: int, columns: int, inputs: int, dtype: DTypeLike) -> NDArray[Any]:
    bound = 1.0 / np.sqrt(inputs)
    return rng.uniform(-bound, bound, (rows, columns)).astype(dtype)


def _checked_vectors(vectors: NDArray[Any], weight: NDArray[Any]) -> int:
    """Return how many vectors there are."""
    if not isinstance(vectors, np.ndarray):
        raise TypeError(f"vectors: expected an ndarray, got {type(vectors).__name__}")
    if vectors.dtype != weight.dtype:
        raise TypeError(f"vectors: expected {weight.dtype}, as the weights, got {vectors.dtype}")
    if vectors.ndim != 2 or vectors.shape[1] != weight.shape[1]:
        raise ValueError(f"vectors: expected shape (words, {weight.shape[1]}), got {vectors.shape}")
    return len(vectors)


def _levels(forest: Forest, arity: int | None) -> list[_Level]:
    """Return the levels of a forest, leaves first."""
    counts = np.diff(forest.offsets)
    if arity is not None and (other := counts[(counts != 0) & (counts != arity)]).size:
        raise ValueError(
            f"forest: expected one laid out with arity {arity}, got a node with room for {other[0]} children"
        )
    bounds, at = forest.levels.tolist(), forest.offsets[forest.levels].tolist()
    return [
        _Level(
            slice(first, end),
            slice(start, stop),
            forest.children[start:stop],
            forest.offsets[first : end + 1] - start,
        )
        for first, end, start, stop in zip(bounds, bounds[1:], at, at[1:], strict=False)
    ]


def _side_by_side(edges: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Return rows of edges as rows of as many columns as `weight` has rows: those of a node's children side by side."""
    return edges.reshape(-1, weight.shape[0])
