"""What differs from the paper in tables of Tai et al. (2015) that were computed anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from . import notes as shared
from .cells import Cells, Record
from .tai import EPOCHS

SETTINGS = (*shared.SETTINGS, "mem_dim", "hidden", "dropout")
"""What is told of a setup."""

_RATES = {
    "adagrad (lr 0.05, L2 0.0001)",
    "adagrad (lr 0.05, L2 0.0001, of the vectors sgd 0.1)",
}


def differing(cells: Cells) -> str:
    """Return what differs from the paper, as a list."""
    records = [record for chosen in cells.values() for record in chosen]
    notes = [
        "The paper's figures are means of 5 runs. The intervals here are Student's t over seeds. Seeds share the test "
        "set, so the intervals say how much runs vary, not how far a new test set would be off.",
        *_of_vectors(records),
    ]
    used = sorted({shared.rates(record) for record in records})
    if set(used) - _RATES:
        notes.append(
            f"Optimizer: {', '.join(used)}. The paper: AdaGrad (0.05, L2 0.0001), of tuned vectors plain descent (0.1)."
        )
    stops = shared.stops(records, (EPOCHS, 0))
    if stops:
        notes.append(
            f"Training: {stops}. The authors' code: {EPOCHS} epochs. Both take the epoch that did best on the dev set."
        )
    notes.append(
        "First weights: the biases of the Tree-LSTM are 0. The authors' code: uniform within 1 / √inputs, as all other "
        "weights in both."
    )
    if any(structure == "constituency" for _, structure, _ in cells):
        notes.append(
            "A leaf of a constituency tree is a node of equations 9 to 14 like any other, without children. The "
            "authors' code: its memory cell is a linear map of the word's vector, without an input gate and tanh, and "
            "leaves have biases of their own."
        )
    sets = {name for name, _, _ in cells}
    if "sst-binary" in sets:
        notes.append(
            "In binary sentiment, neutral phrases have no label and are not trained on. The authors' code: they are a "
            "third class in training, and the more likely one of the other two is predicted."
        )
    if "sick" in sets:
        notes += [
            "In relatedness, states have an output gate, as in the paper's equations. The authors' code: none, as the "
            "paper's numbers of parameters say too.",
            "The loss of relatedness is the divergence of the paper. The authors' code divides it by the 5 classes, so "
            "that the L2 penalty has 5 times the weight.",
        ]
    if ("sick", "constituency", "fixed") in cells:
        notes.append(
            "The constituency trees of SICK are made of its dependency trees: a head is joined with its dependents to "
            "the right, the nearest first, then with those to the left. The paper: binarized parses of a constituency "
            "parser."
        )
    return "".join(f"- {note}\n" for note in notes)


def _of_vectors(records: Sequence[Record]) -> list[str]:
    notes = []
    pretrained = [record for record in records if record["files"]["vectors"] is not None]
    named = sorted({f"`{PurePath(record['files']['vectors']).name}`, {record['dim']} numbers" for record in pretrained})
    if named:
        notes.append(
            f"Vectors: {'; '.join(named)} a word; words are lower-cased. The paper: GloVe from 840 billion words of "
            "Common Crawl, 300 numbers, with capital letters. Words without a vector are drawn with the variance of "
            "the others; those of dev and test trees alone stay without one (x = 0). The authors' code: within 0.05, "
            "all of them."
        )
    dims = sorted({record["dim"] for record in records if record["mode"] == "random"} - {300})
    if dims:
        notes.append(f"Random vectors have {', '.join(map(str, dims))} numbers a word. The paper: 300.")
    return notes
