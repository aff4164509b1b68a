"""The N-ary Tree-LSTM (Tai, Socher and Manning, 2015) of finevec beside PyTorch's: an epoch of sentiment training.

``python benches/bench_tree_lstm.py [--data DIR] [--vectors FILE] [--threads 1 2] [--rounds 11] [--save]``

Constituency trees, 150 units, a table of word vectors that SGD (0.1) trains, Adagrad (0.05, weight decay 1e-4) for the
rest, dropout 0.5 before the classes, loss at every labelled node, batches of 25: the training trees of the Stanford
Sentiment Treebank (``sst.train.ptb.txt.gz`` in DIR), or made-up ones. A step starts from trees as arrays of parents,
heights, words and labels, and ends with changed weights: laying a batch out counts, on all sides.

Before anything is timed, losses, gradients and trained weights are compared, see `tree_lstm_check`.

Each number of threads has processes of its own, one with glibc's allocator as it comes and one with it tuned as users
of torch tune it. finevec, NumPy's BLAS and torch all have that number; where it is above 1 there is one more process in
which BLAS has 1, as `finevec.fit` gives it. Contenders take turns of the same batches; turns in which other processes
had the cores are left out (`text_cnn_turns`). An epoch is the median of a step times the number of batches; finevec and
the quickest version in torch also go through whole epochs. Without torch finevec is timed alone.

Peak memory is that of an epoch in a process of its own, from what it had before the first step.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path

import finevec as fv
import harness
import numpy as np
from finevec.models.tree_lstm import TreeExample
from text_cnn_turns import CALLS, LEAST_QUIET, take_turns, watched
from tree_lstm_check import CHECKED_HEADER, TRAINED_HEADER, check_step, check_training, torch_is_there
from tree_lstm_data import BATCH, TREES, Training, Trees, new_model, read, weights_of
from tree_lstm_parts import StepInParts

Step = Callable[[Sequence[TreeExample]], float]
Tables = dict[str, list[list[object]]]

QUICKEST = "torch level by level, sparse"
CONTENDERS = {  # in torch: version, and whether the table's gradient is sparse
    QUICKEST: ("level by level", True),
    "torch level by level, dense": ("level by level", False),
    "torch level by level, growing table, sparse": ("level by level, growing table", True),
    "torch level by level, growing table, dense": ("level by level, growing table", False),
    "torch node by node, sparse": ("node by node", True),
    "torch node by node, dense": ("node by node", False),
    "torch gate by gate, sparse": ("gate by gate", True),
}
WHOLE_EPOCHS = 3  # of each, in turn
MEMORY_BATCHES = (BATCH, 10 * BATCH)

WHERE = ["threads", "BLAS threads of finevec", "allocator"]
HEADERS = {
    "times": [
        *WHERE,
        "work",
        "contender",
        "ms a batch",
        "quartiles",
        "quiet turns",
        "s an epoch",
        "finevec is so many times faster",
    ],
    "parts": [*WHERE, "part of finevec's step", "ms", "share"],
    "memory": ["contender", "batch", "MiB before the first step", "MiB more at the peak of an epoch"],
}


def new_step(trees: Trees, name: str) -> Step:
    """Return a contender's training step."""
    if name == "finevec":
        return Training(new_model(trees)).step
    from tree_lstm_torch import KINDS, TorchTraining

    kind, sparse = CONTENDERS[name]
    return TorchTraining(KINDS[kind](weights_of(new_model(trees)), sparse=sparse)).step


def step_rows(where: list[object], trees: Trees, names: Sequence[str], rounds: int, threads: int) -> list[list[object]]:
    """Time steps in turn and return a row for each contender."""
    batches = trees.batches()
    runs = [on_cycle(new_step(trees, name), batches) for name in names]
    found = dict(zip(names, take_turns(runs, rounds, threads), strict=True))
    ours = float(np.median(found["finevec"].seconds()))
    rows: list[list[object]] = []
    for name, turns in found.items():
        low, middle, high = (float(value) for value in np.quantile(turns.seconds(), (0.25, 0.5, 0.75)))
        quartiles, times = f"{1e3 * low:.3g} to {1e3 * high:.3g}", None if name == "finevec" else middle / ours
        rows.append([*where, "steps", name, 1e3 * middle, quartiles, str(turns), middle * len(batches), times])
    return rows


