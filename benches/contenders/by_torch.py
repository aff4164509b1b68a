"""PyTorch: functions on the shared arrays, and layers with sparse gradients and their optimizers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import torch
import torch.nn.functional as functional
from cases import Batch, Data
from operations import ADAGRAD_EPS, ADAM_EPS, BETAS, LR

from . import Contender, hold

set_threads = torch.set_num_threads
torch.sparse.check_sparse_tensor_invariants.disable()  # as it comes, but without the warning


def view(batch: Batch) -> SimpleNamespace:
    """Return the batch's arrays as tensors."""
    if "torch" not in batch.views:
        arrays = {name: getattr(batch, name) for name in ("ids", "offsets", "grad", "bag_grad")}
        batch.views["torch"] = SimpleNamespace(**{name: torch.from_numpy(value) for name, value in arrays.items()})
    return batch.views["torch"]


def contenders(data: Data) -> dict[str, list[Contender]]:
    """All but row-wise Adagrad, which torch does not have, and Adadelta, whose torch form takes no sparse gradient."""
    weight, out = torch.from_numpy(data.weight), torch.from_numpy(data.out)
    param = torch.nn.Parameter(weight)
    states = [torch.from_numpy(state) for state in data.states]
    sgd = torch.optim.SGD([param], lr=LR)
    adagrad = torch.optim.Adagrad([param], lr=LR, eps=ADAGRAD_EPS)
    adagrad.state[param]["sum"] = states[0]
    adam = torch.optim.SparseAdam([param], lr=LR, betas=BETAS, eps=ADAM_EPS)
    adam.state[param].update(step=0, exp_avg=states[0], exp_avg_sq=states[1])

    def embedding(batch: Batch) -> torch.Tensor:
        return functional.embedding(view(batch).ids, weight)

    def select(batch: Batch) -> torch.Tensor:
        return weight.index_select(0, view(batch).ids)

    def bag(mode: str) -> Callable[[Batch], torch.Tensor]:
        def run(batch: Batch) -> torch.Tensor:
            given = view(batch)
            return functional.embedding_bag(given.ids, weight, given.offsets, mode=mode, include_last_offset=True)

        return run

    def sparse_step(optimizer: torch.optim.Optimizer) -> Callable[[Batch], None]:
        def run(batch: Batch) -> None:
            given = view(batch)
            param.grad = torch.sparse_coo_tensor(given.ids[None], given.grad, weight.shape, check_invariants=False)
            optimizer.step()
            param.grad = None

        return run

    def layer_step(optimizer: torch.optim.Optimizer, *, bags: bool) -> Callable[[Batch], torch.Tensor]:
        if bags:
            layer: torch.nn.Module = torch.nn.EmbeddingBag(
                *weight.shape, mode="mean", sparse=True, include_last_offset=True, _weight=weight
            )
        else:
            layer = torch.nn.Embedding(*weight.shape, sparse=True, _weight=weight)
        layer.weight = param

        def run(batch: Batch) -> torch.Tensor:
            given = view(batch)
            result = layer(given.ids, given.offsets) if bags else layer(given.ids)
            result.backward(given.bag_grad if bags else given.grad)
            optimizer.step()
            optimizer.zero_grad()
            return result.detach()

        return run

    def index_add(batch: Batch) -> None:
        weight.index_add_(0, view(batch).ids, view(batch).grad, alpha=-LR)

    runs = {
        "lookup, new array": [("torch embedding", embedding), ("torch index_select", select)],
        "lookup, new array, the last one held": [
            ("torch embedding", hold(embedding)),
            ("torch index_select", hold(select)),
        ],
        "lookup, out=": [
            ("torch index_select, out=", lambda batch: torch.index_select(weight, 0, view(batch).ids, out=out))
        ],
        "bag sum": [("torch embedding_bag", bag("sum"))],
        "bag mean": [("torch embedding_bag", bag("mean"))],
        "SGD": [("torch SGD, sparse gradient", sparse_step(sgd)), ("torch index_add_", index_add)],
        "Adagrad": [("torch Adagrad, sparse gradient", sparse_step(adagrad))],
        "Adam": [("torch SparseAdam", sparse_step(adam))],
        "lookup + SGD": [("torch Embedding, SGD", layer_step(sgd, bags=False))],
        "lookup + Adagrad": [("torch Embedding, Adagrad", layer_step(adagrad, bags=False))],
        "bag mean + SGD": [("torch EmbeddingBag, SGD", layer_step(sgd, bags=True))],
    }
    return {name: [Contender("torch", *pair) for pair in pairs] for name, pairs in runs.items()}
