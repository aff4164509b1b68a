"""Toy data for ``finevec reproduce tai``, and the command on them."""

from __future__ import annotations

import gzip

import numpy as np
from finevec.commands import main
from toy_texts import BAD, GOOD, PLAIN, write_vectors

WORDS = [*GOOD, *BAD, *PLAIN[:6], "("]
DIM = 6
SETTINGS = ["--seeds", "2", "--epochs", "2"]
COUNTS = {"train": 30, "dev": 12, "test": 14}
"""Sentences, and pairs, of each part."""


def label(words):
    """Return the sentiment, 0 to 4, of good and bad words together."""
    return int(np.clip(2 + sum(word in GOOD for word in words) - sum(word in BAD for word in words), 0, 4))


def sentence(rng):
    return rng.choice([*GOOD, *BAD, *PLAIN[:6], "-LRB-"], rng.integers(2, 6)).tolist()


def bracketed(words, rng):
    """Return a random binary tree over words, every node with the label of its words."""
    if len(words) == 1:
        return f"({label(words)} {words[0]})"
    cut = int(rng.integers(1, len(words)))
    return f"({label(words)} {bracketed(words[:cut], rng)} {bracketed(words[cut:], rng)})"


def parents(words):
    """Return each word's parent, from 1, as a column: the next word's; the last one is the root."""
    return " ".join(str(number) for number in [*range(2, len(words) + 1), 0])


def dependencies(words):
    """Return a chain, in which every other word but the root has no label."""
    last = len(words) - 1
    labels = [str(label(words[: n + 1])) if n % 2 == 0 or n == last else "#" for n in range(len(words))]
    return "\t".join([" ".join(words), parents(words), " ".join(["dep"] * len(words)), " ".join(labels)])


def write_tai_data(folder):
    """Write folder/data, the sentiment trees packed in a subfolder of it, and folder/vectors.txt."""
    write_vectors(folder / "vectors.txt", WORDS, DIM)
    data = folder / "data"
    (data / "trees").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in COUNTS.items():
        sentences = [sentence(rng) for _ in range(count)]
        write(data / "trees" / f"sst.{part}.ptb.txt.gz", [bracketed(words, rng) for words in sentences])
        write(data / "trees" / f"sst.{part}.dep.tsv.gz", [dependencies(words) for words in sentences])
        write_pairs(data, {"dev": "trial"}.get(part, part), count, rng)


def write_pairs(data, name, count, rng):
    """Write pairs of sentences, related as far as they share words."""
    parses = ["pair_ID\ttokens_A\tparents_A\ttokens_B\tparents_B"]
    scores = ["pair_ID\trelatedness_score"]
    for number in range(count):
        left, right = sentence(rng), sentence(rng)
        right = [*left, *right][: len(right)] if number % 2 else right
        shared = len(set(left) & set(right)) / len(set(left) | set(right))
        parses.append("\t".join([str(number), " ".join(left), parents(left), " ".join(right), parents(right)]))
        scores.append(f"{number}\t{1 + 4 * shared:.2f}")
    write(data / f"sick.{name}.dep.tsv", parses)
    write(data / f"sick.{name}.tsv", scores)


def write(path, lines):
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def reproduce(*more, settings=SETTINGS):
    """Run the command in the working directory."""
    return main(["reproduce", "tai", "--data", "data", "--vectors", "vectors.txt", "--out", "out", *settings, *more])
