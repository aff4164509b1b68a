"""The oracle: what finevec must compute, slowly and obviously, in float64. It shares no code with the package.

Bags are lists of positions; a gradient is a dict from row to float64 vector; rules take one row at a time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

EPS = {np.dtype(np.float32): 2.0**-23, np.dtype(np.float64): 2.0**-52}


@dataclass
class Entry:
    """The arguments of one backward call."""

    ids: Any
    grad: Any
    offsets: Any = None
    mode: str | None = None
    per_sample_weights: Any = None
    include_last_offset: bool = True
    scale_grad_by_freq: bool = False


@dataclass
class Gradient:
    """Sum of a parameter's gradients by touched row, the sum of their sizes, and the number of terms."""

    total: dict[int, np.ndarray] = field(default_factory=dict)
    size: dict[int, np.ndarray] = field(default_factory=dict)
    terms: Counter[int] = field(default_factory=Counter)

    def add(self, row: int, vector: np.ndarray) -> None:
        zero = np.zeros(len(vector))
        self.total[row] = self.total.get(row, zero) + vector
        self.size[row] = self.size.get(row, zero) + np.abs(vector)
        self.terms[row] += 1


def positions_of_bags(ids, offsets=None, include_last_offset=True):
    """For each bag, the positions of its ids in the flattened ids."""
    ids = np.asarray(ids)
    if offsets is None:
        bags, length = ids.shape
        return [list(range(b * length, (b + 1) * length)) for b in range(bags)]
    bounds = [int(offset) for offset in offsets]
    if not include_last_offset:
        bounds = [*bounds, len(ids)]
    return [list(range(start, end)) for start, end in pairwise(bounds)]


def lookup(ids, weight):
    rows = [np.asarray(weight[int(i)], dtype=np.float64) for i in np.asarray(ids).ravel()]
    return np.array(rows).reshape((*np.asarray(ids).shape, weight.shape[1]))


def bag(ids, weight, offsets=None, *, mode, per_sample_weights=None, padding_idx=None, include_last_offset=True):
    flat = [int(i) for i in np.asarray(ids).ravel()]
    factors = np.ones(len(flat)) if per_sample_weights is None else np.asarray(per_sample_weights, float).ravel()
    padding = None if padding_idx is None else padding_idx % len(weight)
    out = []
    for positions in positions_of_bags(ids, offsets, include_last_offset):
        kept = [p for p in positions if flat[p] != padding]
        rows = [factors[p] * weight[flat[p]].astype(np.float64) for p in kept]
        if not rows:
            out.append(np.zeros(weight.shape[1]))
        elif mode == "max":
            out.append(np.max(rows, axis=0))
        else:
            out.append(np.sum(rows, axis=0) / (len(rows) if mode == "mean" else 1))
    return np.array(out).reshape(-1, weight.shape[1])


def coalesce(ids, grad):
    flat = [int(i) for i in np.asarray(ids).ravel()]
    vectors = np.asarray(grad, dtype=np.float64).reshape(len(flat), -1) if flat else np.zeros((0, grad.shape[-1]))
    unique = sorted(set(flat))
    summed = np.zeros((len(unique), grad.shape[-1]))
    np.add.at(summed, [unique.index(i) for i in flat], vectors)
    return np.array(unique, dtype=np.int64), summed


def gradient(weight, entries, padding_idx=None):
    """Sum of all entries by row, in the order of the entries and of the ids in them."""
    padding = None if padding_idx is None else padding_idx % len(weight)
    result = Gradient()
    for entry in entries:
        flat = [int(i) for i in np.asarray(entry.ids).ravel()]
        count = Counter(flat)
        grad = np.asarray(entry.grad, dtype=np.float64).reshape(-1, weight.shape[1])

        def add(position, vector, flat=flat, count=count, entry=entry):
            row = flat[position]
            if row != padding:
                result.add(row, vector / count[row] if entry.scale_grad_by_freq else vector)

        if entry.mode is None:
            for position in range(len(flat)):
                add(position, grad[position])
            continue
        for b, positions in enumerate(positions_of_bags(entry.ids, entry.offsets, entry.include_last_offset)):
            kept = [p for p in positions if flat[p] != padding]
            if entry.mode == "max":
                first = [_first_largest([weight[flat[p], d] for p in kept]) for d in range(weight.shape[1])]
                for k, position in enumerate(kept):
                    add(position, np.array([grad[b, d] if first[d] == k else 0.0 for d in range(weight.shape[1])]))
                continue
            for position in kept:
                factor = 1.0
                if entry.per_sample_weights is not None:
                    factor = float(np.asarray(entry.per_sample_weights).ravel()[position])
                if entry.mode == "mean":
                    factor = 1.0 / len(kept)
                add(position, factor * grad[b])
    return result


