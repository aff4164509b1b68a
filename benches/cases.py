"""The arrays that contenders share: a table, its state, and batches of ids and gradients, drawn anew for every call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A shape of table and batch. `warm`: all of it fits the cache, so it is measured there; else from memory."""

    rows: int
    dim: int
    bags: int
    length: int
    warm: bool = False

    @property
    def count(self) -> int:
        """Ids of a batch."""
        return self.bags * self.length

    def __str__(self) -> str:
        """Say it as the tables do."""
        return f"{self.rows:,} x {self.dim}, {self.bags:,} bags x {self.length}"


LARGE = Case(400_000, 100, 4_096, 32)
CASES = [LARGE, Case(3_000_000, 300, 1_024, 32), Case(20_000, 300, 50, 20, warm=True)]
SMALL = [Case(2_000, 100, 64, 32), Case(1_000, 300, 5, 20, warm=True)]  # to check, not to time
DISTRIBUTIONS = ["zipf", "uniform"]
BY_RANK = "zipf by rank"  # zipf with the most frequent rows first, as in files of pretrained vectors
EVERY_DISTRIBUTION = [*DISTRIBUTIONS, BY_RANK]


@dataclass
class Batch:
    """Ids, their bags, and the gradients of what was looked up."""

    ids: np.ndarray
    offsets: np.ndarray
    grad: np.ndarray
    bag_grad: np.ndarray
    rows: np.ndarray  # the ids, each once, ascending
    views: dict[str, Any] = field(default_factory=dict)  # the same memory as other libraries' types


class Data:
    """The arrays of one case and distribution."""

    def __init__(self, case: Case, distribution: str) -> None:
        rng = np.random.default_rng(0)
        self.case = case
        self.weight = np.empty((case.rows, case.dim), np.float32)
        for start in range(0, case.rows, 100_000):
            rng.standard_normal(out=self.weight[start : start + 100_000], dtype=np.float32)
        self.states = [np.ones_like(self.weight) for _ in range(2)]
        self.row_state = np.ones(case.rows, np.float32)
        self.out = np.ones((case.count, case.dim), np.float32)
        # As many batches as stay in the cache with their rows and state, or as never do.
        order = rng.permutation(case.rows)
        if distribution == BY_RANK:
            order.sort()
        self.batches = [self._draw(rng, order, distribution) for _ in range(4 if case.warm else 8)]

    def _draw(self, rng: np.random.Generator, order: np.ndarray, distribution: str) -> Batch:
        case = self.case
        if distribution == "uniform":
            ids = rng.integers(case.rows, size=case.count)
        else:
            ids = zipf_ids(rng, order, case.count)
        grad = rng.standard_normal((case.count, case.dim), dtype=np.float32)
        bag_grad = rng.standard_normal((case.bags, case.dim), dtype=np.float32)
        return Batch(ids, np.arange(0, case.count + 1, case.length), grad, bag_grad, np.unique(ids))

    @property
    def distinct(self) -> float:
        """Rows that a batch touches, on average."""
        return float(np.mean([len(batch.rows) for batch in self.batches]))

    def reset(self) -> None:
        """Give the state values that every rule can start from."""
        for state in [*self.states, self.row_state]:
            state.fill(1)


def zipf_ids(rng: np.random.Generator, order: np.ndarray, count: int) -> np.ndarray:
    """Ids whose frequency falls as 1 / rank; `order` gives the row of each rank.

    Files of pretrained vectors are mostly sorted by frequency, so that frequent rows are neighbours. A random order
    spreads them over the table, as in a vocabulary that was numbered some other way: this is the harder case.
    """
    chances = 1.0 / np.arange(1, len(order) + 1)
    return order[rng.choice(len(order), size=count, p=chances / chances.sum())]
