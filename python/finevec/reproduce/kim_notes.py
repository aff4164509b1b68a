"""The parts of the report on Kim's table (2014) that are text: what differs, settings, how the runs were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from .kim import SETS, VARIANTS
from .summary import counted, duration

Cells = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]

_SETTINGS = (
    "optimizer",
    "lr",
    "embedding_lr",
    "freeze_epochs",
    "epochs",
    "patience",
    "batch_size",
    "dropout",
    "widths",
    "filters",
    "max_norm",
    "dim",
    "folds",
    "tokenizer",
    "blas_threads",
)


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
    used = sorted({_rates(record) for record in records})
    if set(used) - {"adadelta (lr 1)", "adadelta (lr 1, of the vectors 1)"}:
        notes.append(
            f"Optimizer: {', '.join(used)}. The paper: Adadelta (rho 0.95 and no rate, which is lr 1, in its code)."
        )
    stops = sorted({(record["epochs"], record["patience"]) for record in records} - {(25, 0)})
    if stops:
        shown = "; ".join(
            f"at most {counted(epochs, 'epoch')}"
            + (f", ends after {patience} without a better dev result" if patience else "")
            for epochs, patience in stops
        )
        notes.append(f"Training: {shown}. The paper's code: 25 epochs. Both take the epoch that did best on dev texts.")
    notes += [
        "First weights: filters and last layer uniform within 1 / √inputs. The paper's code: filters within 0.01, and "
        "zeros in the last layer.",
        "Dropout divides what it keeps by the keep rate in training. The paper multiplies the weights by it for "
        "testing, so that its limit of 3 on their norm would be 1.5 here, where it is 3 too.",
        "Every window has a word of the text. The paper's code pads all texts to one length and more, so that some "
        "windows have none, and a filter's output is at least relu(bias).",
    ]
    sets = {name for name, _ in cells}
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


def _rates(record: Mapping[str, Any]) -> str:
    vectors = "" if record["embedding_lr"] is None else f", of the vectors {record['embedding_lr']:g}"
    return f"{record['optimizer']} (lr {record['lr']:g}{vectors})"


def settings(cells: Cells) -> str:
    """Return the settings of all runs as a list; where some differ, which have what."""
    lines = []
    for name in _SETTINGS:
        where: dict[str, list[tuple[str, str]]] = {}
        for cell, records in cells.items():
            value = records[0]["setup"][name]
            if value is not None:
                where.setdefault(_shown(value), []).append(cell)
        if len(where) == 1:
            lines.append(f"- {name}: {next(iter(where))}\n")
        elif where:
            every = [f"{value} ({_named(found, cells)})" for value, found in where.items()]
            lines.append(f"- {name}: {'; '.join(every)}\n")
    return "".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _named(found: Sequence[tuple[str, str]], cells: Cells) -> str:
    """Return a name for some of the cells: whole rows or columns of the table, else each by itself."""
    variants = {variant for _, variant in found}
    if len(found) == sum(variant in variants for _, variant in cells):
        return ", ".join(VARIANTS[variant] for variant in VARIANTS if variant in variants)
    sets = {name for name, _ in found}
    if len(found) == sum(name in sets for name, _ in cells):
        return ", ".join(SETS[name].title for name in SETS if name in sets)
    return ", ".join(f"{SETS[name].title} {VARIANTS[variant]}" for name, variant in found)


def runs(cells: Cells) -> str:
    """Return where, how long and by which commands the runs were made."""
    records = [record for chosen in cells.values() for record in chosen]
    machines = sorted({_environment(record["environment"]) for record in records})
    commands = sorted({record["command"] for record in records})
    seconds = sum(record["seconds"] for record in records)
    return (
        f"{counted(len(records), 'run')}, {duration(seconds)} together, with {' and with '.join(machines)}. "
        "Commands:\n\n"
        "```sh\n" + "".join(f"{command}\n" for command in commands) + "```\n"
    )


def _environment(found: Mapping[str, Any]) -> str:
    blas_threads = "an unknown number of" if found["blas_threads"] is None else found["blas_threads"]
    return (
        f"finevec {found['finevec']} ({counted(found['threads'], 'thread')}), NumPy {found['numpy']}, {found['blas']} "
        f"{found['blas_version']} ({counted(blas_threads, 'thread')})"
    )
