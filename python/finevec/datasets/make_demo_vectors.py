"""Make ``demo/vectors.npz``, the compact table of pretrained vectors that ships for ``finevec demo``.

``python -m finevec.datasets.make_demo_vectors GLOVE_FILE`` writes it beside the demo's sentences. `GLOVE_FILE` is GloVe
text, plain or gzip; the shipped file was made from GloVe 6B, 100 columns. The words are those of the demo's sentences,
then the file's first (most frequent) words of letters only, so that nearest neighbours have something to choose from.

Each row is stored as int8 with one float32 scale: ``row ≈ scale * codes``, ``scale = max|row| / 127``, so every number
is within ``scale / 2`` of GloVe's. Loading it: `finevec.datasets.demo_data.demo_vectors`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..text import TOKENIZERS
from ..vectors import WordVectors
from .demo_data import DEMO_FOLDER, demo_texts

WORDS = 9_000


def choose_words(glove: WordVectors, texts: Sequence[str], count: int) -> list[str]:
    """Return at most `count` words of `glove`, in its order: those of `texts`, then the first ones of letters only."""
    tokenize = TOKENIZERS["kim"]
    chosen = {token for text in texts for token in tokenize(text) if token in glove.key_to_index}
    for word in glove.index_to_key:
        if len(chosen) >= count:
            break
        if word.isascii() and word.isalpha():
            chosen.add(word)
    return sorted(chosen, key=glove.key_to_index.__getitem__)


def quantize(vectors: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return codes, int8 (rows, dim), and scales, float32 (rows,), with ``vectors ≈ scales[:, None] * codes``.

    Examples
    --------
    >>> codes, scales = quantize(np.array([[1.27, -0.5]]))
    >>> codes
    array([[127, -50]], dtype=int8)
    >>> scales
    array([0.01], dtype=float32)
    """
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float32)
    codes = np.rint(vectors / np.where(scales > 0, scales, 1)[:, None])
    return codes.astype(np.int8), scales


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finevec.datasets.make_demo_vectors", description=__doc__)
    parser.add_argument("glove", metavar="GLOVE_FILE", help="GloVe text, plain or gzip")
    parser.add_argument("--words", type=int, default=WORDS, help="how many words (default %(default)s)")
    parser.add_argument("--out", type=Path, default=DEMO_FOLDER / "vectors.npz", help="default: in the package")
    args = parser.parse_args(argv)
    glove = WordVectors.load(args.glove)
    train, test = demo_texts()
    words = choose_words(glove, train.texts + test.texts, args.words)
    codes, scales = quantize(glove.vectors[[glove.key_to_index[word] for word in words]])
    joined = np.frombuffer("\n".join(words).encode(), dtype=np.uint8)
    np.savez_compressed(args.out, words=joined, codes=codes, scales=scales)
    print(f"{args.out}: {len(words)} words, {args.out.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
