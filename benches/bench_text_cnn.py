"""The text CNN (Kim, 2014) of finevec beside PyTorch's: training steps and prediction, the same batches and weights.

``python benches/bench_text_cnn.py [--data FILE] [--threads 1 2] [--dims 300 100] [--rounds 21] [--save]``

Filters of 3, 4 and 5 words, 100 of each, dropout 0.5, a table that trains, batches of 50, Adam; the texts of a file
(label<TAB>text a line), or made-up ones. A step starts from lists of ids and ends with changed weights.

Before anything is timed, with dropout off, the loss and all gradients of every contender are compared with an oracle in
float64, within bounds on rounding (`text_cnn_oracle`); then finevec and PyTorch with sparse gradients take steps of
Adam, and end with the same weights. Dense gradients move all rows under Adam, so those weights are another matter.

Each number of threads has processes of its own, one with glibc's allocator as it comes and one with it tuned as users
of torch tune it; finevec, NumPy's BLAS and torch all have that number. Contenders take turns;
those in which other processes had the cores are left out (`text_cnn_turns`). Without torch installed finevec is
compared with the oracle and timed alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import finevec as fv
import harness
import numpy as np
from finevec import _finevec, optim
from finevec.layers.loss import softmax
from finevec.models import TextCNN
from finevec.models.text_classifier import Example
from finevec.text import TOKENIZERS, batch
from text_cnn_data import TOKENIZER, Texts, new_model, read_texts
from text_cnn_oracle import StepOracle
from text_cnn_parts import FLOOR, StepInParts
from text_cnn_turns import CALLS, LEAST_QUIET, take_turns, watched

PREDICT_SIZES = (256, 50)
CHECKED_STEPS = 5
HEADER = [
    "dim",
    "threads",
    "allocator",
    "work",
    "contender",
    "ms",
    "quartiles",
    "quiet turns",
    "finevec is so many times faster",
]
PARTS_HEADER = ["dim", "threads", "allocator", "part of finevec's step", "ms", "share"]


class Training:
    """finevec's model and optimizer."""

    def __init__(self, model: TextCNN) -> None:
        self.model = model
        groups = model.parameter_groups()
        self.optimizer = optim.Adam([*groups["dense"], *groups["embedding"]])
        self.rng = np.random.default_rng(4)

    def step(self, examples: Sequence[Example]) -> float:
        """Train on a batch as `finevec.train` does, and return its loss."""
        loss = self.model.loss(examples, self.rng)
        self.optimizer.zero_grad()
        loss.backprop()
        self.optimizer.step()
        return loss.value


def gradients(model: TextCNN) -> dict[str, np.ndarray]:
    """Return the gradients that wait in a model, the table's as a whole array."""
    table = np.zeros_like(model.vectors)
    _finevec.scatter_add(table, model.embedding.weight.grad, alpha=1.0)
    layers = {"convolution": model.convolution, "output": model.output}
    found = {
        f"{name}.{part}": getattr(layer, part).grad for name, layer in layers.items() for part in ("weight", "bias")
    }
    return {"embedding": table, **found}


def check_step(texts: Texts, dim: int) -> list[list[object]]:
    """Compare the loss and the gradients of all contenders with the oracle's, in float32 and float64."""
    rows: list[list[object]] = []
    examples = texts.batches()[0]
    for dtype in (np.float32, np.float64):
        model = new_model(texts, dim, dropout=0.0, dtype=dtype)
        oracle = StepOracle(model, examples)
        loss = model.loss(examples)
        loss.backprop()
        found = {"finevec": (loss.value, gradients(model))}
        if torch_is_there():
            from text_cnn_torch import TorchCNN

            for sparse in (True, False):
                theirs = TorchCNN(model, sparse=sparse)
                their_loss = theirs.loss(theirs.batch(examples))
                their_loss.backward()
                name = f"torch, {'sparse' if sparse else 'dense'} gradients"
                found[name] = (their_loss.item(), theirs.gradients())
            oracle.logits.check(theirs(*theirs.batch(examples)[:2]).detach().numpy(), "torch, logits")
        ids, offsets = batch([example.ids for example in examples])
        oracle.logits.check(model.forward(ids, offsets)[0], "finevec, logits")
        rows += [[np.dtype(dtype).name, name, oracle.check(name, *values)] for name, values in found.items()]
    return rows


