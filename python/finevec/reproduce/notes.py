"""The parts of a report that are the same for every paper: settings, and how the runs were made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..wording import counted
from .cells import Cells, Key, Layout
from .summary import duration

# fmt: off
METRICS = frozenset({
    "command", "dev_accuracy", "dev_texts", "dim", "embedding_lr", "embedding_optimizer", "environment", "epochs",
    "files", "history", "known_words", "lr", "mode", "optimizer", "patience", "rows", "rows_changed", "seconds",
    "test_texts", "train_texts", "weight_decay",
})
# fmt: on
"""What every report reads of a run beside its setup."""

SETTINGS = (
    "optimizer",
    "lr",
    "weight_decay",
    "embedding_optimizer",
    "embedding_lr",
    "freeze_epochs",
    "epochs",
    "patience",
    "batch_size",
    "dim",
    "blas_threads",
)
"""What every report tells of a setup."""


def settings(cells: Cells, names: Iterable[str], layout: Layout) -> str:
    """Return these settings of all runs as a list; where some differ, which have what. None is not told."""
    lines = []
    for name in names:
        where: dict[str, list[Key]] = {}
        for cell, records in cells.items():
            value = records[0]["setup"].get(name)
            if value is not None:
                where.setdefault(_shown(value), []).append(cell)
        if len(where) == 1:
            lines.append(f"- {name}: {next(iter(where))}\n")
        elif where:
            every = [f"{value} ({layout.named(found, cells)})" for value, found in where.items()]
            lines.append(f"- {name}: {'; '.join(every)}\n")
    return "".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def rates(record: Mapping[str, Any]) -> str:
    """Return the rules that moved the weights of a run, and their rates.

    Examples
    --------
    >>> dense = {"optimizer": "adagrad", "lr": 0.05, "weight_decay": 1e-4}
    >>> rates({**dense, "embedding_optimizer": "sgd", "embedding_lr": 0.1})
    'adagrad (lr 0.05, L2 0.0001, of the vectors sgd 0.1)'
    """
    penalty = f", L2 {record['weight_decay']:g}" if record["weight_decay"] else ""
    rule = "" if record["embedding_optimizer"] == record["optimizer"] else f"{record['embedding_optimizer']} "
    vectors = "" if record["embedding_lr"] is None else f", of the vectors {rule}{record['embedding_lr']:g}"
    return f"{record['optimizer']} (lr {record['lr']:g}{penalty}{vectors})"


def stops(records: Iterable[Mapping[str, Any]], usual: tuple[int, int]) -> str:
    """Return when the runs end, of those that do not end by the `usual` epochs and patience; empty where all do."""
    found = sorted({(record["epochs"], record["patience"]) for record in records} - {usual})
    return "; ".join(
        f"at most {counted(epochs, 'epoch')}"
        + (f", ends after {patience} without a better dev result" if patience else "")
        for epochs, patience in found
    )


def runs(records: Sequence[Mapping[str, Any]]) -> str:
    """Return where, how long and by which commands the runs were made."""
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