def _first_largest(values):
    best = 0
    for k, value in enumerate(values):
        if value > values[best]:
            best = k
    return best


def sgd(w, state, g, *, lr):
    return w - lr * g, {}


def adagrad(w, state, g, *, lr, eps=1e-10):
    s = state["state_sum"] + g**2
    return w - lr * g / (np.sqrt(s) + eps), {"state_sum": s}


def rowwise_adagrad(w, state, g, *, lr, eps=1e-10):
    s = state["state_sum"] + np.mean(g**2)
    return w - lr * g / (np.sqrt(s) + eps), {"state_sum": s}


def adam(w, state, g, *, lr, step, betas=(0.9, 0.999), eps=1e-8):
    """Row-sparse: eps before bias correction."""
    m, v = _moments(state, g, betas)
    scale = lr * np.sqrt(1 - betas[1] ** step) / (1 - betas[0] ** step)
    return w - scale * m / (np.sqrt(v) + eps), {"exp_avg": m, "exp_avg_sq": v}


def dense_adam(w, state, g, *, lr, step, betas=(0.9, 0.999), eps=1e-8):
    """Dense: eps after bias correction."""
    m, v = _moments(state, g, betas)
    corrected = np.sqrt(v) / np.sqrt(1 - betas[1] ** step)
    return w - lr / (1 - betas[0] ** step) * m / (corrected + eps), {"exp_avg": m, "exp_avg_sq": v}


def _moments(state, g, betas):
    m = state["exp_avg"] + (1 - betas[0]) * (g - state["exp_avg"])
    v = state["exp_avg_sq"] + (1 - betas[1]) * (g**2 - state["exp_avg_sq"])
    return m, v


def adadelta(w, state, g, *, lr=1.0, rho=0.9, eps=1e-6):
    v = rho * state["square_avg"] + (1 - rho) * g**2
    delta = np.sqrt(state["acc_delta"] + eps) / np.sqrt(v + eps) * g
    u = rho * state["acc_delta"] + (1 - rho) * delta**2
    return w - lr * delta, {"square_avg": v, "acc_delta": u}


RULES = {
    "sgd": (sgd, ()),
    "adagrad": (adagrad, ("state_sum",)),
    "rowwise_adagrad": (rowwise_adagrad, ("state_sum",)),
    "adam": (adam, ("exp_avg", "exp_avg_sq")),
    "adadelta": (adadelta, ("square_avg", "acc_delta")),
}


def update(
    rule,
    weight,
    state,
    rows,
    *,
    lr,
    weight_decay=0.0,
    padding_idx=None,
    row_lr=None,
    grad_scale=1.0,
    max_norm=None,
    dense=False,
    **options,
):
    """New weight and state in float64, for the summed gradient `rows` (row -> vector)."""
    apply, names = RULES[rule]
    if rule == "adam" and dense:
        apply = dense_adam
    padding = None if padding_idx is None else padding_idx % len(weight)
    weight = np.array(weight, dtype=np.float64)
    state = {name: np.array(state[name], dtype=np.float64) for name in names}
    for row, total in rows.items():
        multiplier = 1.0 if row_lr is None else float(row_lr[row])
        if row == padding or multiplier == 0.0:
            continue
        g = grad_scale * np.asarray(total, dtype=np.float64) + weight_decay * weight[row]
        before = {name: state[name][row] for name in names}
        weight[row], after = apply(weight[row], before, g, lr=lr * multiplier, **options)
        for name in names:
            state[name][row] = after[name]
        if max_norm is not None:
            norm = np.sqrt(np.sum(weight[row] ** 2))
            if norm > max_norm:
                weight[row] *= max_norm / (norm + 1e-7)
    return weight, state


def new_state(rule, weight, value=0.0):
    """State before the first update, in weight's dtype."""
    shape = weight.shape[:1] if rule == "rowwise_adagrad" else weight.shape
    return {name: np.full(shape, value, dtype=weight.dtype) for name in RULES[rule][1]}


def sq_norm(rows, *, padding_idx=None, row_lr=None):
    return sum(
        float(np.sum(np.asarray(total, dtype=np.float64) ** 2))
        for row, total in rows.items()
        if row != padding_idx and (row_lr is None or row_lr[row] != 0)
    )