def on_cycle(step: Step, batches: Sequence[list[TreeExample]]) -> Callable[[], object]:
    """Return a function that trains on the next of the batches."""
    turn = cycle(batches)
    return lambda: step(next(turn))


def epoch_rows(where: list[object], trees: Trees, names: Sequence[str], threads: int) -> list[list[object]]:
    """Time whole epochs in turn and return a row for each contender."""
    batches = trees.batches()
    steps = {name: new_step(trees, name) for name in names}
    taken: dict[str, list[tuple[float, bool]]] = {name: [] for name in names}
    for _ in range(WHOLE_EPOCHS):
        for name, step in steps.items():
            taken[name].append(watched(partial(epoch, step, batches), threads))
    quiet = {name: [seconds for seconds, undisturbed in turns if undisturbed] for name, turns in taken.items()}
    chosen = {name: quiet[name] or [seconds for seconds, _ in turns] for name, turns in taken.items()}
    medians = {name: float(np.median(seconds)) for name, seconds in chosen.items()}
    rows: list[list[object]] = []
    for name, seconds in medians.items():
        times = None if name == "finevec" else seconds / medians["finevec"]
        turns = f"{len(quiet[name])} of {WHOLE_EPOCHS}"
        rows.append([*where, "whole epochs", name, 1e3 * seconds / len(batches), None, turns, seconds, times])
    return rows


def epoch(step: Step, batches: Sequence[list[TreeExample]]) -> float:
    """Go through all batches and return the seconds taken."""
    start = time.perf_counter()
    for examples in batches:
        step(examples)
    return time.perf_counter() - start


def parts_rows(where: list[object], trees: Trees, rounds: int, threads: int) -> list[list[object]]:
    """Time the parts of finevec's step, which must give the bits that the step itself gives."""
    whole, parts = Training(new_model(trees)), StepInParts(new_model(trees))
    turn = cycle(trees.batches())
    quiet: list[bool] = []
    for number in range(rounds + 1):
        batches = [next(turn) for _ in range(CALLS)]
        _, undisturbed = watched(lambda batches=batches: [parts.step(examples) for examples in batches], threads)
        quiet += [undisturbed and number > 0] * CALLS
        for examples in batches:
            whole.step(examples)
    for name, array in whole.model.arrays().items():
        if not np.array_equal(array, parts.model.arrays()[name]):
            raise AssertionError(f"{name}: the step in parts is not the step")
    chosen = quiet if sum(quiet) >= LEAST_QUIET * CALLS else [number >= CALLS for number in range(len(quiet))]
    what = f"{parts.sizes(chosen)}; {sum(quiet)} of {len(quiet) - CALLS} steps were quiet"
    return [*([*where, *row] for row in parts.rows(chosen)), [*where, what, None, None]]


def measure(args: argparse.Namespace) -> Tables:
    """Check, time, and return the rows of the tables."""
    threads, blas_threads, rounds = args.threads[0], args.blas_threads, 1 if args.check else args.rounds
    set_threads(threads, torch=torch_is_there())
    trees = pickle.loads(args.trees.read_bytes())
    where: list[object] = [threads, blas_threads, args.allocator]
    title = f"{trees.name}; {threads} threads, finevec's BLAS {blas_threads}, allocator {args.allocator}"
    names = two = ["finevec", QUICKEST] if torch_is_there() else ["finevec"]
    if threads == blas_threads:
        harness.show(title, CHECKED_HEADER, check_step(trees))
        if torch_is_there():
            harness.show("weights after training without dropout", TRAINED_HEADER, check_training(trees))
            names = ["finevec", *CONTENDERS]
    times = step_rows(where, trees, names, rounds, threads) + epoch_rows(where, trees, two, threads)
    harness.show(title, HEADERS["times"][3:], [row[3:] for row in times])
    parts = parts_rows(where, trees, rounds, threads)
    harness.show(f"parts of finevec's step; {title}", HEADERS["parts"][3:], [row[3:] for row in parts])
    return {"times": times, "parts": parts}


