"""finevec, as its users call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import finevec
import finevec.functional as F
import numpy as np
from cases import Batch, Data
from operations import ADADELTA_EPS, ADAGRAD_EPS, ADAM_EPS, BETAS, LR, OPERATIONS, RHO, Forward, Pooling

from . import Contender, hold

set_threads = finevec.set_num_threads


def contenders(data: Data) -> dict[str, list[Contender]]:
    """One contender for every operation."""
    weight, (first, second), row_state = data.weight, data.states, data.row_state

    def sgd(ids: np.ndarray, grad: np.ndarray, **bags: Any) -> None:
        F.sgd_update(weight, ids, grad, lr=LR, **bags)

    def adagrad(ids: np.ndarray, grad: np.ndarray, **bags: Any) -> None:
        F.adagrad_update(weight, first, ids, grad, lr=LR, eps=ADAGRAD_EPS, **bags)

    def rowwise_adagrad(ids: np.ndarray, grad: np.ndarray, **bags: Any) -> None:
        F.rowwise_adagrad_update(weight, row_state, ids, grad, lr=LR, eps=ADAGRAD_EPS, **bags)

    def adam(ids: np.ndarray, grad: np.ndarray, **bags: Any) -> None:
        F.adam_update(weight, first, second, ids, grad, lr=LR, betas=BETAS, eps=ADAM_EPS, step=1, **bags)

    def adadelta(ids: np.ndarray, grad: np.ndarray, **bags: Any) -> None:
        F.adadelta_update(weight, first, second, ids, grad, rho=RHO, eps=ADADELTA_EPS, **bags)

    updates = {
        "SGD": sgd,
        "Adagrad": adagrad,
        "row-wise Adagrad": rowwise_adagrad,
        "Adam": adam,
        "Adadelta": adadelta,
    }

    def lookup(batch: Batch) -> np.ndarray:
        return F.embedding(batch.ids, weight)

    def bag(mode: Pooling) -> Callable[[Batch], np.ndarray]:
        return lambda batch: F.embedding_bag(batch.ids, weight, batch.offsets, mode=mode)

    def step(forward: Forward | None, update: Callable[..., None]) -> Callable[[Batch], np.ndarray | None]:
        def run(batch: Batch) -> np.ndarray | None:
            if forward is None:
                result = None
                update(batch.ids, batch.grad)
            elif forward == "rows":
                result = lookup(batch)
                update(batch.ids, batch.grad)
            else:
                result = F.embedding_bag(batch.ids, weight, batch.offsets, mode=forward)
                update(batch.ids, batch.bag_grad, offsets=batch.offsets, mode=forward)
            return result

        return run

    runs: dict[str, Callable[[Batch], Any]] = {
        "lookup, new array": lookup,
        "lookup, new array, the last one held": hold(lookup),
        "lookup, out=": lambda batch: F.embedding(batch.ids, weight, out=data.out),
        "bag sum": bag("sum"),
        "bag mean": bag("mean"),
    }
    for operation in OPERATIONS.values():
        if operation.rule:
            runs[operation.name] = step(operation.forward, updates[operation.rule])
    return {name: [Contender("finevec", "finevec", run)] for name, run in runs.items()}
