"""The oracle of the Tree-LSTMs of Tai, Socher and Manning (2015): node by node, in float64, no code of the package.

Trees are lists of parents with the row of the word at each node; the children of a node, in order, are the nodes it is
the parent of. Gradients are written from the equations, one node after the other from the root down.

Weights are a dict of arrays. ``vectors`` (words, dim) are the word rows, and the Tree-LSTM's are, in blocks of `mem`:

- ``weight`` (4 * mem, dim) and ``bias`` (4 * mem,): W and b of i, o, u and f;
- ``recurrent`` (3 * mem, arity * mem): U of i, o and u, of the children side by side; of their sum where arity is None;
- ``forget`` (arity * mem, arity * mem): block k, l is U_kl of f; where arity is None (mem, mem), of one child.

``output`` (classes, mem) and ``output_bias`` (classes,) give the classes of a node. The head of a pair of roots has
``product`` and ``distance`` (hidden, mem), ``head_bias`` (hidden,), ``output`` (classes, hidden) and ``output_bias``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

NONE = -1
"""No parent, no word, no label."""

TREE_WEIGHTS = ("vectors", "weight", "bias", "recurrent", "forget")
NODE_WEIGHTS = ("output", "output_bias")
PAIR_WEIGHTS = ("product", "distance", "head_bias", "output", "output_bias")


class Tree(NamedTuple):
    """Per node: its parent, the row of its word, and its label (not used in pairs); `NONE` where there is none."""

    parents: list[int]
    rows: list[int]
    labels: Sequence[int] = ()


@dataclass
class Node:
    """What the equations give for one node."""

    x: np.ndarray
    below_h: list[np.ndarray]
    """h of each child."""
    below_c: list[np.ndarray]
    i: np.ndarray
    o: np.ndarray
    u: np.ndarray
    f: list[np.ndarray]
    """One for each child."""
    c: np.ndarray
    h: np.ndarray


@dataclass
class Outcome:
    """What a batch gives; gradients by the names of the weights."""

    loss: float
    probabilities: np.ndarray
    """Of the labelled nodes' classes, in order; of pairs, a row for each."""
    grads: dict[str, np.ndarray]
    sizes: dict[str, np.ndarray]
    """The same sums over nodes as in `grads`, with every term made positive."""


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(logits):
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def children_of(parents):
    """Return the children of each node."""
    children = [[] for _ in parents]
    for node, parent in enumerate(parents):
        if parent != NONE:
            children[parent].append(node)
    return children


def top_down(parents):
    """Return the nodes, parents before their children."""
    children, order = children_of(parents), [list(parents).index(NONE)]
    for node in order:
        order += children[node]
    return order


def blocks(array, mem):
    """Cut an array's rows into blocks of `mem`."""
    return [array[start : start + mem] for start in range(0, len(array), mem)]


def node_forward(weights, arity, x, below_h, below_c):
    """Equations 2 to 8 (arity None) or 9 to 14 for one node, given the states of its children."""
    mem = len(weights["bias"]) // 4
    w_i, w_o, w_u, w_f = blocks(weights["weight"], mem)
    b_i, b_o, b_u, b_f = blocks(weights["bias"], mem)
    u_i, u_o, u_u = blocks(weights["recurrent"], mem)
    if arity is None:
        together = sum(below_h, start=np.zeros(mem))  # eq. 2
        f = [sigmoid(w_f @ x + weights["forget"] @ h + b_f) for h in below_h]  # eq. 4
    else:
        below_h = below_h + [np.zeros(mem)] * (arity - len(below_h))
        together = np.concatenate(below_h)
        f = [sigmoid(w_f @ x + u_k @ together + b_f) for u_k in blocks(weights["forget"], mem)]  # eq. 10
    i = sigmoid(w_i @ x + u_i @ together + b_i)  # eq. 3, 9
    o = sigmoid(w_o @ x + u_o @ together + b_o)  # eq. 5, 11
    u = np.tanh(w_u @ x + u_u @ together + b_u)  # eq. 6, 12
    f = f[: len(below_c)]  # a missing child has c = 0
    c = i * u + sum((f_k * c_k for f_k, c_k in zip(f, below_c, strict=True)), start=np.zeros(mem))  # eq. 7, 13
    return Node(x, below_h, below_c, i, o, u, f, c, o * np.tanh(c))  # eq. 8, 14


