"""Do finevec, PyTorch and the oracle agree on the Tree-LSTM? On a batch's loss and gradients, and on trained weights.

The oracle is that of the tests: one node at a time in float64. With `u` half the distance between 1 and the next number
of the type that is checked, a number may be off by ``8 sqrt(n) u`` times the largest size in its array: the sum over
nodes with every term made positive. `n` counts the roundings on the longest chain from the weights to a gradient, which
have no common sign (Higham and Mary, 2019, "A New Approach to Probabilistic Rounding Error Analysis", theorem 2.4 with
lambda 8). Going from a level to the next errors are taken not to grow, as with the model's first weights they do not.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from finevec import _finevec
from finevec.models import TreeLSTM
from finevec.models.tree_lstm import TreeExample
from tree_lstm_data import Training, Trees, new_model, weights_of

STEPS = 5

CHECKED_HEADER = ["dtype", "contender", "largest difference from the oracle, of its bound", "in"]
TRAINED_HEADER = ["weights", "contender", "largest difference, float64", "float32 off, of what moved"]


def torch_is_there() -> bool:
    """Tell whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def gradients(model: TreeLSTM) -> dict[str, np.ndarray]:
    """Return the gradients that wait in a model, the table's as a whole array, as `weights_of` names them."""
    table = np.zeros_like(model.vectors)
    _finevec.scatter_add(table, model.embedding.weight.grad, alpha=1.0)
    found = {name: getattr(model.lstm, name).grad for name in ("weight", "recurrent", "forget", "bias")}
    return {"vectors": table, **found, "output": model.output.weight.grad, "output_bias": model.output.bias.grad}


def check_step(trees: Trees) -> list[list[object]]:
    """Compare a batch's loss and gradients with the oracle's, without dropout, in float32 and float64.

    Raises
    ------
    AssertionError
        A number is further off than its bound.
    """
    examples = trees.batches()[0]
    rows: list[list[object]] = []
    for dtype in (np.float32, np.float64):
        model = new_model(trees, dropout=0.0, dtype=dtype)
        wanted = _oracle(model, examples)
        chain = _longest_chain(model, examples)
        for name, loss, grads in _contenders(model, examples):
            shares = {}
            for part, found in {"loss": np.asarray(loss), **grads}.items():
                value = np.asarray(wanted.loss) if part == "loss" else wanted.grads[part]
                size = 1 + abs(wanted.loss) if part == "loss" else wanted.sizes[part].max()
                bound = 8 * np.sqrt(chain) * np.finfo(dtype).eps / 2 * size
                off = float(np.abs(found - value).max())
                if not off <= bound:
                    raise AssertionError(f"{name}, {part} in {dtype.__name__}: off by {off:.3g}, at most {bound:.3g}")
                shares[part] = off / bound
            largest = max(shares, key=shares.__getitem__)
            rows.append([dtype.__name__, name, shares[largest], largest])
    return rows


def _oracle(model: TreeLSTM, examples: Sequence[TreeExample]) -> Any:
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    import reference_tree_lstm as reference

    trees = [reference.Tree(e.tree.parents.tolist(), e.tree.ids.tolist(), e.labels.tolist()) for e in examples]
    return reference.sentiment(weights_of(model), 2, trees)


def _longest_chain(model: TreeLSTM, examples: Sequence[TreeExample]) -> int:
    """Return the most roundings from the weights to a gradient: up the levels, down again, and over the nodes."""
    levels = 1 + max(int(example.tree.heights.max()) for example in examples)
    nodes, mem, dim = sum(len(example.labels) for example in examples), model.lstm.mem_dim, model.vectors.shape[1]
    return dim + levels * (2 * mem + 30) + mem + levels * (5 * mem + 30) + nodes


def _contenders(model: TreeLSTM, examples: Sequence[TreeExample]) -> Iterator[tuple[str, float, dict[str, np.ndarray]]]:
    loss = model.loss(examples)
    loss.backprop()
    yield "finevec", loss.value, gradients(model)
    if torch_is_there():
        from tree_lstm_torch import KINDS

        for name, kind in KINDS.items():
            for sparse in (True, False):
                theirs = kind(weights_of(model), sparse=sparse, dropout=0.0)
                value = theirs.backward(examples)
                yield f"torch {name}, {'sparse' if sparse else 'dense'} gradient", value, theirs.arrays(grad=True)


def check_training(trees: Trees) -> list[list[object]]:
    """Take steps with finevec and with torch, without dropout, in both precisions, and compare the weights.

    Adagrad divides by the root of the sum of squares: in the first steps a gradient at the size of its rounding decides
    for a whole step, either way. In float64 that takes weights some 1e-12 apart; in float32 the root mean square of
    what was moved is compared with what float64 gives.

    Raises
    ------
    AssertionError
        Weights are further apart than that.
    """
    from tree_lstm_torch import KINDS, TorchTraining

    starts = weights_of(new_model(trees, dropout=0.0, dtype=np.float64))
    ends: dict[tuple[str, type], dict[str, np.ndarray]] = {}
    for dtype in (np.float32, np.float64):
        model = new_model(trees, dropout=0.0, dtype=dtype)
        ours = Training(model)
        theirs = {
            f"torch {name}": TorchTraining(kind(weights_of(model), sparse=True, dropout=0.0))
            for name, kind in KINDS.items()
        }
        for examples in trees.batches()[:STEPS]:
            for training in (ours, *theirs.values()):
                training.step(examples)
        ends["finevec", dtype] = weights_of(model)
        for name, training in theirs.items():
            ends[name, dtype] = training.model.arrays()
    rows: list[list[object]] = []
    for part, start in starts.items():
        exact = ends["finevec", np.float64][part]
        moved = np.sqrt(np.square(exact - start).mean())
        for name in ("finevec", *theirs):
            apart = float(np.abs(ends[name, np.float64][part] - exact).max())
            off = float(np.sqrt(np.square(ends[name, np.float32][part] - exact).mean()) / moved)
            rows.append([part, name, apart, off])
            if not (apart <= 1e-10 and off <= 1e-3):
                raise AssertionError(f"{part}, {name}, {STEPS} steps: {apart}, {off}, wanted 1e-10 and 1e-3 at most")
    return rows
