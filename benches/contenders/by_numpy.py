"""NumPy, as people write it."""

from __future__ import annotations

import numpy as np
from cases import Batch, Data
from operations import LR

from . import Contender, lookups


def set_threads(threads: int) -> None:
    """NumPy does all of this on one thread."""


def contenders(data: Data) -> dict[str, list[Contender]]:
    """Lookups, bags, and SGD twice."""
    weight, case = data.weight, data.case

    def take(batch: Batch) -> np.ndarray:
        return np.take(weight, batch.ids, axis=0, out=data.out, mode="clip")

    def rows(batch: Batch) -> np.ndarray:
        found: np.ndarray = weight[batch.ids]
        return found.reshape(case.bags, case.length, case.dim)

    def add_at(batch: Batch) -> None:
        np.add.at(weight, batch.ids, np.float32(-LR) * batch.grad)

    def sort_reduceat(batch: Batch) -> None:
        order = np.argsort(batch.ids, kind="stable")
        ordered = batch.ids[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        weight[ordered[starts]] -= np.float32(LR) * np.add.reduceat(batch.grad[order], starts, axis=0)

    return {
        **lookups("NumPy", "NumPy table[ids]", lambda batch: weight[batch.ids]),
        "lookup, out=": [Contender("NumPy", "NumPy take, out=", take)],
        "bag sum": [Contender("NumPy", "NumPy table[ids].sum", lambda batch: rows(batch).sum(axis=1))],
        "bag mean": [Contender("NumPy", "NumPy table[ids].mean", lambda batch: rows(batch).mean(axis=1))],
        "SGD": [
            Contender("NumPy", "NumPy add.at", add_at),
            Contender("NumPy", "NumPy sort + reduceat", sort_reduceat),
        ],
    }