def tree_forward(weights, arity, tree):
    """Return the `Node` of each node of a tree."""
    children, nodes = children_of(tree.parents), [None] * len(tree.parents)
    for number in reversed(top_down(tree.parents)):
        row, below = tree.rows[number], [nodes[child] for child in children[number]]
        x = np.zeros(weights["vectors"].shape[1]) if row == NONE else weights["vectors"][row]
        nodes[number] = node_forward(weights, arity, x, [node.h for node in below], [node.c for node in below])
    return nodes


def node_backward(weights, arity, node, grad_h, grad_c, add):
    """Go back through one node.

    Parameters
    ----------
    grad_h, grad_c : ndarray
        The gradients of the node's h, and of its c as a child of its parent.
    add : callable
        Takes the name of a weight, the rows and columns of a part of it, and a term of that part's gradient as the
        factors of an outer product; or one factor for a bias.

    Returns
    -------
    grad_x : ndarray
    below : list of pairs
        The gradients of each child's h and c.
    """
    mem, children = len(node.h), len(node.below_c)
    w_f, u = blocks(weights["weight"], mem)[3], blocks(weights["recurrent"], mem)
    tanh_c = np.tanh(node.c)
    grad_c = grad_c + grad_h * node.o * (1 - tanh_c**2)
    gates = [
        grad_c * node.u * node.i * (1 - node.i),
        grad_h * tanh_c * node.o * (1 - node.o),
        grad_c * node.i * (1 - node.u**2),
    ]
    gates_f = [grad_c * c_k * f_k * (1 - f_k) for c_k, f_k in zip(node.below_c, node.f, strict=True)]

    together = np.concatenate(node.below_h) if arity is not None else sum(node.below_h, start=np.zeros(mem))
    grad_x, grad_together = np.zeros(len(node.x)), np.zeros(len(together))
    for number, gate in enumerate(gates):
        part = slice(number * mem, (number + 1) * mem)
        add("weight", part, gate, node.x)
        add("bias", part, gate)
        add("recurrent", part, gate, together)
        grad_x += weights["weight"][part].T @ gate
        grad_together += u[number].T @ gate
    last, below_h = slice(3 * mem, None), []
    for k, gate in enumerate(gates_f):
        add("weight", last, gate, node.x)
        add("bias", last, gate)
        grad_x += w_f.T @ gate
        if arity is None:
            add("forget", slice(None), gate, node.below_h[k])
            below_h.append(weights["forget"].T @ gate)
        else:
            part = slice(k * mem, (k + 1) * mem)
            add("forget", part, gate, together)
            grad_together += weights["forget"][part].T @ gate
    below_h = [own + grad_together for own in below_h] if arity is None else blocks(grad_together, mem)[:children]
    return grad_x, [(h, grad_c * f_k) for h, f_k in zip(below_h, node.f, strict=True)]


def tree_backward(weights, arity, tree, nodes, grad_hidden, add):
    """Go back through a tree, given the gradient of each node's h without what comes through its parent."""
    children = children_of(tree.parents)
    grad_h, grad_c = [np.array(grad) for grad in grad_hidden], [np.zeros(len(grad)) for grad in grad_hidden]
    for number in top_down(tree.parents):
        grad_x, below = node_backward(weights, arity, nodes[number], grad_h[number], grad_c[number], add)
        if tree.rows[number] != NONE:
            add("vectors", tree.rows[number], grad_x)
        for child, (child_h, child_c) in zip(children[number], below, strict=True):
            grad_h[child] += child_h
            grad_c[child] += child_c


class Sums:
    """Gradients, added up term by term, and the sums of the terms' sizes."""

    def __init__(self, weights, names):
        self.grads = {name: np.zeros_like(weights[name]) for name in names}
        self.sizes = {name: np.zeros_like(weights[name]) for name in names}

    def add(self, name, part, *factors):
        self.grads[name][part] += np.outer(*factors) if len(factors) == 2 else factors[0]
        sizes = [np.abs(factor) for factor in factors]
        self.sizes[name][part] += np.outer(*sizes) if len(sizes) == 2 else sizes[0]


def in_float64(weights):
    return {name: np.asarray(array, np.float64) for name, array in weights.items()}


def hidden(weights, arity, trees):
    """Return h of every node of the trees, a row for each, trees one after the other."""
    weights = in_float64(weights)
    return np.array([node.h for tree in trees for node in tree_forward(weights, arity, tree)])


