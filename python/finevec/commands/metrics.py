"""The file that ``finevec train --metrics`` writes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..models.directory import FILES
from ..replace import replaced_file


def check_metrics_target(metrics: str, save: Path | None, inputs: Iterable[str]) -> None:
    """Check that metrics could be written to a file, and over nothing else, before anything is computed.

    Parameters
    ----------
    metrics : str
        It may not exist yet, be a file, which is replaced, or be a device or a pipe.
    save : Path, optional
        Where the model will be saved, absolute; the directory may not exist yet.
    inputs : iterable of str
        Files that are read.

    Raises
    ------
    OSError
        The file is a directory, or an input, or one of the model's own, or cannot be written.
    """
    path = Path(os.path.realpath(metrics))
    check_replaces_none(metrics, "the metrics", inputs)
    if path.is_dir() or path == save:
        raise IsADirectoryError(f"{metrics}: expected a file to write the metrics to, found a directory")
    if save is not None and path.parent == save and path.name in FILES:
        raise FileExistsError(f"{metrics}: the metrics would replace a file of the model; choose another name")
    if not path.parent.is_dir() and path.parent != save:
        raise FileNotFoundError(f"{metrics}: there is no directory {path.parent} to write it in")
    replaced = path.is_file() or not os.path.exists(metrics)
    target = path.parent if replaced else Path(metrics)
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{metrics}: no permission to write in {target}")


def check_replaces_none(output: str, what: str, inputs: Iterable[str]) -> None:
    """Refuse, with a FileExistsError, an output file that is one of the files that are read."""
    for name in inputs:
        if os.path.isfile(output) and os.path.exists(name) and os.path.samefile(output, name):
            raise FileExistsError(f"{output}: {what} would replace {name}, which is read")


def write_metrics(name: str, metrics: dict[str, Any]) -> None:
    """Write metrics as JSON: aside and renamed, or straight into a device or a pipe."""
    text = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if os.path.exists(name) and not os.path.isfile(name):
        Path(name).write_text(text, encoding="utf-8")
        return
    with replaced_file(name) as file:
        file.write(text.encode())
