"""The store of finished runs: a folder with one JSON file a run.

A file is written aside and renamed when its run is finished, so a process that is killed at any moment leaves whole
files only, and several processes may add runs to one folder. Each file says under ``"setup"`` what its run depends on;
a run is taken from its file only where that agrees with what would be run now. The name of a checkpoint has a digest of
the setup, so that processes with different settings do not share one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..replace import replaced_file
from ..train.settings import Settings

_MOST_NAMED = 4  # differences that an error names
_SUFFIXES = (".json", ".checkpoint", ".new")  # the last one of files that are being written aside


def digest(path: str | os.PathLike[str]) -> str:
    """Return the blake2b digest, 16 bytes as hexadecimal digits, of a file as it is stored, packed or not."""
    result = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            result.update(block)
    return result.hexdigest()


def check_says(record: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse, with a ValueError, a record or a setup that does not have all these names."""
    missing = sorted(set(names) - record.keys())
    if missing:
        raise ValueError(f"it does not say {', '.join(missing)}")


def settings_kept(settings: Settings, *, fixed: bool) -> dict[str, Any]:
    """Return the settings of a run for its setup: without those of the vectors where these are fixed."""
    of_vectors = {"embedding_optimizer", "embedding_lr"} if fixed else set()
    return {name: None if name in of_vectors else value for name, value in asdict(settings).items()}


class RunStore:
    """Finished runs of one paper in ``directory/runs``.

    Parameters
    ----------
    directory : path
        Need not exist.
    paper : str
        Runs of another paper are refused.
    check : callable, optional
        Is given the name and the record of each run that is read, and raises a ValueError where the paper's reports
        could not use it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = RunStore(folder, "kim")
    ...     store.save("trec.static.seed1", {"test_accuracy": 0.75, "setup": {"paper": "kim", "epochs": 25}})
    ...     store.load("trec.static.seed1", {"paper": "kim", "epochs": 25})["test_accuracy"]
    0.75
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        paper: str,
        check: Callable[[str, Mapping[str, Any]], None] = lambda name, record: None,
    ) -> None:
        self.directory = Path(directory)
        self.paper = paper
        self._check = check
        self.folder = self.directory / "runs"

    def prepare(self) -> None:
        """Create the folder, if it is not there.

        Raises
        ------
        FileExistsError
            There are things in the directory but no folder of runs: it is somebody else's.
        OSError
            The folder cannot be created or written in.
        """
        # In this order, and with exist_ok: another process may begin at the same time, with the folder.
        found = sorted(os.listdir(self.directory)) if os.path.lexists(self.directory) else []
        if found and not self._has_runs():
            raise FileExistsError(
                f"{self.directory}: holds {found[0]} but no runs of finevec reproduce {self.paper}; choose an empty or "
                "a new directory as --out"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self.folder, os.W_OK):
            raise PermissionError(f"{self.folder}: no permission to write in it")

    def _has_runs(self) -> bool:
        """Tell whether there is a folder of runs, finished or not, or of none yet."""
        try:
            found = os.listdir(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return not found or any(name.endswith(_SUFFIXES) for name in found)

    def path(self, name: str) -> Path:
        """Return where the run of this name is kept."""
        return self.folder / f"{name}.json"

    def checkpoint(self, name: str, setup: Mapping[str, Any]) -> Path:
        """Return where the training of a run that is not finished keeps its state."""
        text = json.dumps(setup, sort_keys=True)
        return self.folder / f"{name}.{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}.checkpoint"

    def other_checkpoints(self, setups: Mapping[str, Mapping[str, Any]]) -> list[Path]:
        """Return the checkpoints, sorted, that runs of these names have from other setups."""
        return sorted(
            path
            for path in self.folder.glob("*.*.checkpoint")
            if (name := path.stem.rpartition(".")[0]) in setups and path != self.checkpoint(name, setups[name])
        )

    def names(self) -> list[str]:
        """Return the names of all finished runs, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def read(self, name: str) -> dict[str, Any]:
        """Return the record of a finished run.

        Raises
        ------
        FileNotFoundError
            It is not finished.
        ValueError
            The file is no run of this paper, or not all of one.
        """
        path = self.path(name)
        data = path.read_bytes()
        try:
            record = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: not a finished run: not JSON: {error}") from None
        setup = record.get("setup") if isinstance(record, dict) else None
        if not isinstance(setup, dict) or setup.get("paper") != self.paper:
            raise ValueError(f"{path}: not a run of finevec reproduce {self.paper}; choose another --out")
        try:
            self._check(name, record)
        except ValueError as error:
            raise ValueError(f"{path}: not a finished run: {error}") from None
        return dict(record)

    def load(self, name: str, setup: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the record of a run, or None where it is not finished.

        The checkpoint of a finished run is removed: a process may have been killed before it could do so.

        Raises
        ------
        ValueError
            Its file is something else, or was made with another setup. The message names what differs.
        """
        try:
            record = self.read(name)
        except FileNotFoundError:
            return None
        found = differences(record["setup"], setup)
        if found:
            raise ValueError(f"{self.path(name)}: was run with {named_differences(found)}; choose another --out")
        self.checkpoint(name, setup).unlink(missing_ok=True)
        return record

    def save(self, name: str, record: Mapping[str, Any]) -> None:
        """Keep the record of a finished run, which holds its setup under ``"setup"``, and remove its checkpoint.

        Raises
        ------
        ValueError
            Another process has kept the run with another setup meanwhile. Its file and our checkpoint stay.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.load(name, record["setup"])
        with replaced_file(self.path(name)) as file:
            file.write((json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
        self.checkpoint(name, record["setup"]).unlink(missing_ok=True)

    def write_reports(self, reports: Callable[[list[dict[str, Any]]], Mapping[str, str]]) -> None:
        """Write the reports on all finished runs, at least one, into the directory.

        Each file is written aside and renamed. Where another process finished a run meanwhile, they are written again:
        of several processes, the last one to write has seen all runs.

        Parameters
        ----------
        reports : callable
            Returns, for the records, the text of each file by name. What it raises ends it; nothing was written then.
        """
        while True:
            names = self.names()
            for name, text in reports([self.read(name) for name in names]).items():
                with replaced_file(self.directory / name) as file:
                    file.write(text.encode())
            if self.names() == names:
                return


def named_differences(found: list[str]) -> str:
    """Return the first of some differences in words, and how many there are beside them."""
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return "; ".join(found[:_MOST_NAMED]) + more


def differences(kept: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in words what differs between two setups.

    Examples
    --------
    >>> differences({"epochs": 25, "data": {"mr.all.tsv": "ab"}}, {"epochs": 20, "data": {"mr.all.tsv": "cd"}})
    ['data mr.all.tsv ab, not cd', 'epochs 25, not 20']
    """
    first, second = _flat(kept), _flat(json.loads(json.dumps(now)))
    missing = object()
    names = sorted(name for name in {*first, *second} if first.get(name, missing) != second.get(name, missing))
    return [f"{name} {_shown(first, name)}, not {_shown(second, name)}" for name in names]


def _flat(setup: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in setup.items():
        inner = {f"{name} {key}": entry for key, entry in value.items()} if isinstance(value, dict) else {name: value}
        flat.update(inner)
    return flat


def _shown(flat: Mapping[str, Any], name: str) -> str:
    return str(flat[name]) if name in flat else "unset"