def check_adam(texts: Texts, dim: int) -> list[list[object]]:
    """Take steps with finevec and torch's sparse version, in both precisions, and compare the weights.

    In float64 a step takes two weights apart by at most ``lr / eps`` times what their gradients are apart, some 1e-17
    here. In float32 a gradient at the size of its rounding decides for a whole step, either way, so there
    the root mean square of what was moved is compared with what float64 gives.
    """
    from text_cnn_torch import TorchTraining

    ends: dict[tuple[str, type], dict[str, np.ndarray]] = {}
    starts = {name: array.astype(np.float64) for name, array in new_model(texts, dim, dropout=0.0).arrays().items()}
    for dtype in (np.float32, np.float64):
        ours = Training(new_model(texts, dim, dropout=0.0, dtype=dtype))
        theirs = TorchTraining(ours.model, sparse=True)
        for examples in texts.batches()[:CHECKED_STEPS]:
            ours.step(examples)
            theirs.step(examples)
        ends["finevec", dtype], ends["torch", dtype] = ours.model.arrays(), theirs.model.weights()
    rows: list[list[object]] = []
    for name, start in starts.items():
        exact = ends["torch", np.float64][name]
        apart = float(np.abs(ends["finevec", np.float64][name] - exact).max())
        moved = np.sqrt(np.square(exact - start).mean())
        off = {
            library: float(np.sqrt(np.square(ends[library, np.float32][name] - exact).mean()) / moved)
            for library in ("finevec", "torch")
        }
        rows.append([name, apart, off["finevec"], off["torch"]])
        if apart > 1e-9 or off["finevec"] > 0.01:
            raise AssertionError(
                f"{name} after {CHECKED_STEPS} steps of Adam: {rows[-1][1:]}, wanted 1e-9 and 0.01 at most"
            )
    return rows


def training_contenders(texts: Texts, dim: int) -> dict[str, Callable[[], object]]:
    """Return what takes a training step, by name; each goes through the batches in the same order."""
    model = new_model(texts, dim, dropout=0.5)
    batches = texts.batches()
    steps: dict[str, Callable[[Any], object]] = {"finevec": Training(model).step}
    given: dict[str, Sequence[Any]] = {}
    if torch_is_there():
        from text_cnn_torch import TorchTraining

        for name, options in {
            "torch sparse, SparseAdam and Adam": {"sparse": True},
            "torch sparse, SparseAdam and fused Adam": {"sparse": True, "fused": True},
            "torch dense, Adam": {"sparse": False},
            "torch dense, fused Adam": {"sparse": False, "fused": True},
        }.items():
            steps[name] = TorchTraining(model, **options).step
        ahead = TorchTraining(model, sparse=True, fused=True)
        name = "torch sparse, SparseAdam and fused Adam, padded in advance"
        steps[name], given[name] = ahead.step_padded, [ahead.model.batch(examples) for examples in batches]
    return {name: on_cycle(step, given.get(name, batches)) for name, step in steps.items()}


def prediction_contenders(texts: Texts, dim: int, size: int) -> dict[str, dict[str, Callable[[], object]]]:
    """Return what predicts a batch, by kind of work and name."""
    model = new_model(texts, dim, dropout=0.5)
    ids = [[example.ids for example in examples] for examples in texts.batches(size)]
    strings = texts.text_batches(size)

    def from_ids(chunk: list[np.ndarray]) -> np.ndarray:
        return softmax(model.forward(*batch(chunk))[0])

    works = {
        f"predict {size}, from ids": {"finevec": on_cycle(from_ids, ids)},
        f"predict {size}, from text": {"finevec": on_cycle(model.predict_proba, strings)},
    }
    if torch_is_there():
        from text_cnn_torch import TorchCNN

        theirs = TorchCNN(model, sparse=True)

        def from_text(chunk: list[str]) -> object:
            return theirs.predict_proba([model.encode(TOKENIZERS[TOKENIZER](text)) for text in chunk])

        for chunk in (0, -1):
            if not np.allclose(from_ids(ids[chunk]), theirs.predict_proba(ids[chunk]), rtol=1e-5, atol=1e-6):
                raise AssertionError(f"predictions of {size} texts differ from torch's")
        for work, run in zip(
            works.values(), (on_cycle(theirs.predict_proba, ids), on_cycle(from_text, strings)), strict=True
        ):
            work["torch"] = run
    return works


def on_cycle(run: Callable[[Any], object], batches: Sequence[Any]) -> Callable[[], object]:
    """Return a function that runs on the next of the batches."""
    turn = cycle(batches)
    return lambda: run(next(turn))


def timed_rows(
    where: list[Any], work: str, contenders: dict[str, Callable[[], object]], rounds: int
) -> list[list[object]]:
    """Time contenders in turn and return a row for each."""
    found = dict(zip(contenders, take_turns(list(contenders.values()), rounds, where[1]), strict=True))
    ours = float(np.median(found["finevec"].seconds()))
    rows: list[list[object]] = []
    for name, turns in found.items():
        low, middle, high = (float(value) for value in np.quantile(turns.seconds(), (0.25, 0.5, 0.75)))
        times = None if name == "finevec" else middle / ours
        rows.append([*where, work, name, 1e3 * middle, f"{1e3 * low:.3g} to {1e3 * high:.3g}", str(turns), times])
    return rows


