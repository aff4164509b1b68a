"""Accuracy of ``finevec train`` with its defaults, frozen and fine-tuned, by cross-validation.

``python benches/mr_folds.py --data mr.all.tsv.gz --vectors glove.6B.100d.txt [--folds 10] [--modes static non-static]``

Each fold is written to a file of its own and trained on by the command line's own `main`, so what is measured is what a
user gets. Folds keep the balance of the classes and follow from ``--seed``. Prints a Markdown table. For
the text CNN beside the paper's figures there is ``finevec reproduce kim``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from finevec.commands import main as finevec
from finevec.datasets.labelled import Labelled, read_labelled
from finevec.reproduce.folds import split_folds


def write_rows(path: Path, data: Labelled, positions: np.ndarray) -> None:
    """Write these rows as label<TAB>text."""
    rows = (f"{data.labels[position]}\t{data.texts[position]}\n" for position in positions)
    path.write_text("".join(rows), encoding="utf-8")


def run_fold(folder: Path, vectors: str, mode: str, more: list[str]) -> dict[str, float]:
    """Train on folder/train.tsv, test on folder/test.tsv; return the metrics."""
    out = folder / "metrics.json"
    inputs = ["--train", str(folder / "train.tsv"), "--test", str(folder / "test.tsv"), "--vectors", vectors]
    with contextlib.redirect_stdout(sys.stderr):  # standard output is for the table
        code = finevec(["train", *inputs, "--mode", mode, "--metrics", str(out), "--quiet", *more])
    if code:
        sys.exit(code)
    return json.loads(out.read_text())


def main() -> None:
    """Run all folds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="label<TAB>text a line, plain or gzip")
    parser.add_argument("--vectors", required=True)
    parser.add_argument("--folds", type=int, default=10, help="cut into so many (default %(default)s)")
    parser.add_argument("--first", type=int, help="run only so many of them")
    parser.add_argument("--modes", nargs="+", default=["static", "non-static"])
    parser.add_argument("--seed", type=int, default=1, help="of the folds (default %(default)s)")
    parser.add_argument("more", nargs="*", help="after --: further arguments for finevec train")
    args = parser.parse_args()
    data = read_labelled(args.data)
    everything = np.arange(len(data.texts))
    results: dict[str, list[dict[str, float]]] = {mode: [] for mode in args.modes}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for test in split_folds(data.labels, args.folds, args.seed)[: args.first]:
            write_rows(folder / "test.tsv", data, test)
            write_rows(folder / "train.tsv", data, np.setdiff1d(everything, test))
            for mode in args.modes:
                results[mode].append(run_fold(folder, args.vectors, mode, args.more))
    print_table(results)
    print(f"\n{time.perf_counter() - start:.0f} s in all")


def print_table(results: dict[str, list[dict[str, float]]]) -> None:
    """Print test accuracies of every fold, their mean, and the half-width of its 95 % interval, in percent."""
    folds = len(next(iter(results.values())))
    print("\n| mode | mean | ± | " + " | ".join(str(fold + 1) for fold in range(folds)) + " | seconds a fold |")
    print("|---|---|---|" + "---|" * (folds + 1))
    for mode, metrics in results.items():
        scores = 100 * np.array([result["test_accuracy"] for result in metrics])
        half_width = 1.96 * scores.std(ddof=1) / np.sqrt(folds) if folds > 1 else float("nan")
        seconds = np.mean([result["seconds"] for result in metrics])
        cells = " | ".join(f"{score:.2f}" for score in scores)
        print(f"| {mode} | {scores.mean():.2f} | {half_width:.2f} | {cells} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