def hidden_gradients(weights, arity, trees, grad_hidden):
    """Return the gradients of the Tree-LSTM's weights, given that of `hidden`."""
    weights = in_float64(weights)
    sums, start = Sums(weights, TREE_WEIGHTS), 0
    for tree in trees:
        nodes, end = tree_forward(weights, arity, tree), start + len(tree.parents)
        tree_backward(weights, arity, tree, nodes, np.asarray(grad_hidden[start:end], np.float64), sums.add)
        start = end
    return sums.grads


def sentiment(weights, arity, trees, keep=None):
    """Compute the loss of a batch: the cross-entropy of every labelled node, summed, by the number of trees.

    Parameters
    ----------
    keep : ndarray, shape (nodes of all trees, mem), optional
        The dropout: what each node's h is multiplied by on its way to the classes.
    """
    weights = in_float64(weights)
    sums = Sums(weights, (*TREE_WEIGHTS, *NODE_WEIGHTS))
    loss, probabilities, start = 0.0, [], 0
    for tree in trees:
        nodes = tree_forward(weights, arity, tree)
        grad_hidden = np.zeros((len(nodes), len(nodes[0].h)))
        for number, label in enumerate(tree.labels):
            if label == NONE:
                continue
            scale = np.ones(len(nodes[0].h)) if keep is None else np.asarray(keep[start + number], np.float64)
            kept = nodes[number].h * scale
            p = softmax(weights["output"] @ kept + weights["output_bias"])
            probabilities.append(p)
            loss -= np.log(p[label])
            grad_logits = (p - np.eye(len(p))[label]) / len(trees)
            sums.add("output", slice(None), grad_logits, kept)
            sums.add("output_bias", slice(None), grad_logits)
            grad_hidden[number] = weights["output"].T @ grad_logits * scale
        tree_backward(weights, arity, tree, nodes, grad_hidden, sums.add)
        start += len(nodes)
    return Outcome(float(loss / len(trees)), np.array(probabilities), sums.grads, sums.sizes)


def sparse_target(score, classes):
    """Return the distribution over 1 to `classes` whose mean is the score (section 4.2)."""
    target, low = np.zeros(classes), int(np.floor(score))
    target[low - 1] = low + 1 - score
    if score > low:
        target[low] = score - low
    return target


def relatedness(weights, arity, pairs, scores):
    """Compute the loss of pairs of trees: the KL divergence from the scores' targets (eq. 15, 16), mean over pairs."""
    weights = in_float64(weights)
    sums = Sums(weights, (*TREE_WEIGHTS, *PAIR_WEIGHTS))
    loss, probabilities = 0.0, []
    for (left, right), score in zip(pairs, scores, strict=True):
        states = [tree_forward(weights, arity, tree) for tree in (left, right)]
        roots = [top_down(tree.parents)[0] for tree in (left, right)]
        h_left, h_right = (nodes[root].h for nodes, root in zip(states, roots, strict=True))
        product, distance = h_left * h_right, np.abs(h_left - h_right)
        h_s = sigmoid(weights["product"] @ product + weights["distance"] @ distance + weights["head_bias"])
        p = softmax(weights["output"] @ h_s + weights["output_bias"])
        probabilities.append(p)
        target = sparse_target(score, len(p))
        some = target > 0
        loss += (target[some] * np.log(target[some] / p[some])).sum()

        grad_logits = (p - target) / len(pairs)
        sums.add("output", slice(None), grad_logits, h_s)
        sums.add("output_bias", slice(None), grad_logits)
        grad_s = weights["output"].T @ grad_logits * h_s * (1 - h_s)
        sums.add("product", slice(None), grad_s, product)
        sums.add("distance", slice(None), grad_s, distance)
        sums.add("head_bias", slice(None), grad_s)
        grad_product, grad_distance = weights["product"].T @ grad_s, weights["distance"].T @ grad_s
        away = np.sign(h_left - h_right) * grad_distance
        grads = [grad_product * h_right + away, grad_product * h_left - away]
        for tree, nodes, root, grad in zip((left, right), states, roots, grads, strict=True):
            grad_hidden = np.zeros((len(nodes), len(grad)))
            grad_hidden[root] = grad
            tree_backward(weights, arity, tree, nodes, grad_hidden, sums.add)
    return Outcome(float(loss / len(pairs)), np.array(probabilities), sums.grads, sums.sizes)