def parts_rows(where: list[Any], texts: Texts, dim: int, rounds: int) -> list[list[object]]:
    """Time the parts of finevec's step, which must give the bits that the step itself gives."""
    whole, parts = Training(new_model(texts, dim, dropout=0.5)), StepInParts(new_model(texts, dim, dropout=0.5))
    turn = cycle(texts.batches())
    rng = np.random.default_rng(4)
    quiet: list[bool] = []
    for number in range(rounds + 1):
        batches = [next(turn) for _ in range(CALLS)]
        _, undisturbed = watched(lambda batches=batches: [parts.step(given, rng) for given in batches], where[1])
        quiet += [undisturbed and number > 0] * CALLS
        for examples in batches:
            whole.step(examples)
    for name, array in whole.model.arrays().items():
        if not np.array_equal(array, parts.model.arrays()[name]):
            raise AssertionError(f"{name}: the step in parts is not the step")
    chosen = quiet if sum(quiet) >= LEAST_QUIET * CALLS else [number >= CALLS for number in range(len(quiet))]
    words, share = np.mean(parts.words), 100 * np.mean(parts.shares)
    what = f"{words:.0f} different words a batch; {share:.0f} % of the texts' filters have a gradient"
    steps = f"{sum(quiet)} of {len(quiet) - CALLS} steps were quiet"
    return [*([*where, *row] for row in parts.rows(chosen)), [*where, f"{what}; {steps}", None, None]]


def measure(args: argparse.Namespace) -> dict[str, list[list[object]]]:
    """Check, time, and return the rows of the tables."""
    threads = args.threads[0]
    fv.set_num_threads(threads)
    if torch_is_there():
        import torch

        torch.set_num_threads(threads)
    texts = read_texts(args.data, 600 if args.check else 10**9 if args.data else 10_662)
    found: dict[str, list[list[object]]] = {"times": [], "parts": []}
    for dim in args.dims:
        where: list[object] = [dim, threads, args.allocator]
        title = f"{texts.name}, {len(texts.words):,} x {dim} float32, {threads} threads, allocator {args.allocator}"
        largest = "largest difference of a gradient from the oracle, of its array's largest number"
        harness.show(title, ["dtype", "contender", largest], check_step(texts, dim))
        if torch_is_there():
            header = [
                "weights",
                "largest difference, float64",
                "finevec float32 off, of what moved",
                "torch float32 off",
            ]
            harness.show(f"{CHECKED_STEPS} steps of Adam, finevec and torch sparse", header, check_adam(texts, dim))
        rounds = 1 if args.check else args.rounds
        rows = timed_rows(where, "training step", training_contenders(texts, dim), rounds)
        for size in PREDICT_SIZES:
            for work, contenders in prediction_contenders(texts, dim, size).items():
                rows += timed_rows(where, work, contenders, rounds)
        harness.show(title, HEADER[3:], [row[3:] for row in rows])
        parts = parts_rows(where, texts, dim, rounds)
        harness.show(f"parts of finevec's step, {title}; last: {FLOOR}", PARTS_HEADER[3:], [row[3:] for row in parts])
        found["times"] += rows
        found["parts"] += parts
    return found


def torch_is_there() -> bool:
    """Tell whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def arguments() -> argparse.Namespace:
    options = harness.parser(__doc__)
    options.add_argument("--data", type=Path, help="label<TAB>text a line, plain or gzip (default: made-up texts)")
    options.add_argument("--dims", type=int, nargs="+", default=[300, 100])
    options.add_argument("--threads", type=int, nargs="+", default=sorted({1, harness.cores()}, reverse=True))
    options.add_argument("--blas-threads", type=int, help="of finevec's NumPy, where not as many as the others")
    options.add_argument("--allocators", nargs="+", choices=["default", "tuned"], default=["default", "tuned"])
    options.add_argument("--allocator", help=argparse.SUPPRESS)  # of a process that measures
    options.add_argument("--results", type=Path, help=argparse.SUPPRESS)  # where it leaves them
    return options.parse_args()


def in_processes(args: argparse.Namespace) -> dict[str, list[list[object]]]:
    """Run this script in a process for each number of threads, which BLAS reads at its start, and allocator."""
    found: dict[str, list[list[object]]] = {"times": [], "parts": []}
    for threads in args.threads:
        for allocator in args.allocators[:1] if args.check else args.allocators:
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            environment["OPENBLAS_NUM_THREADS"] = str(args.blas_threads or threads)
            if allocator == "tuned":
                environment["GLIBC_TUNABLES"] = harness.TUNED
            with tempfile.TemporaryDirectory() as folder:
                results = Path(folder) / "results.json"
                more = ["--threads", str(threads), "--allocator", allocator, "--results", str(results)]
                subprocess.run([sys.executable, __file__, *sys.argv[1:], *more], env=environment, check=True)
                for name, rows in json.loads(results.read_text()).items():
                    found[name] += rows
    return found


def main() -> None:
    args = arguments()
    if args.results:
        args.results.write_text(json.dumps(measure(args)))
        return
    print("\n".join(f"{name}: {value}" for name, value in harness.facts().items()))
    found = in_processes(args)
    if args.save:
        harness.save("text_cnn.csv", HEADER, found["times"])
        harness.save("text_cnn_parts.csv", PARTS_HEADER, found["parts"])


if __name__ == "__main__":
    main()
