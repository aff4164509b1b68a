"""Where the time of the Tree-LSTM's training step goes, part by part, beside the dense products that it must do."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from finevec import _finevec, optim
from finevec.functional import embedding, scatter_add
from finevec.layers import NaryTreeLSTM, softmax_cross_entropy
from finevec.models import TreeLSTM
from finevec.models.tree_lstm import TreeExample
from finevec.trees import NO_LABEL, Forest
from tree_lstm_data import EMBEDDING_LR, LR, WEIGHT_DECAY

Array = np.ndarray

FLOOR = "floor: the dense products of all parts alone, into arrays that exist"
SPLIT = "of it "  # how the floor's own parts start


class _Level(NamedTuple):
    """The nodes of one height: their rows in the forest, their places among all nodes, their edges."""

    rows: slice
    nodes: slice
    edges: slice
    children: Array
    offsets: Array


class StepInParts:
    """A training step like that of `tree_lstm_data.Training`, written out, with a clock between its parts."""

    def __init__(self, model: TreeLSTM) -> None:
        assert isinstance(model.lstm, NaryTreeLSTM)
        self.model, self.lstm, self.rng = model, model.lstm, np.random.default_rng(4)
        groups = model.parameter_groups()
        self.dense = optim.Adagrad(groups["dense"], lr=LR, weight_decay=WEIGHT_DECAY)
        self.table = optim.SGD(groups["embedding"], lr=EMBEDDING_LR)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.counts: list[tuple[int, int, int]] = []  # nodes, levels and different words of each batch

    def step(self, examples: Sequence[TreeExample]) -> None:
        """Train on a batch; `seconds` gets one more number for each part."""
        self._taken: dict[str, float] = defaultdict(float)
        self._products: list[tuple[str, Array, Array, Array]] = []
        self._last = time.perf_counter()
        forest, levels, inputs, labels = self._lay_out(examples)
        rows, of_node = np.unique(inputs, return_inverse=True)
        missing = int(rows[0] < 0)
        rows = rows[missing:]
        of_node = np.where(of_node < missing, len(rows), of_node - missing)[forest.order]
        self._end("lay the batch out")
        vectors = self.model.embedding(rows)
        self._end("look words up")
        hidden, backprop = self._states(vectors, of_node, levels)
        grad_hidden = self._classify(hidden, labels[forest.order], len(examples))
        self.model.embedding.backward(rows, backprop(grad_hidden))
        self._end("gradients to the parameters")
        self.dense.step()
        self._end("Adagrad")
        self.table.step()
        self._end("SGD, table")
        self._replay()
        for part, seconds in self._taken.items():
            self.seconds[part].append(seconds)
        self.counts.append((len(forest.order), len(levels), len(rows)))

    def _lay_out(self, examples: Sequence[TreeExample]) -> tuple[Forest, list[_Level], Array, Array]:
        trees = [example.tree for example in examples]
        forest = Forest.of([tree.parents for tree in trees], [tree.heights for tree in trees], arity=2)
        bounds, at = forest.levels.tolist(), forest.offsets[forest.levels].tolist()
        levels = [
            _Level(
                slice(first, end),
                slice(first - 1, end - 1),
                slice(start, stop),
                forest.children[start:stop],
                forest.offsets[first : end + 1] - start,
            )
            for first, end, start, stop in zip(bounds, bounds[1:], at, at[1:], strict=False)
        ]
        inputs = np.concatenate([tree.ids for tree in trees])
        return forest, levels, inputs, np.concatenate([example.labels for example in examples])

    def _states(self, vectors: Array, of_node: Array, levels: list[_Level]) -> tuple[Array, Callable[[Array], Array]]:
        """Return the hidden states, and what takes their gradient to that of the vectors."""
        lstm, size, dtype, nodes = self.lstm, self.lstm.mem_dim, vectors.dtype, len(of_node)
        leaves, edges = levels[0].nodes.stop, levels[-1].edges.stop
        projected = np.zeros((len(vectors) + 1, 4 * size), dtype)
        weight = lstm.weight.data[: 3 * size]  # no inner node has a word
        self._product("words by W", vectors, weight.T, projected[:-1, : 3 * size])
        projected += lstm.bias.data
        hidden, cells = np.empty((nodes + 1, size), dtype), np.empty((nodes + 1, size), dtype)
        hidden[0] = cells[0] = 0
        iou, gates = np.empty((nodes, 3 * size), dtype), np.empty((edges, size), dtype)
        iou[:leaves] = 0
        below = np.empty((edges // 2, 2 * size), dtype)
        recurrent, forget = np.ascontiguousarray(lstm.recurrent.data.T), np.ascontiguousarray(lstm.forget.data.T)
        self._end("memory, biases, transposed weights")
        for level in levels:
            own_iou, own_gates = iou[level.nodes], gates[level.edges]
            if len(level.children):
                own_below = below[level.edges.start // 2 : level.edges.stop // 2]
                embedding(level.children, hidden[: level.rows.start], out=own_below.reshape(-1, size))
                self._end("gather the children")
                self._product("children by U", own_below, recurrent, own_iou)
                self._product("children by U", own_below, forget, own_gates.reshape(-1, 2 * size))
            _finevec.lstm_states(
                own_iou,
                own_gates,
                cells[level.rows],
                hidden[level.rows],
                projected=projected,
                words=of_node[level.nodes],
                cells=cells[: level.rows.start],
                children=level.children,
                offsets=level.offsets,
            )
            self._end("gates")

        def backprop(grad_output: Array) -> Array:
            grad_hidden, grad_cells = grad_output.copy(), np.zeros_like(cells)
            grad_own, grad_gates = np.empty((nodes, 4 * size), dtype), np.empty_like(gates)
            self._end("memory, biases, transposed weights")
            for level in reversed(levels):
                below_level, own, own_gates = level.rows.start, grad_own[level.nodes], grad_gates[level.edges]
                grad_children = np.empty_like(own_gates)
                _finevec.lstm_gradients(
                    own,
                    own_gates,
                    grad_children,
                    iou=iou[level.nodes],
                    forget=gates[level.edges],
                    cell=cells[level.rows],
                    grad_cell=grad_cells[level.rows],
                    grad_hidden=grad_hidden[level.rows],
                    cells=cells[:below_level],
                    children=level.children,
                    offsets=level.offsets,
                )
                self._end("gates, backward")
                if len(level.children):
                    scatter_add(grad_cells[:below_level], level.children, grad_children)
                    self._end("scatter-add to the children")
                    grad_iou = self._product("gates by U, backward", own[:, : 3 * size], lstm.recurrent.data)
                    grad_forget = self._product(
                        "gates by U, backward", own_gates.reshape(-1, 2 * size), lstm.forget.data
                    ).reshape(-1, size)
                    grad_forget += grad_iou.reshape(grad_forget.shape)
                    scatter_add(grad_hidden[:below_level], level.children, grad_forget)
                    self._end("scatter-add to the children")
            lstm.recurrent.add_grad(self._product("gradient of U", grad_own[leaves:, : 3 * size].T, below), copy=False)
            lstm.forget.add_grad(self._product("gradient of U", grad_gates.reshape(-1, 2 * size).T, below), copy=False)
            grad_projected = np.zeros_like(projected)
            scatter_add(grad_projected, of_node, grad_own)
            lstm.bias.add_grad(grad_projected.sum(axis=0))
            self._end("scatter-add to the words, gradient of b")
            grad_words = grad_projected[:-1, : 3 * size]
            grad_weight = np.zeros_like(lstm.weight.data)
            self._product("gradients of W and words", grad_words.T, vectors, grad_weight[: 3 * size])
            lstm.weight.add_grad(grad_weight, copy=False)
            return self._product("gradients of W and words", grad_words, weight)

        return hidden, backprop

    def _classify(self, hidden: Array, labels: Array, trees: int) -> Array:
        """Return the gradient of the hidden states."""
        labelled = np.flatnonzero(labels != NO_LABEL)
        rows = slice(1, None) if len(labelled) == len(labels) else labelled + 1
        kept, backprop_dropout = self.model.dropout.forward(hidden[rows], self.rng)
        logits, backprop_output = self.model.output.forward(kept)
        _, backprop_loss = softmax_cross_entropy(logits, labels[labelled])
        for optimizer in (self.dense, self.table):
            optimizer.zero_grad()
        grad_logits = backprop_loss() * logits.dtype.type(len(labelled) / trees)
        grad_hidden = np.zeros_like(hidden)
        grad_hidden[rows] = backprop_dropout(backprop_output(grad_logits))
        self._end("dropout, linear, loss, and back")
        return grad_hidden

    def _product(self, part: str, a: Array, b: Array, out: Array | None = None) -> Array:
        self._end("memory, biases, transposed weights")
        result = np.matmul(a, b, out=out)
        self._end(part)
        self._products.append((part, a, b, np.zeros_like(result)))
        self._last = time.perf_counter()
        return result

    def _replay(self) -> None:
        """Do the products of the step once more, one after the other."""
        start = self._last = time.perf_counter()
        for part, a, b, out in self._products:
            np.matmul(a, b, out=out)
            self._end(f"{SPLIT}{part}")
        self._taken[FLOOR] = self._last - start

    def _end(self, part: str) -> None:
        now = time.perf_counter()
        self._taken[part] += now - self._last
        self._last = now

    def rows(self, quiet: Sequence[bool]) -> list[list[object]]:
        """Return a row for each part: its name, median milliseconds of the steps chosen, share of the step."""
        medians = {part: 1e3 * float(np.median(np.array(values)[quiet])) for part, values in self.seconds.items()}
        floor = {part: value for part, value in medians.items() if part == FLOOR or part.startswith(SPLIT)}
        whole = sum(value for part, value in medians.items() if part not in floor)
        order = sorted(floor, key=lambda part: part != FLOOR)
        parts = {**{part: value for part, value in medians.items() if part not in floor}, "all": whole}
        parts |= {part: floor[part] for part in order}
        return [[part, value, f"{100 * value / whole:.0f} %"] for part, value in parts.items()]

    def sizes(self, chosen: Sequence[bool]) -> str:
        """Tell how large the batches were."""
        nodes, levels, words = np.mean(np.array(self.counts)[chosen], axis=0)
        return f"{nodes:.0f} nodes, {levels:.0f} levels and {words:.0f} different words a batch"
