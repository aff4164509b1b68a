"""The N-ary Tree-LSTM for sentiment in PyTorch, four ways, with the weights and results of finevec's.

`LevelByLevel` is as quick as plain PyTorch with autograd was found to be on the trees of SST. States of nodes whose
parent is still to come wait in one tensor, which shrinks from level to level: an `index_select` puts the level's
children first, `split` parts them from the rest, and the level's own states join the rest by `cat`. On one core forward
and backward took 16.8 ms a batch this way, 17.8 ms with a preallocated table of all states that levels are written to
in place (each level's gradient copies the whole table), 18.1 ms with a list of states for each level of parents, and
19.1 ms with a `cat` of all states that grows; on two cores the table was as quick. Rows by indexing, `embedding` or
`gather` were no quicker than by `index_select`, nor was one product for the gradient of all levels' weights. `split` in
place of slices, whose gradients are padded and added one by one, then took off 0.7 ms, and a comparison of random
numbers in place of `torch.nn.Dropout` 0.8 ms. `GrowingTable` is the plainest of these, the `cat` that grows.

`NodeByNode` goes through the nodes in a loop, with one product for all gates of a node, as in the better ports of the
authors' code to PyTorch, but classifies the nodes of a tree at once, looks the words of a batch up at once, and has
one backward pass for a batch: each is quicker than what is usual. `GateByGate` is what is usual, as in the ports that
follow the authors' code line by line: a recursion, a product for each gate and child, loss at each node, a backward
pass for each tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as functional
from finevec.models.tree_lstm import TreeExample
from finevec.trees import NO_LABEL, Forest
from tree_lstm_data import EMBEDDING_LR, LR, WEIGHT_DECAY

Array = np.ndarray
Tensor = torch.Tensor


class TorchTreeLSTM(torch.nn.Module):
    """The weights, from a dict of arrays as `tree_lstm_data.weights_of` gives it.

    `into_gates` has U of i, o, both f and u below each other: what one product with a node's children takes, and with
    the sigmoids side by side.
    """

    def __init__(self, weights: Mapping[str, Array], *, sparse: bool, dropout: float = 0.5) -> None:
        super().__init__()
        tensors = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
        self.mem, self.dropout = tensors["output"].shape[1], dropout
        self.embedding = torch.nn.Embedding.from_pretrained(tensors["vectors"], freeze=False, sparse=sparse)
        recurrent, forget = tensors["recurrent"], tensors["forget"]
        self.weight, self.bias = torch.nn.Parameter(tensors["weight"]), torch.nn.Parameter(tensors["bias"])
        self.into_gates = torch.nn.Parameter(torch.cat([recurrent[: 2 * self.mem], forget, recurrent[2 * self.mem :]]))
        self.output = torch.nn.Parameter(tensors["output"])
        self.output_bias = torch.nn.Parameter(tensors["output_bias"])

    def losses(self, examples: Sequence[TreeExample]) -> Iterator[Tensor]:
        """Yield parts of a batch's loss, each of which has a backward pass of its own."""
        raise NotImplementedError

    def backward(self, examples: Sequence[TreeExample]) -> float:
        """Add the gradients of a batch's loss to the parameters' and return the loss."""
        total = 0.0
        for loss in self.losses(examples):
            loss.backward()
            total += loss.item()
        return total

    def leaves(self, vectors: Tensor) -> Tensor:
        """Return i, o and u of leaves before their functions: ``W x + b``."""
        iou = 3 * self.mem
        return functional.linear(vectors, self.weight[:iou], self.bias[:iou])

    def leaf_states(self, iou: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and c of leaves."""
        i, o, u = iou.split(self.mem, 1)
        c = i.sigmoid() * u.tanh()
        return o.sigmoid() * c.tanh(), c

    def gate_bias(self) -> Tensor:
        """Return b in the order of `into_gates`."""
        i_o, u, f = self.bias.split([2 * self.mem, self.mem, self.mem])
        return torch.cat([i_o, f, f, u])

    def states(self, h: Tensor, c_1: Tensor, c_2: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and c of nodes, from h of both children side by side, and c of each."""
        sigmoids, u = functional.linear(h, self.into_gates, bias).split([4 * self.mem, self.mem], 1)
        i, o, f_1, f_2 = sigmoids.sigmoid().split(self.mem, 1)
        c = torch.addcmul(torch.addcmul(i * u.tanh(), f_1, c_1), f_2, c_2)
        return o * c.tanh(), c

    def classify(self, hidden: Tensor, labels: Tensor) -> Tensor:
        """Return the sum of the cross-entropies of nodes with a label."""
        if self.training and self.dropout:
            hidden = hidden * (torch.rand(hidden.shape).ge(self.dropout) / (1 - self.dropout))
        logits = functional.linear(hidden, self.output, self.output_bias)
        return functional.cross_entropy(logits, labels, ignore_index=NO_LABEL, reduction="sum")

    def arrays(self, *, grad: bool = False) -> dict[str, Array]:
        """Return all weights, or their gradients, under the names of `tree_lstm_data.weights_of`."""
        names = ["weight", "bias", "output", "output_bias"]
        found = {name: _numpy(getattr(self, name), grad) for name in names}
        i_o, forget, u = np.split(self.gate_rows(grad), [2 * self.mem, 4 * self.mem])
        vectors = _numpy(self.embedding.weight, grad)
        return {**found, "recurrent": np.concatenate([i_o, u]), "forget": forget, "vectors": vectors}

    def gate_rows(self, grad: bool) -> Array:
        """Return `into_gates` or its gradient."""
        return _numpy(self.into_gates, grad)


class LevelByLevel(TorchTreeLSTM):
    """All nodes of a height at once."""

    def laid_out(self, examples: Sequence[TreeExample]) -> tuple[Forest, Tensor, Tensor, Tensor]:
        """Return a batch by level, the labels in its order, and h and c of the leaves, words multiplied once each."""
        trees = [example.tree for example in examples]
        forest = Forest.of([tree.parents for tree in trees], [tree.heights for tree in trees], arity=2)
        ids = np.concatenate([tree.ids for tree in trees])[forest.order]
        labels = torch.from_numpy(np.concatenate([example.labels for example in examples])[forest.order])
        words, leaf_word = np.unique(ids[: forest.levels[1] - 1], return_inverse=True)
        projected = self.leaves(self.embedding(torch.from_numpy(words)))
        h, c = self.leaf_states(projected.index_select(0, torch.from_numpy(leaf_word)))
        return forest, labels, h, c

    def losses(self, examples: Sequence[TreeExample]) -> Iterator[Tensor]:
        """See `TorchTreeLSTM.losses`: the whole."""
        forest, labels, h, c = self.laid_out(examples)
        bias, hidden = self.gate_bias(), [h]
        for nodes, order in _waiting(forest):
            parts = [2 * nodes, len(order) - 2 * nodes]
            h_below, h_left = h.index_select(0, order).split(parts)
            c_below, c_left = c.index_select(0, order).split(parts)
            c_1, c_2 = c_below.view(nodes, -1).split(self.mem, 1)
            h, c = self.states(h_below.view(nodes, -1), c_1, c_2, bias)
            hidden.append(h)
            h, c = torch.cat([h_left, h]), torch.cat([c_left, c])
        yield self.classify(torch.cat(hidden), labels) / len(examples)


def _waiting(forest: Forest) -> Iterator[tuple[int, Tensor]]:
    """For each level above the leaves, yield its number of nodes, and the order that puts their children first.

    The order is one of those whose parent is still to come.
    """
    waiting = np.arange(1, forest.levels[1])
    place = np.empty(len(forest.order) + 1, np.int64)
    for start, end in zip(forest.levels[1:-1], forest.levels[2:], strict=True):
        place[waiting] = np.arange(len(waiting))
        taken = place[forest.children[forest.offsets[start] : forest.offsets[end]]]
        left = np.ones(len(waiting), bool)
        left[taken] = False
        rest = np.flatnonzero(left)
        yield int(end - start), torch.from_numpy(np.concatenate([taken, rest]))
        waiting = np.concatenate([waiting[rest], np.arange(start, end)])


class GrowingTable(LevelByLevel):
    """All nodes of a height at once, the states of all nodes so far in one tensor."""

    def losses(self, examples: Sequence[TreeExample]) -> Iterator[Tensor]:
        """See `TorchTreeLSTM.losses`: the whole."""
        forest, labels, h, c = self.laid_out(examples)
        bias, children = self.gate_bias(), torch.from_numpy(forest.children - 1)
        for start, end in zip(forest.levels[1:-1], forest.levels[2:], strict=True):
            below = children[forest.offsets[start] : forest.offsets[end]]
            c_1, c_2 = c.index_select(0, below).view(-1, 2 * self.mem).split(self.mem, 1)
            own_h, own_c = self.states(h.index_select(0, below).view(-1, 2 * self.mem), c_1, c_2, bias)
            h, c = torch.cat([h, own_h]), torch.cat([c, own_c])
        yield self.classify(h, labels) / len(examples)


class NodeByNode(TorchTreeLSTM):
    """One node after the other."""

    def losses(self, examples: Sequence[TreeExample]) -> Iterator[Tensor]:
        """See `TorchTreeLSTM.losses`: the whole."""
        ids = [example.tree.ids[example.tree.ids >= 0] for example in examples]
        vectors = self.embedding(torch.from_numpy(np.concatenate(ids))).split([len(part) for part in ids])
        bias = self.gate_bias()
        losses = [self.tree(example, part, bias) for example, part in zip(examples, vectors, strict=True)]
        yield torch.stack(losses).sum() / len(examples)

    def tree(self, example: TreeExample, vectors: Tensor, bias: Tensor) -> Tensor:
        """Return the loss of a tree whose children precede their parents."""
        h, c = self.leaf_states(self.leaves(vectors))
        leaves = zip(h.split(1), c.split(1), strict=True)
        states: list[tuple[Tensor, Tensor]] = []
        for below in _children(example):
            if below:
                (h_1, c_1), (h_2, c_2) = (states[child] for child in below)
                states.append(self.states(torch.cat([h_1, h_2], 1), c_1, c_2, bias))
            else:
                states.append(next(leaves))
        return self.classify(torch.cat([h for h, _ in states]), torch.from_numpy(example.labels))


class GateByGate(TorchTreeLSTM):
    """A product for each gate and child of each node."""

    def __init__(self, weights: Mapping[str, Array], *, sparse: bool, dropout: float = 0.5) -> None:
        super().__init__(weights, sparse=sparse, dropout=dropout)
        blocks = self.into_gates.data.reshape(5, self.mem, 2, self.mem).transpose(1, 2)
        self.blocks = torch.nn.ParameterList(torch.nn.Parameter(block.clone()) for block in blocks.flatten(0, 1))
        del self.into_gates

    def losses(self, examples: Sequence[TreeExample]) -> Iterator[Tensor]:
        """See `TorchTreeLSTM.losses`: of each tree."""
        for example in examples:
            ids, labels = example.tree.ids, torch.from_numpy(example.labels)
            leaves = np.flatnonzero(ids >= 0)
            before_gates = self.leaves(self.embedding(torch.from_numpy(ids[leaves]))).split(1)
            tree = _Tree(_children(example), dict(zip(leaves.tolist(), before_gates, strict=True)), labels)
            root = len(labels) - 1
            yield self.node(root, tree, self.gate_bias().split(self.mem))[2] / len(examples)

    def node(self, number: int, tree: _Tree, bias: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return h and c of a node, and the loss of the nodes of its subtree."""
        label = tree.labels[number : number + 1]
        if number in tree.leaves:
            h, c = self.leaf_states(tree.leaves[number])
            return h, c, self.classify(h, label)
        (h_1, c_1, loss_1), (h_2, c_2, loss_2) = (self.node(child, tree, bias) for child in tree.children[number])
        i, o, f_1, f_2, u = (
            functional.linear(h_1, self.blocks[2 * gate], bias[gate])
            + functional.linear(h_2, self.blocks[2 * gate + 1])
            for gate in range(5)
        )
        c = i.sigmoid() * u.tanh() + f_1.sigmoid() * c_1 + f_2.sigmoid() * c_2
        h = o.sigmoid() * c.tanh()
        return h, c, self.classify(h, label) + loss_1 + loss_2

    def gate_rows(self, grad: bool) -> Array:
        """See `TorchTreeLSTM.gate_rows`."""
        blocks = np.stack([_numpy(block, grad) for block in self.blocks]).reshape(5, 2, self.mem, self.mem)
        return blocks.transpose(0, 2, 1, 3).reshape(5 * self.mem, 2 * self.mem)


KINDS: dict[str, type[TorchTreeLSTM]] = {
    "level by level": LevelByLevel,
    "level by level, growing table": GrowingTable,
    "node by node": NodeByNode,
    "gate by gate": GateByGate,
}
"""By name, from the quickest on."""


class _Tree(NamedTuple):
    """A tree whose root is its last node; of each leaf, i, o and u before their functions."""

    children: list[list[int]]
    leaves: dict[int, Tensor]
    labels: Tensor


class TorchTraining:
    """A model and its optimizers: SGD for the table, Adagrad with weight decay for the rest, as the authors have it.

    Adagrad is fused: one kernel, in half the time of the default and of `foreach`.
    """

    def __init__(self, model: TorchTreeLSTM) -> None:
        self.model = model
        dense = [parameter for name, parameter in model.named_parameters() if name != "embedding.weight"]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.SGD([model.embedding.weight], lr=EMBEDDING_LR),
            torch.optim.Adagrad(dense, lr=LR, weight_decay=WEIGHT_DECAY, fused=True),
        ]

    def step(self, examples: Sequence[TreeExample]) -> float:
        """Train on a batch and return its loss."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        total = self.model.backward(examples)
        for optimizer in self.optimizers:
            optimizer.step()
        return total


def _children(example: TreeExample) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in example.labels]
    for node, parent in enumerate(example.tree.parents.tolist()):
        if parent >= 0:
            children[parent].append(node)
    return children


def _numpy(parameter: torch.nn.Parameter, grad: bool) -> Array:
    tensor = parameter.grad if grad else parameter.detach()
    if tensor is None:
        return np.zeros(tuple(parameter.shape))
    return (tensor.to_dense() if tensor.is_sparse else tensor).numpy().copy()
