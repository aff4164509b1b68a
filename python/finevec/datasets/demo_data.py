"""The data of ``finevec demo``, which ship inside the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..vectors import WordVectors
from .labelled import Labelled, read_labelled

DEMO_FOLDER = Path(__file__).parent / "demo"


def demo_texts() -> tuple[Labelled, Labelled]:
    """Return the sentences to train on and those held out; label "1" is praise, "0" is complaint."""
    return read_labelled(DEMO_FOLDER / "train.tsv"), read_labelled(DEMO_FOLDER / "test.tsv")


def demo_vectors() -> WordVectors:
    """Return the shipped vectors: a subset of GloVe 6B, 100 columns, rounded to 8 bits (see demo/NOTICE)."""
    with np.load(DEMO_FOLDER / "vectors.npz", allow_pickle=False) as archive:
        words = archive["words"].tobytes().decode().split("\n")
        vectors = archive["codes"] * archive["scales"][:, None]
    return WordVectors(words, vectors)
