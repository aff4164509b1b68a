"""Mutated and truncated files of vectors, loaded beside the slow readers for a given time, and counted.

    python tests/mutate_files.py --seconds 600

Batches run in processes of their own, so that a crash or a hang is one more thing that is found. The first disagreement
ends the run; the file is kept, and its seed gives it again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import mutations
import table_mutations
from reference_files import Options

GOLDEN = Path(__file__).parent / "golden"

BATCH_SECONDS = 20
HANG_SECONDS = 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0, help="of the first file; each next file has the next seed")
    parser.add_argument("--large", type=float, default=0.03, help="part of files that are read in several pieces")
    parser.add_argument("--keep", type=Path, default=Path("mutated-file"), help="where a file that fails is kept")
    parser.add_argument("--batch", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.batch:
        return run(arguments)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    return batch(arguments.batch, arguments.seed, arguments.seconds, arguments.large)


def run(arguments: argparse.Namespace) -> int:
    counts: Counter[tuple[str, str]] = Counter()
    seed, end = arguments.seed, time.monotonic() + arguments.seconds
    failure = ""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while not failure and time.monotonic() < end:
            seconds = min(BATCH_SECONDS, max(1.0, end - time.monotonic()))
            command = [sys.executable, __file__, "--batch", folder, "--seed", seed, "--seconds", seconds]
            command += ["--large", arguments.large]
            try:
                done = subprocess.run(
                    [str(part) for part in command], timeout=seconds + HANG_SECONDS, capture_output=True, text=True
                )
                failure = done.stdout + done.stderr if done.returncode else ""
            except subprocess.TimeoutExpired:
                failure = f"no answer within {HANG_SECONDS} s"
            told = json.loads((folder / "counts.json").read_text())
            seed = told["seed"]
            counts.update({tuple(key): count for key, count in told["counts"]})
            if failure:
                shutil.copy(folder / "mutated", arguments.keep)
    for (format, outcome), count in sorted(counts.items()):
        print(f"{format:28} {outcome:36} {count:9,}")
    print(f"{sum(counts.values()):,} files, seeds {arguments.seed} to {seed}")
    if failure:
        print(f"seed {seed} failed, its file is {arguments.keep}:\n{failure}")
    return 1 if failure else 0


def batch(folder: Path, seed: int, seconds: float, large: float) -> int:
    """Try files until the time is over; tell before each one how far it is."""
    real = real_vectors()
    counts: Counter[tuple[str, str]] = Counter()
    tell(folder, seed, counts)
    try:
        if seed == 0:
            counts.update(cut_files(folder))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            tell(folder, seed, counts)
            if seed % 3 == 0:
                counts[table_mutations.try_one(seed, folder)] += 1
            else:
                counts[mutations.try_one(seed, folder, real, seed % 1000 < 1000 * large)] += 1
            seed += 1
    except BaseException:
        traceback.print_exc()
        return 1
    tell(folder, seed, counts)
    return 0


def cut_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Load every small golden file cut at every byte, as float32 and float64."""
    for file in sorted([*GOLDEN.glob("vectors/*.*"), *GOLDEN.glob("fasttext_*.bin")]):
        data, lines = file.read_bytes(), b""
        format = {".npy": "npy", ".safetensors": "safetensors"}.get(file.suffix, "text or word2vec-binary")
        if format == "npy":
            lines = (file.with_name(file.stem + ".words.txt")).read_bytes() if file.name == "table.npy" else b""
        if file.name.startswith("fasttext_"):
            format = "fasttext-binary"
        for cut in range(len(data) + 1):
            for dtype in ("float32", "float64"):
                if format.startswith("text"):
                    outcome = mutations.compare(folder / "mutated", data[:cut], Options(dtype=dtype))
                else:
                    outcome = table_mutations.compare(folder, format, data[:cut], lines, Options(dtype=dtype))
                yield f"cut, {format}", outcome


def tell(folder: Path, seed: int, counts: Counter[tuple[str, str]]) -> None:
    (folder / "counts.json").write_text(json.dumps({"seed": seed, "counts": [*counts.items()]}))


def real_vectors() -> Path | None:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("FINEVEC_DATA", beside)) / "vectors" / "glove.6B.50d.subset.txt.gz"
    return path if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
