"""Make torch.npz: what PyTorch and FBGEMM compute on small inputs. Run once, from the root of the repository::

    python tests/golden/make_torch.py tests/golden/torch.npz

Made with torch 2.13.0 and fbgemm-gpu-cpu 1.8.0. `case/name` is an array of a case; `cases` is a JSON text with
the numbers and words of all cases.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch

ROWS, DIM, STEPS = 9, 3, 3
DTYPES = {"float32": torch.float32, "float64": torch.float64}
OUT: dict[str, np.ndarray] = {}
CASES: dict[str, dict] = {}


def save(case: str, words: dict, **arrays) -> None:
    CASES[case] = words
    for name, array in arrays.items():
        OUT[f"{case}/{name}"] = array.detach().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)


def dense_rules() -> None:
    """All rows move. Arrays: start, grads (steps, rows, dim), after (steps, rows, dim)."""
    optim = torch.optim
    rules = [
        ("sgd", optim.SGD, {"lr": 0.1}),
        ("sgd", optim.SGD, {"lr": 0.1, "weight_decay": 0.02}),
        ("adagrad", optim.Adagrad, {"lr": 0.1}),
        ("adagrad", optim.Adagrad, {"lr": 0.1, "lr_decay": 0.3, "initial_accumulator_value": 0.2, "eps": 0.05}),
        ("adagrad", optim.Adagrad, {"lr": 0.1, "weight_decay": 0.02}),
        ("adam", optim.Adam, {"lr": 0.05}),
        ("adam", optim.Adam, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 0.1, "weight_decay": 0.02}),
        ("adadelta", optim.Adadelta, {"lr": 1.0}),
        ("adadelta", optim.Adadelta, {"lr": 0.5, "rho": 0.95, "eps": 1e-3, "weight_decay": 0.02}),
    ]
    for number, (rule, make, options) in enumerate(rules):
        for name, dtype in DTYPES.items():
            torch.manual_seed(number)
            weight = torch.nn.Parameter(torch.randn(ROWS, DIM, dtype=dtype))
            start, grads, after = weight.detach().clone(), [], []
            optimizer = make([weight], **options)
            for _ in range(STEPS):
                weight.grad = torch.randn(ROWS, DIM, dtype=dtype)
                grads.append(weight.grad.clone())
                optimizer.step()
                after.append(weight.detach().clone())
            words = {"rule": rule, "options": options}
            save(f"dense/{number}-{name}", words, start=start, grads=torch.stack(grads), after=torch.stack(after))


def sparse_rules() -> None:
    """Touched rows move, ids repeat. Arrays: start, ids (steps, n), grads (steps, n, dim), after (steps, rows, dim)."""
    optim = torch.optim
    rules = [
        ("sgd", optim.SGD, {"lr": 0.1}),
        ("adagrad", optim.Adagrad, {"lr": 0.1}),
        ("adagrad", optim.Adagrad, {"lr": 0.1, "lr_decay": 0.3, "initial_accumulator_value": 0.2, "eps": 0.05}),
        ("adam", optim.SparseAdam, {"lr": 0.05}),
        ("adam", optim.SparseAdam, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 0.1}),
    ]
    for number, (rule, make, options) in enumerate(rules):
        for name, dtype in DTYPES.items():
            torch.manual_seed(100 + number)
            table = torch.nn.Embedding(ROWS, DIM, sparse=True, padding_idx=2, dtype=dtype)
            start, ids, grads, after = table.weight.detach().clone(), [], [], []
            optimizer = make(table.parameters(), **options)
            for _ in range(STEPS):
                ids.append(torch.randint(0, ROWS, (7,)))
                grads.append(torch.randn(7, DIM, dtype=dtype))
                optimizer.zero_grad()
                table(ids[-1]).backward(grads[-1])
                optimizer.step()
                after.append(table.weight.detach().clone())
            words = {"rule": rule, "options": options, "padding_idx": 2}
            arrays = {"ids": torch.stack(ids), "grads": torch.stack(grads), "after": torch.stack(after)}
            save(f"sparse/{number}-{name}", words, start=start, **arrays)


def touched_rows() -> None:
    """Rules that torch has for dense parameters only: each row is a parameter, and one without gradient stays."""
    optim = torch.optim
    rules = [
        ("adadelta", optim.Adadelta, {"lr": 1.0}),
        ("adadelta", optim.Adadelta, {"lr": 0.5, "rho": 0.95, "eps": 1e-3, "weight_decay": 0.02}),
        ("adagrad", optim.Adagrad, {"lr": 0.1, "weight_decay": 0.02}),
        ("sgd", optim.SGD, {"lr": 0.1, "weight_decay": 0.02}),
    ]
    for number, (rule, make, options) in enumerate(rules):
        for name, dtype in DTYPES.items():
            torch.manual_seed(200 + number)
            rows = [torch.nn.Parameter(torch.randn(DIM, dtype=dtype)) for _ in range(ROWS)]
            start, ids, grads, after = torch.stack(rows).detach(), [], [], []
            optimizer = make(rows, **options)
            for _ in range(STEPS):
                ids.append(torch.randint(0, ROWS, (7,)))
                grads.append(torch.randn(7, DIM, dtype=dtype))
                optimizer.zero_grad(set_to_none=True)
                for row, grad in zip(ids[-1], grads[-1], strict=True):
                    rows[row].grad = grad.clone() if rows[row].grad is None else rows[row].grad + grad
                optimizer.step()
                after.append(torch.stack(rows).detach())
            arrays = {"ids": torch.stack(ids), "grads": torch.stack(grads), "after": torch.stack(after)}
            save(f"sparse/rows{number}-{name}", {"rule": rule, "options": options}, start=start, **arrays)


def bags() -> None:
    """Arrays: weight, ids, offsets, per_sample_weights, out, grad (of out), weight_grad."""
    ids = torch.tensor([4, 1, 1, 0, 8, 2, 2, 5, 1, 4, 0])
    # torch's EmbeddingBag divides by the count of another id on CPUs, so here all ids occur equally often.
    even_ids = torch.tensor([4, 1, 0, 0, 8, 2, 2, 1, 8, 4])
    for mode in ("sum", "mean", "max"):
        for padding in (None, 1):
            for form in ("last", "no last", "2-D"):
                one_bag(ids, mode, padding, form, weighted=False, by_freq=False)
            if mode == "sum":
                for form in ("last", "no last", "2-D"):
                    one_bag(ids, mode, padding, form, weighted=True, by_freq=False)
            if mode != "max":
                one_bag(even_ids, mode, padding, "last", weighted=False, by_freq=True)


def one_bag(ids, mode, padding, form, *, weighted, by_freq) -> None:
    number = sum(name.startswith("bag/") for name in CASES)
    torch.manual_seed(300 + number)
    words = {
        "mode": mode,
        "padding_idx": padding,
        "include_last_offset": form != "no last",
        "scale_grad_by_freq": by_freq,
    }
    bag = torch.nn.EmbeddingBag(ROWS, DIM, dtype=torch.float64, **words)
    arrays = {"weight": bag.weight, "ids": ids[:10].reshape(5, 2) if form == "2-D" else ids}
    if form != "2-D":
        end = [len(ids)] if form == "last" else []
        arrays["offsets"] = torch.tensor([0, 3, 3, 4, 6, 10, *end])
    if weighted:
        arrays["per_sample_weights"] = torch.randn(arrays["ids"].shape, dtype=torch.float64)
    out = bag(arrays["ids"], arrays.get("offsets"), arrays.get("per_sample_weights"))
    grad = torch.randn_like(out)
    out.backward(grad)
    save(f"bag/{number}", words, out=out, grad=grad, weight_grad=bag.weight.grad, **arrays)


def embeddings() -> None:
    """Arrays: weight, ids, grad (of the rows), weight_grad; for max_norm: weight, ids, projected (the table after)."""
    ids = torch.tensor([[4, 1, 1], [0, 8, 1]])
    for by_freq in (False, True):
        torch.manual_seed(400)
        table = torch.nn.Embedding(ROWS, DIM, padding_idx=-1, scale_grad_by_freq=by_freq, dtype=torch.float64)
        out = table(ids)
        grad = torch.randn_like(out)
        out.backward(grad)
        words = {"padding_idx": -1, "scale_grad_by_freq": by_freq}
        save(f"embedding/{by_freq}", words, weight=table.weight, ids=ids, grad=grad, weight_grad=table.weight.grad)
    torch.manual_seed(401)
    table = torch.nn.Embedding(ROWS, DIM, max_norm=1.5, dtype=torch.float64)
    before = table.weight.detach().clone()
    table(ids)
    save("max_norm/0", {"max_norm": 1.5}, weight=before, ids=ids, projected=table.weight)


def training() -> None:
    """Mean of rows, linear layer, cross entropy; 12 batches. Arrays: the start, the data, losses and norms, the end."""
    optim = torch.optim
    runs = [
        ("sgd", False, lambda e, d: [optim.SGD(e + d, lr=0.5)], {"lr": 0.5}, None),
        ("sgd", False, lambda e, d: [optim.SGD(e + d, lr=0.5)], {"lr": 0.5}, 0.3),
        ("adagrad", True, lambda e, d: [optim.Adagrad(e + d, lr=0.1)], {"lr": 0.1}, None),
        ("adam", True, lambda e, d: [optim.SparseAdam(e, lr=0.05), optim.Adam(d, lr=0.05)], {"lr": 0.05}, None),
    ]
    for number, (rule, sparse, make, options, clip) in enumerate(runs):
        torch.manual_seed(500 + number)
        bag = torch.nn.EmbeddingBag(20, DIM, sparse=sparse, include_last_offset=True, dtype=torch.float64)
        linear = torch.nn.Linear(DIM, 3, dtype=torch.float64)
        start = {"table": bag.weight, "matrix": linear.weight, "bias": linear.bias}
        start = {f"start_{name}": array.detach().clone() for name, array in start.items()}
        optimizers = make(list(bag.parameters()), list(linear.parameters()))
        lengths = torch.randint(0, 6, (12, 4))
        ids = torch.randint(0, 20, (int(lengths.sum()),))
        labels = torch.randint(0, 3, (12, 4))
        losses, norms, first = [], [], 0
        for batch in range(12):
            offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lengths[batch].cumsum(0)])
            loss = torch.nn.functional.cross_entropy(
                linear(bag(ids[first : first + int(offsets[-1])], offsets)), labels[batch]
            )
            first += int(offsets[-1])
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                parameters = [*bag.parameters(), *linear.parameters()]
                norms.append(torch.nn.utils.clip_grad_norm_(parameters, clip).item())
            for optimizer in optimizers:
                optimizer.step()
            losses.append(loss.item())
        end = {"end_table": bag.weight, "end_matrix": linear.weight, "end_bias": linear.bias}
        data = {"lengths": lengths, "ids": ids, "labels": labels, "losses": losses, "norms": norms}
        save(f"training/{number}", {"rule": rule, "options": options, "clip": clip}, **start, **data, **end)


def fbgemm() -> None:
    """Row-wise Adagrad. Arrays: start, ids (steps, n), offsets, grads (steps, bags, dim), after, state_sum."""
    from fbgemm_gpu.split_embedding_configs import EmbOptimType
    from fbgemm_gpu.split_table_batched_embeddings_ops_common import EmbeddingLocation, PoolingMode
    from fbgemm_gpu.split_table_batched_embeddings_ops_training import (
        ComputeDevice,
        SplitTableBatchedEmbeddingBagsCodegen,
    )

    for number, (mode, eps) in enumerate([("sum", 1e-8), ("mean", 1e-8), ("sum", 0.05)]):
        torch.manual_seed(600 + number)
        dim = 8  # FBGEMM takes multiples of 4
        table = SplitTableBatchedEmbeddingBagsCodegen(
            [(ROWS, dim, EmbeddingLocation.HOST, ComputeDevice.CPU)],
            optimizer=EmbOptimType.EXACT_ROWWISE_ADAGRAD,
            learning_rate=0.1,
            eps=eps,
            pooling_mode=PoolingMode.SUM if mode == "sum" else PoolingMode.MEAN,
        )
        weight = table.split_embedding_weights()[0]
        weight.data.copy_(torch.randn(ROWS, dim))
        start, ids, grads, after = weight.detach().clone(), [], [], []
        offsets = torch.tensor([0, 3, 3, 7])
        for _ in range(STEPS):
            ids.append(torch.randint(0, ROWS, (7,)))
            grads.append(torch.randn(3, dim))
            table(ids[-1], offsets).backward(grads[-1])
            after.append(table.split_embedding_weights()[0].detach().clone())
        state = table.split_optimizer_states()[0]
        arrays = {"ids": torch.stack(ids), "grads": torch.stack(grads), "after": torch.stack(after)}
        words = {"mode": mode, "options": {"lr": 0.1, "eps": eps}}
        save(f"fbgemm/{number}", words, start=start, offsets=offsets, state_sum=state[0], **arrays)


if __name__ == "__main__":
    for make in (dense_rules, sparse_rules, touched_rows, bags, embeddings, training, fbgemm):
        make()
    np.savez_compressed(sys.argv[1], cases=np.array(json.dumps(CASES)), **OUT)
