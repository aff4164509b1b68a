"""Fine-tuning word vectors on disk: time to open them and memory for what training touches, mapped and loaded whole."""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import finevec as fv
import harness
import numpy as np
from numpy.typing import NDArray

DIM = 300
BLOCK = 100_000  # rows written at a time
MOST_PAGES = 3.0  # for each distinct row and array, of a mapped table
MOST_SECONDS = 0.2  # to open it
SIZES = {"steps": 1000, "count": 1000, "distinct": 20_000}
CHECK_SIZES = {"steps": 50, "count": 100, "distinct": 1000}
MAPPED, WHOLE = "mapped", "whole"
RULES = {"row-wise Adagrad": fv.optim.RowWiseAdagrad, "Adagrad": fv.optim.Adagrad}


@dataclass(frozen=True)
class Case:
    """One training run in a process of its own: `steps` steps of `count` ids drawn from `distinct` rows."""

    path: str
    opened: str
    rule: str
    initial: float
    steps: int
    count: int
    distinct: int


@dataclass(frozen=True)
class Found:
    """What a case took: seconds to open and for a step, bytes, pages per distinct row and array."""

    open: float
    step: float
    grown: int
    pages: float
    digest: str
    """Of all trained rows, and of their state."""


def open_vectors(path: str, opened: str) -> fv.WordVectors:
    """Open the vectors copy-on-write, or load them."""
    return fv.WordVectors.load(path, mmap="c" if opened == MAPPED else False)


def make_vectors(path: Path, rows: int) -> None:
    """Write made-up words and vectors, block by block."""
    rng = np.random.default_rng(0)
    numbers = path.with_suffix(".numbers")
    with numbers.open("wb") as file:
        for start in range(0, rows, BLOCK):
            rng.standard_normal((min(BLOCK, rows - start), DIM), dtype=np.float32).tofile(file)
    table = np.memmap(numbers, np.float32, "r", shape=(rows, DIM))
    fv.WordVectors([f"word{row}" for row in range(rows)], table).save(path)
    numbers.unlink()


def private_bytes() -> int:
    """Memory that this process alone has: pages of no file, the memory file of lazy state, and page tables."""
    wanted = ("Anonymous:", "Pss_Shmem:", "VmPTE:")
    lines = [line for name in ("smaps_rollup", "status") for line in Path("/proc/self", name).read_text().splitlines()]
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(wanted))


def fine_tune(table: NDArray[np.float32], case: Case, ids: NDArray[np.int64], steps: int) -> fv.optim.Optimizer:
    """Train the rows towards zero, and return the optimizer."""
    embedding = fv.Embedding.from_pretrained(table, freeze=False)
    optimizer = RULES[case.rule]([embedding.weight], lr=0.1, initial_accumulator_value=case.initial)
    for step in range(steps):
        batch = ids[step * case.count : (step + 1) * case.count]
        embedding.backward(batch, embedding(batch))
        optimizer.step()
        optimizer.zero_grad()
    return optimizer


def run(case: Case) -> Found:
    """Measure one case."""
    stored = fv.WordVectors.load(case.path, mmap=True).vectors
    rng = np.random.default_rng(1)
    chosen = rng.choice(len(stored), case.distinct, replace=False)
    ids = chosen[rng.integers(case.distinct, size=case.steps * case.count)]
    touched = np.unique(ids)
    originals = stored[touched]
    fine_tune(np.ones((1000, DIM), np.float32), case, np.arange(case.count) % 1000, 1)  # threads and scratch

    before = private_bytes()
    start = time.perf_counter()
    wv = open_vectors(case.path, case.opened)
    open_seconds = time.perf_counter() - start
    table = wv.vectors
    start = time.perf_counter()
    optimizer = fine_tune(table, case, ids, case.steps)
    step_seconds = (time.perf_counter() - start) / case.steps
    grown = private_bytes() - before

    if not np.array_equal(stored[touched], originals):
        raise AssertionError("the file was changed")
    (state,) = optimizer._states.values()
    arrays = [table, *state.arrays.values()]
    digest = hashlib.sha256(b"".join(array[touched].tobytes() for array in arrays)).hexdigest()
    pages = grown / mmap.PAGESIZE / (len(touched) * len(arrays))
    return Found(open_seconds, step_seconds, grown, pages, digest)


def in_new_process(case: Case) -> Found:
    """Run a case where nothing was allocated before."""
    argv = [sys.executable, __file__, "--case", json.dumps(asdict(case))]
    return Found(**json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout))


def compare(path: str, rule: str, initial: float, *, check: bool) -> list[list[object]]:
    """Train the table mapped and whole, and return a row of figures for each. Both must end with the same bits."""
    sizes = CHECK_SIZES if check else SIZES
    mapped, whole = (in_new_process(Case(path, opened, rule, initial, **sizes)) for opened in (MAPPED, WHOLE))
    what = f"{rule}, state from {initial}"
    if mapped.digest != whole.digest:
        raise AssertionError(f"{what}: the trained rows of the mapped table are not those of the one in memory")
    if mapped.pages > MOST_PAGES:
        raise AssertionError(f"{what}: {mapped.pages:.2f} pages per row and array, wanted at most {MOST_PAGES:g}")
    if not check and mapped.open > MOST_SECONDS:
        raise AssertionError(f"{what}: {mapped.open:.3f} s to open, wanted at most {MOST_SECONDS}")
    return [
        [rule, initial, opened, 1e3 * found.open, found.grown / 1e6, found.pages, 1e3 * found.step]
        for opened, found in ((MAPPED, mapped), (WHOLE, whole))
    ]


def main() -> None:
    options = harness.parser(__doc__)
    options.add_argument("--folder", help="where the file of 3.6 GB is made, with room for two (default: /tmp)")
    options.add_argument("--case", help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.case:
        print(json.dumps(asdict(run(Case(**json.loads(args.case))))))
        return
    if not Path("/proc/self/smaps_rollup").exists():
        print("memory is measured on Linux only: nothing was run")
        return
    rows = 50_000 if args.check else 3_000_000
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / "vectors.safetensors"
        make_vectors(path, rows)
        runs = [compare(str(path), rule, initial, check=args.check) for rule in RULES for initial in (0.0, 0.1)]
    table = [row for pair in runs for row in pair]
    header = [
        "rule",
        "state from",
        "vectors",
        "ms to open",
        "MB of private memory",
        "pages per row and array",
        "ms per step",
    ]
    harness.show(
        f"fine-tuning random rows of {rows:,} x {DIM} float32 in a file that the system has cached", header, table
    )
    if args.save:
        harness.save("mapped_table.csv", header, table)


if __name__ == "__main__":
    main()