def set_threads(count: int, *, torch: bool) -> None:
    """Give finevec, and torch where it is used, so many threads; BLAS has them from its environment."""
    fv.set_num_threads(count)
    if torch:
        from torch import set_num_threads

        set_num_threads(count)


def peak_memory(args: argparse.Namespace) -> Tables:
    """Return the row of a contender and a batch's size: what an epoch in this process takes at its peak."""
    name, size = args.memory.split(":")
    set_threads(args.threads[0], torch=name != "finevec")
    trees = pickle.loads(args.trees.read_bytes())
    step = new_step(trees, name)
    forget_peak()
    before = memory("VmRSS")
    epoch(step, trees.batches(int(size)))
    return {"memory": [[name, int(size), before, memory("VmHWM") - before]]}


def forget_peak() -> None:
    """Let the peak of this process's memory begin anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def memory(field: str) -> float:
    """Return the MiB that /proc tells of this process: VmRSS, resident now, or VmHWM, at the peak."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def arguments() -> argparse.Namespace:
    options = harness.parser(__doc__)
    options.set_defaults(rounds=11)
    options.add_argument("--data", type=Path, help="folder of sst.train.ptb.txt.gz (default: made-up trees)")
    options.add_argument("--vectors", type=Path, help="a file of word vectors (default: random rows)")
    options.add_argument("--threads", type=int, nargs="+", default=sorted({1, harness.cores()}, reverse=True))
    options.add_argument("--allocators", nargs="+", choices=["default", "tuned"], default=["default", "tuned"])
    for name in ("--allocator", "--memory"):  # of a process that measures
        options.add_argument(name, help=argparse.SUPPRESS)
    options.add_argument("--blas-threads", type=int, help=argparse.SUPPRESS)
    for name in ("--trees", "--results"):  # where it finds the trees, and where it leaves what it found
        options.add_argument(name, type=Path, help=argparse.SUPPRESS)
    return options.parse_args()


def in_processes(args: argparse.Namespace, folder: Path) -> Tables:
    """Run this script in a process for each number of threads, which BLAS reads at its start, and allocator."""
    trees = read(args.data, args.vectors, 120 if args.check else TREES)
    print(f"\n{trees.name}")
    (folder / "trees").write_bytes(pickle.dumps(trees))
    found: Tables = {name: [] for name in HEADERS}
    for threads in args.threads:
        for blas_threads in sorted({threads, 1}, reverse=True):
            for allocator in args.allocators[:1] if args.check else args.allocators:
                more = ["--blas-threads", str(blas_threads), "--allocator", allocator]
                run(folder, threads, blas_threads, allocator, more, found)
    if Path("/proc/self/clear_refs").exists():
        for name in ["finevec", QUICKEST] if torch_is_there() else ["finevec"]:
            for size in MEMORY_BATCHES:
                run(folder, args.threads[0], 1, "default", ["--memory", f"{name}:{size}"], found)
        harness.show("peak memory of an epoch", HEADERS["memory"], found["memory"])
    return found


def run(folder: Path, threads: int, blas_threads: int, allocator: str, more: Sequence[str], found: Tables) -> None:
    """Run this script once and add what it found."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(blas_threads)}
    if allocator == "tuned":
        environment["GLIBC_TUNABLES"] = harness.TUNED
    options = ["--threads", str(threads), "--trees", str(folder / "trees"), "--results", str(folder / "results"), *more]
    subprocess.run([sys.executable, __file__, *sys.argv[1:], *options], env=environment, check=True)
    for name, rows in json.loads((folder / "results").read_text()).items():
        found[name] += rows


def main() -> None:
    args = arguments()
    if args.results:
        args.results.write_text(json.dumps((peak_memory if args.memory else measure)(args)))
        return
    print("\n".join(f"{name}: {value}" for name, value in harness.facts().items()))
    with tempfile.TemporaryDirectory() as folder:
        found = in_processes(args, Path(folder))
    if args.save:
        for name, rows in found.items():
            suffix = "" if name == "times" else f"_{name}"
            harness.save(f"tree_lstm{suffix}.csv", HEADERS[name], rows)


if __name__ == "__main__":
    main()
