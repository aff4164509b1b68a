"""Small made-up texts and vectors that a classifier can learn from, for the tests of training and of the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

GOOD = ["good", "great", "lovely", "fine", "superb"]
BAD = ["bad", "awful", "dull", "poor", "dire"]
PLAIN = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]


def toy_texts(count, seed):
    """Return labels "neg" or "pos" in turn, and texts of 3 plain words and 2 telling ones."""
    rng = np.random.default_rng(seed)
    labels = ["neg" if index % 2 == 0 else "pos" for index in range(count)]
    texts = []
    for label in labels:
        telling = rng.choice(GOOD if label == "pos" else BAD, 2)
        texts.append(" ".join(rng.permutation([*telling, *rng.choice(PLAIN, 3)]).tolist()))
    return labels, texts


def toy_table(words, dim=8, seed=0, dtype=np.float32):
    """Return one random row for each word; good and bad words are not told apart, so that frozen rows do worse."""
    return np.random.default_rng(seed).normal(size=(len(words), dim)).astype(dtype)


def write_tsv(path, labels, texts):
    path.write_text("".join(f"{label}\t{text}\n" for label, text in zip(labels, texts, strict=True)), encoding="utf-8")
    return str(path)


def write_vectors(path, words, dim=8, seed=0):
    rows = toy_table(words, dim, seed)
    lines = (f"{word} {' '.join(repr(float(value)) for value in row)}\n" for word, row in zip(words, rows, strict=True))
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def arguments(files, *names, **more):
    """Return the arguments of `finevec train` for these files; a keyword replaces one or adds one."""
    chosen = {name: files[name] for name in names} | {key.replace("_", "-"): value for key, value in more.items()}
    return ["train", "--quiet", *(part for name, value in chosen.items() for part in (f"--{name}", str(value)))]


def read_json(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))
