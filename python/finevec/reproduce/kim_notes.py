"""What differs from the paper in a table of Kim's (2014) that was computed anew."""

from __future__ import annotations

from pathlib import PurePath

from . import notes as shared
from .cells import Cells

SETTINGS = (*shared.SETTINGS, "dropout", "widths", "filters", "max_norm", "folds", "tokenizer")
"""What is told of a setup."""


def differing(cells: Cells) -> str:
    """Return what differs from the paper, as a list."""
    records = [record for chosen in cells.values() for record in chosen]
    notes = [
        "The paper gives one figure a cell, without an interval. The intervals here are Student's t over folds or "
        "seeds. Folds share training texts and seeds share the test set, so the intervals say how much runs vary, not "
        "how far a new test set would be off."
    ]
    pretrained = [record for record in records if record["files"]["vectors"] is not None]
    named = sorted({f"`{PurePath(record['files']['vectors']).name}`, {record['dim']} numbers" for record in pretrained})
    if named:
        notes.append(
            f"Vectors: {'; '.join(named)} a word. The paper: word2vec from 100 billion words of Google News, 300 "
            "numbers. Words without a vector are drawn with the variance of the others in both."
        )
    dims = sorted({record["dim"] for record in records if record["mode"] == "random"} - {300})
    if dims:
        notes.append(f"CNN-rand has {', '.join(map(str, dims))} numbers a word. The paper: 300.")
    used = sorted({shared.rates(record) for record in records})
    if set(used) - {"adadelta (lr 1)", "adadelta (lr 1, of the vectors 1)"}:
        notes.append(
            f"Optimizer: {', '.join(used)}. The paper: Adadelta (rho 0.95 and no rate, which is lr 1, in its code)."
        )
    stops = shared.stops(records, (25, 0))
    if stops:
        notes.append(f"Training: {stops}. The paper's code: 25 epochs. Both take the epoch that did best on dev texts.")
    notes += [
        "First weights: filters and last layer uniform within 1 / √inputs. The paper's code: filters within 0.01, and "
        "zeros in the last layer.",
        "Dropout divides what it keeps by the keep rate in training. The paper multiplies the weights by it for "
        "testing, so that its limit of 3 on their norm would be 1.5 here, where it is 3 too.",
        "Every window has a word of the text. The paper's code pads all texts to one length and more, so that some "
        "windows have none, and a filter's output is at least relu(bias).",
    ]
    sets = {key[0] for key in cells}
    if sets & {"mr", "trec"}:
        notes.append(
            "Where there are no dev texts a tenth of the training texts is held out, and MR is cut into folds, class "
            "by class. The paper: at random."
        )
    if "trec" in sets:
        notes.append(
            "TREC is lower-cased, which suits vectors of lower-cased words such as GloVe's. The paper's code keeps its "
            "case, as word2vec does."
        )
    if sets & {"sst1", "sst2"}:
        notes.append(
            "SST is trained on phrases, as in the paper: on every different phrase of the training trees once, "
            "lower-cased. It is tokenized like the other sets. The paper's code splits SST at spaces alone, which "
            "differs in 62 of 157,401 phrases (`10,000`, `?!?`) and in no dev or test sentence."
        )
    notes.append(
        "Parentheses and question marks are tokens as they stand. The paper's code writes a backslash before them, so "
        "that they have no vector."
    )
    return "".join(f"- {note}\n" for note in notes)
