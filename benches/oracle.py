"""What an operation must give, computed in float64, and how far float32 may be from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from cases import Batch, Data
from contenders import Contender
from operations import ADADELTA_EPS, ADAGRAD_EPS, ADAM_EPS, BETAS, LR, RHO, Operation

EPS = float(np.finfo(np.float32).eps)


@dataclass
class Near:
    """Values, and the most that a result may differ from each."""

    value: np.ndarray
    bound: np.ndarray

    def check(self, result: np.ndarray, what: str) -> None:
        """Raise AssertionError where a result is further away."""
        excess = np.abs(result - self.value) - self.bound
        assert (excess <= 0).all(), f"{what}: off by {excess.max():.3g} more than rounding explains"


class Oracle:
    """What an operation returns for the first batch, and leaves in the rows of that batch."""

    def __init__(self, operation: Operation, data: Data) -> None:
        self._what = f"{operation.name}, {data.case}"
        self._batch = data.batches[0]
        states = [state.reshape(len(state), -1) for state in [*data.states, data.row_state]]
        self._arrays = dict(zip(["weight", "state", "second state", "row state"], [data.weight, *states], strict=True))
        self._before = {name: array[self._batch.rows] for name, array in self._arrays.items()}
        self._returned = _forward(operation, self._batch, data)
        self._left = {name: Near(rows, np.zeros((1, 1))) for name, rows in self._before.items()}
        if operation.rule:
            _update(operation, list(self._left.values()), *_summed(operation, self._batch))

    def check(self, contender: Contender) -> None:
        """Run the contender once and compare; then put everything back.

        Raises
        ------
        AssertionError
            A result differs by more than its rounding bound. The text names operation and contender.
        """
        what = f"{self._what}, {contender.name}"
        result = contender.run(self._batch)
        if self._returned:
            self._returned.check(np.asarray(result), what)
        for name, array in self._arrays.items():
            self._left[name].check(array[self._batch.rows], f"{what}, {name}")
            array[self._batch.rows] = self._before[name]


def _forward(operation: Operation, batch: Batch, data: Data) -> Near | None:
    if operation.forward is None:
        return None
    rows = data.weight[batch.ids]
    if operation.forward == "rows":
        return Near(rows, np.zeros((1, 1)))
    rows = rows.reshape(data.case.bags, data.case.length, data.case.dim)
    size = data.case.length if operation.forward == "mean" else 1
    # A sum rounds once for each of its terms, relative to the sizes of all; then the mean is rounded twice at most.
    value = rows.sum(axis=1, dtype=np.float64) / size
    return Near(value, (data.case.length + 2) * EPS * np.abs(rows).sum(axis=1, dtype=np.float64) / size)


def _summed(operation: Operation, batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum the gradients of each distinct row in float64, bound the rounding of any order in float32, count them."""
    grad = batch.grad
    if operation.bags:
        lengths = np.diff(batch.offsets)
        grad = np.repeat(batch.bag_grad.astype(np.float64), lengths, axis=0)
        if operation.forward == "mean":
            grad /= np.repeat(lengths, lengths)[:, None]
    order = np.argsort(batch.ids, kind="stable")
    starts = np.searchsorted(batch.ids[order], batch.rows)
    total = np.add.reduceat(grad[order], starts, axis=0, dtype=np.float64)
    sizes = np.add.reduceat(np.abs(grad[order]), starts, axis=0, dtype=np.float64)
    counts = np.diff([*starts, len(order)])[:, None]
    # One rounding for each addition, one for the division of a mean, one for the learning rate's product.
    return total, (counts + 2) * EPS * sizes, counts


def _update(operation: Operation, rows: list[Near], g: np.ndarray, error: np.ndarray, counts: np.ndarray) -> None:
    """Apply the rule to weight and state, with bounds of the first order, doubled for the higher ones.

    `error` bounds that of `g`; what follows rounds a dozen times at most, relative to its result. Only SGD may
    add gradients to the row one by one, and round it as often.
    """
    w, first, second, row_state = rows
    rounding = 12 * EPS
    if operation.rule == "SGD":
        move, change = LR * g, LR * error + counts * EPS * np.abs(w.value)
    elif operation.rule in ("Adagrad", "row-wise Adagrad"):
        by_row = operation.rule == "row-wise Adagrad"
        state = row_state if by_row else first
        square = (g * g).mean(axis=1, keepdims=True) if by_row else g * g
        square_error = 2 * (np.abs(g) * error).mean(axis=1, keepdims=True) if by_row else 2 * np.abs(g) * error
        dim_rounding = g.shape[1] * EPS if by_row else 0
        sums = state.value + square
        state.bound = 2 * square_error + (rounding + dim_rounding) * sums
        state.value = sums
        move = LR * g / (np.sqrt(sums) + ADAGRAD_EPS)
        change = LR * error / np.sqrt(sums) + np.abs(move) * (state.bound / (2 * sums))
    elif operation.rule == "Adam":
        m = BETAS[0] * first.value + (1 - BETAS[0]) * g
        v = BETAS[1] * second.value + (1 - BETAS[1]) * g * g
        m_sizes = BETAS[0] * np.abs(first.value) + (1 - BETAS[0]) * np.abs(g)
        first.bound = 2 * (1 - BETAS[0]) * error + rounding * m_sizes
        second.bound = 4 * (1 - BETAS[1]) * np.abs(g) * error + rounding * v
        first.value, second.value = m, v
        rate = LR * np.sqrt(1 - BETAS[1]) / (1 - BETAS[0])
        move = rate * m / (np.sqrt(v) + ADAM_EPS)
        change = rate * first.bound / np.sqrt(v) + np.abs(move) * second.bound / (2 * v)
    else:
        squares = RHO * first.value + (1 - RHO) * g * g
        slope = np.sqrt(second.value + ADADELTA_EPS) / np.sqrt(squares + ADADELTA_EPS)
        delta = slope * g
        deltas = RHO * second.value + (1 - RHO) * delta * delta
        first.bound = 4 * (1 - RHO) * np.abs(g) * error + rounding * squares
        delta_error = slope * error + np.abs(delta) * first.bound / (2 * squares)
        second.bound = 4 * (1 - RHO) * np.abs(delta) * delta_error + rounding * deltas
        first.value, second.value = squares, deltas
        move, change = delta, delta_error
    w.bound = 2 * change + rounding * np.abs(move) + 2 * EPS * np.abs(w.value)
    w.value = w.value - move
