"""Timing contenders on the same arrays: interleaved rounds, medians, results compared before anything is timed."""

from __future__ import annotations

import argparse
import csv
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import finevec
import numpy as np
from finevec import _finevec

RESULTS = Path(__file__).parent / "results"


@dataclass
class Contender:
    """One way to do the work: `run` is timed, `prepare` before each run is not."""

    name: str
    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


def medians(contenders: Sequence[Contender], rounds: int) -> dict[str, float]:
    """Median seconds of each contender over `rounds` rounds of one run each, after a round that is not counted."""
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for counted in [False] + [True] * rounds:
        for contender in contenders:
            contender.prepare()
            start = time.perf_counter()
            result = contender.run()
            elapsed = time.perf_counter() - start
            del result
            if counted:
                seconds[contender.name].append(elapsed)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def arguments(description: str) -> argparse.Namespace:
    """Read the options that every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="small arrays and one round: do the results agree?")
    parser.add_argument("--rounds", type=int, default=21, help="timed rounds of each contender (default: 21)")
    parser.add_argument("--threads", type=int, default=None, help="threads of finevec (default: all cores)")
    parser.add_argument("--save", action="store_true", help="write the table, with machine facts, to benches/results/")
    args = parser.parse_args()
    if args.check:
        args.rounds = 1
    if args.threads is not None:
        finevec.set_num_threads(args.threads)
    return args


def zipf_ids(rng: np.random.Generator, rows: int, count: int) -> np.ndarray:
    """Ids whose frequency falls as 1 / rank, the ranks spread over the table as in a vocabulary of any order."""
    chances = 1.0 / np.arange(1, rows + 1)
    ranks = rng.choice(rows, size=count, p=chances / chances.sum())
    return rng.permutation(rows)[ranks]


def machine() -> str:
    """One line of facts that a figure depends on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return (
        f"{model}, {os.cpu_count()} cores, {_finevec.get_simd_level()}, {finevec.get_num_threads()} threads, "
        f"Python {platform.python_version()}, NumPy {np.__version__}, finevec {finevec.__version__}"
    )


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]], *, save: str | None) -> None:
    """Print a Markdown table, and write it as CSV where `save` names a file."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    print(f"\n{title} ({machine()})\n")
    for line in [list(header), ["-" * width for width in widths], *cells]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")
    if save is not None:
        RESULTS.mkdir(exist_ok=True)
        with (RESULTS / save).open("w", newline="", encoding="utf-8") as file:
            file.write(f"# {machine()}\n")
            csv.writer(file, lineterminator="\n").writerows([header, *cells])


def _text(cell: object) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
