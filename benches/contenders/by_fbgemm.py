"""FBGEMM's table-batched embedding bags, whose backward applies the optimizer. It has no Adam on CPUs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from cases import Batch, Data
from fbgemm_gpu.split_embedding_configs import EmbOptimType
from fbgemm_gpu.split_table_batched_embeddings_ops_common import BoundsCheckMode, EmbeddingLocation, PoolingMode
from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
    ComputeDevice,
    SplitTableBatchedEmbeddingBagsCodegen,
)
from operations import ADAGRAD_EPS, LR

from . import Contender
from .by_torch import view

set_threads = torch.set_num_threads


def contenders(data: Data) -> dict[str, list[Contender]]:
    """Bags, and forward + backward with one id per bag and with bags.

    Single rows are bags of one id, summed: PoolingMode.NONE gives the same rows and updates, but on CPUs takes at least
    three times as long (SGD and Adagrad, 32,768 ids x 100, one thread, either allocator).
    """
    case = data.case
    singles = torch.arange(case.count + 1)

    def table(optimizer: EmbOptimType, pooling: PoolingMode) -> torch.nn.Module:
        made = SplitTableBatchedEmbeddingBagsCodegen(
            [(case.rows, case.dim, EmbeddingLocation.HOST, ComputeDevice.CPU)],
            optimizer=optimizer,
            learning_rate=LR,
            eps=ADAGRAD_EPS,
            pooling_mode=pooling,
            device=torch.device("cpu"),
            bounds_check_mode=BoundsCheckMode.NONE,  # the fastest; finevec checks every id
        )
        made.weights_host.data = torch.from_numpy(data.weight).view(-1)
        state = {EmbOptimType.EXACT_ADAGRAD: data.states[0], EmbOptimType.EXACT_ROWWISE_ADAGRAD: data.row_state}
        if optimizer in state:
            made.momentum1_host.data = torch.from_numpy(state[optimizer]).view(-1)
        return made

    def forward(pooling: PoolingMode) -> Callable[[Batch], torch.Tensor]:
        bags = table(EmbOptimType.EXACT_SGD, pooling)

        def run(batch: Batch) -> torch.Tensor:
            with torch.no_grad():
                return bags(view(batch).ids, view(batch).offsets)

        return run

    def step(optimizer: EmbOptimType, *, one_id_per_bag: bool) -> Callable[[Batch], torch.Tensor]:
        bags = table(optimizer, PoolingMode.SUM if one_id_per_bag else PoolingMode.MEAN)

        def run(batch: Batch) -> torch.Tensor:
            given = view(batch)
            result = bags(given.ids, singles if one_id_per_bag else given.offsets)
            result.backward(given.grad if one_id_per_bag else given.bag_grad)
            return result.detach()

        return run

    runs = {
        "bag sum": forward(PoolingMode.SUM),
        "bag mean": forward(PoolingMode.MEAN),
        "lookup + SGD": step(EmbOptimType.EXACT_SGD, one_id_per_bag=True),
        "lookup + Adagrad": step(EmbOptimType.EXACT_ADAGRAD, one_id_per_bag=True),
        "lookup + row-wise Adagrad": step(EmbOptimType.EXACT_ROWWISE_ADAGRAD, one_id_per_bag=True),
        "bag mean + SGD": step(EmbOptimType.EXACT_SGD, one_id_per_bag=False),
        "bag mean + row-wise Adagrad": step(EmbOptimType.EXACT_ROWWISE_ADAGRAD, one_id_per_bag=False),
    }
    return {name: [Contender("FBGEMM", "FBGEMM", run)] for name, run in runs.items()}
