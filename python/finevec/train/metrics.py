"""What a training run gave, in the keys of the file that ``finevec train --metrics`` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models import Classifier
from .history import History
from .settings import Settings

PARTS = ("train", "dev", "test")
"""The parts of a data set."""


def run_metrics(
    model: Classifier,
    settings: Settings,
    known: NDArray[np.bool_],
    parts: Mapping[str, Sequence[Any]],
    history: History,
    files: Mapping[str, str | None],
) -> dict[str, Any]:
    """Return accuracies, sizes, settings and history of a run that is finished, in types that JSON has.

    Parameters
    ----------
    model : Classifier
        As `finevec.train.fit` left it.
    settings : Settings
        What was left open in them is filled in with the model's defaults.
    known : ndarray of bool, shape (rows,)
        Which rows started from a pretrained vector.
    parts : mapping of str to sequence of examples
        Some of `PARTS`, each with at least one example.
    history : History
    files : mapping of str to str or None
        The paths of what was read.
    """
    settings = settings.for_model(model)
    rows, dim = model.vectors.shape
    return {
        **{f"{part}_accuracy": model.evaluate(parts[part])[1] if part in parts else None for part in PARTS},
        "training_seconds": round(history.seconds, 3),
        "rows": rows,
        "rows_changed": len(history.changed_rows),
        "known_words": int(known.sum()),
        "dim": dim,
        "classes": model.classes,
        **{f"{part}_texts": len(parts.get(part, [])) for part in PARTS},
        "model": model.kind,
        **model.config(),
        **asdict(settings),
        **({"embedding_lr": None, "embedding_optimizer": None} if model.mode == "static" else {}),
        "files": {name: None if path is None else as_text(path) for name, path in files.items()},
        "environment": history.environment,
        "history": history.to_json(),
    }


def as_text(path: str) -> str:
    """Return a path, or a text with paths, so that a file can hold it: bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
