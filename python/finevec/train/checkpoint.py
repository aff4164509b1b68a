"""The file that a training run is kept in: after a kill the run goes on from it with the same bits.

It is an uncompressed ``.npz`` archive; nothing in it is pickled. Its size, and the work of an epoch's save, follow from
the rows that training touches, whatever the size of the tables.

==============================  ========================================================================================
``run``                         JSON in UTF-8, as bytes: `FORMAT` and `FORMAT_VERSION`, what the run is (`identity` in
                                `run_state`), its environment, the record of each epoch, and the steps of the
                                optimizer and of each parameter
``weights.<group>.<index>``     the weights after the last epoch: of tables the trained rows, of others everything
``best.<group>.<index>``        those of the best epoch; not there when the last epoch is the best
``state.<parameter>.<name>``    the optimizer's state, of tables that of the trained rows; parameters count as in
                                `Optimizer.state_dict`
==============================  ========================================================================================
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import blas
from ..checks import integer, number
from ..optim.rule import find_rule
from ..parameter import Parameter
from ..replace import replaced_file
from ..vectors import npz
from .history import EpochRecord, best_epoch, run_ends
from .run_state import RunState
from .settings import Settings
from .snapshot import Snapshot

FORMAT = "finevec-checkpoint"
FORMAT_VERSION = 1

_MOST_TOLD = 3  # differences to another run


class Checkpoint:
    """The file of one run.

    Parameters
    ----------
    path : path
        The file. It may not exist yet.
    state : RunState
        What is saved, and what loading fills.
    run : dict
        What `identity` gave for the run.

    Raises
    ------
    OSError, ValueError
        As `check_checkpoint_target`.
    """

    def __init__(self, path: str | os.PathLike[str], state: RunState, run: dict[str, Any]) -> None:
        check_checkpoint_target(path)
        self.path = os.fspath(path)
        self._state = state
        self._run = run

    def save(self) -> None:
        """Write the state of now: aside and renamed, so that a kill or a full disk leaves the former file whole."""
        state = self._state
        records = state.history.epochs
        optimizer_state = state.optimizer.state_dict(rows=self._table_rows())
        description = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "run": self._run,
            "environment": state.history.environment,
            "epochs": [asdict(record) for record in records],
            "steps": optimizer_state["steps"],
            "parameter_steps": {position: kept["step"] for position, kept in optimizer_state["state"].items()},
        }
        arrays = {f"weights.{name}": array for name, array in Snapshot(state.groups, state.rows).arrays().items()}
        if best_epoch(records) != len(records):
            arrays |= {f"best.{name}": array for name, array in state.best.arrays().items()}
        for position, kept in optimizer_state["state"].items():
            arrays |= {f"state.{position}.{name}": array for name, array in kept.items() if name != "step"}
        try:
            with replaced_file(self.path) as file, zipfile.ZipFile(file, "w") as archive:
                npz.write(archive, "run", np.frombuffer(_to_json(description).encode(), np.uint8))
                for name, array in arrays.items():
                    npz.write(archive, name, array)
        except OSError as error:
            if error.filename is None:  # of a write, a flush: on a full disk, beyond the process's limit
                error.filename = self.path
            raise

    def load(self, settings: Settings) -> list[str]:
        """Take over the state that the file holds, if it exists: weights, optimizer, best epoch, history.

        Parameters
        ----------
        settings : Settings
            Of the run that shall go on.

        Returns
        -------
        list of str
            What to tell about it, a line each. Empty: there is no file.

        Raises
        ------
        ValueError
            The file is damaged or no checkpoint, is one of another run, or of one that would have ended earlier with
            these settings. Nothing was changed.
        OSError
            The file cannot be read.
        """
        if not os.path.exists(self.path):
            return []
        with open(self.path, "rb") as file:
            with self._told_as_damage():
                reader = npz.Reader(file)
                description = _read_description(reader)
                records = [_record(epoch, given) for epoch, given in enumerate(description["epochs"], start=1)]
            self._check_run(description["run"], records, settings)
            with self._told_as_damage():
                weights = self._read_weights(reader, "weights")
                best = weights if best_epoch(records) == len(records) else self._read_weights(reader, "best")
                self._state.optimizer.load_state_dict(self._read_state(reader, description), rows=self._table_rows())
        self._put(weights, best, records)
        environment = description["environment"]
        if run_ends(records, settings):
            self._state.history.environment = environment
            return [f"nothing is left to train after epoch {len(records)}, from {self.path}"]
        return [f"going on after epoch {len(records)}, from {self.path}", *self._warnings(environment)]

    def _check_run(self, run: dict[str, Any], records: list[EpochRecord], settings: Settings) -> None:
        """Refuse the file of a run that could not have come to this state with the present settings and data."""
        now = json.loads(_to_json(self._run))
        different = [
            f"{name}: expected {run.get(name, 'nothing')}, got {now.get(name, 'nothing')}"
            for name in {**now, **run}
            if name not in run or name not in now or run[name] != now[name]
        ]
        if different:
            more = f"; and {len(different) - _MOST_TOLD} more" if len(different) > _MOST_TOLD else ""
            raise ValueError(
                f"{self.path}: checkpoint of another run: {'; '.join(different[:_MOST_TOLD])}{more}: "
                f"{_blas_advice(run, now)}remove it or choose another file"
            )
        for epoch in range(len(records)):
            if run_ends(records[:epoch], settings):
                raise ValueError(
                    f"{self.path}: with epochs {settings.epochs} and patience {settings.patience} the run would have "
                    f"ended after epoch {epoch}, earlier than the checkpoint's epoch {len(records)}: give at least as "
                    "many epochs and as much patience as before"
                )

    def _warnings(self, environment: dict[str, Any]) -> list[str]:
        now = self._state.history.environment
        unknown = (
            "warning: how many threads NumPy's BLAS uses is not known, and the last bits may differ: install "
            f"threadpoolctl, or set {blas.VARIABLES[0]}"
        )
        return ([unknown] if now["blas_threads"] is None else []) + [
            f"warning: {self.path} was written with {name} {environment.get(name)}, this is {now[name]}: "
            "the last bits may differ"
            for name in ("finevec", "numpy")
            if environment.get(name) != now[name]
        ]

    def _put(self, weights: dict[str, NDArray[Any]], best: dict[str, NDArray[Any]], records: list[EpochRecord]) -> None:
        state = self._state
        current = Snapshot(state.groups, state.rows)
        for snapshot, values in ((current, weights), (state.best, best)):
            for name, array in snapshot.arrays().items():
                array[...] = values[name]
        current.restore()
        state.history.epochs = records
        state.history.best_epoch = best_epoch(records)
        state.history.seconds = records[-1].seconds

    def _table_rows(self) -> dict[Parameter, NDArray[np.int64]]:
        return {table: self._state.rows for table in self._state.groups.get("embedding", ())}

    def _read_weights(self, reader: npz.Reader, kind: str) -> dict[str, NDArray[Any]]:
        arrays = self._state.best.arrays().items()
        return {name: reader.read(f"{kind}.{name}", array.dtype, *array.shape) for name, array in arrays}

    def _read_state(self, reader: npz.Reader, description: dict[str, Any]) -> dict[str, Any]:
        """Return the optimizer's state dict: with the hyper-parameters that it has, which are those of the run."""
        optimizer = self._state.optimizer
        rows = self._table_rows()
        steps = {int(position): step for position, step in description["parameter_steps"].items()}
        owned = [(group["rule"], param) for group in optimizer.param_groups for param in group["params"]]
        state = {}
        for position, step in steps.items():
            rule, param = find_rule(owned[position][0]), owned[position][1]
            shape = rule.state_shape(param.data)
            if param in rows:
                shape = (len(rows[param]), *shape[1:])
            arrays = {name: reader.read(f"state.{position}.{name}", param.dtype, *shape) for name in rule.state_names}
            state[position] = {"step": step, **arrays}
        return {**optimizer.state_dict(rows=rows), "steps": description["steps"], "state": state}

    @contextlib.contextmanager
    def _told_as_damage(self) -> Iterator[None]:
        """Turn what is raised about the content of the file, for which there is no list, into a ValueError."""
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:
            what = " ".join(f"{type(error).__name__}: {error}".split())  # some of NumPy's have several lines
            raise ValueError(f"{self.path}: no finevec checkpoint, or a damaged one: {what}") from None


def _blas_advice(run: dict[str, Any], now: dict[str, Any]) -> str:
    """Return how to get the BLAS threads of a checkpoint again, or nothing where these are not what differs."""
    name = "environment.blas_threads"
    kept = run.get(name)
    if kept == now.get(name) or run.get("blas_threads") != now.get("blas_threads"):
        return ""
    first, *others = blas.VARIABLES
    if kept is None:
        return f"it was written without threadpoolctl and without {first} (or its kin): go on without them, or "
    choice = f"set {first} (or {', '.join(others)}, as NumPy's BLAS has it) to {kept}"
    if kept == run.get("blas_threads"):
        return f"{choice}, or install threadpoolctl (the extra [repro]), to go on; or "
    return f"{choice}, and go on without threadpoolctl; or "


def check_checkpoint_target(name: str | os.PathLike[str]) -> None:
    """Check that a checkpoint could be written to a file, before anything is computed.

    Parameters
    ----------
    name : path
        It may not exist yet, or be a file. What the file holds is not looked at.

    Raises
    ------
    OSError
        It is a directory, its directory does not exist, or it cannot be written there.
    ValueError
        It is a device or a pipe, which a file cannot be renamed over.
    """
    path = Path(os.path.realpath(name))
    shown = os.fspath(name)
    if path.is_dir():
        raise IsADirectoryError(f"{shown}: expected a file to keep the checkpoint in, found a directory")
    if path.exists() and not path.is_file():
        raise ValueError(f"{shown}: expected a file to keep the checkpoint in, found a device or a pipe")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{shown}: there is no directory {path.parent} to write it in")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"{shown}: no permission to write in {path.parent}")


def _read_description(reader: npz.Reader) -> dict[str, Any]:
    found = json.loads(reader.read("run", np.uint8, None).tobytes())
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f"it does not call itself {FORMAT}")
    if found.get("format_version") != FORMAT_VERSION:
        raise ValueError(f"expected format version {FORMAT_VERSION}, got {found.get('format_version')!r}")
    kinds = {"run": dict, "environment": dict, "epochs": list, "parameter_steps": dict}
    for name, kind in kinds.items():
        if not isinstance(found.get(name), kind):
            raise ValueError(f"{name}: expected a {kind.__name__}, got {type(found.get(name)).__name__}")
    if not found["epochs"]:
        raise ValueError("epochs: expected at least 1, got 0")
    return found


def _record(epoch: int, given: dict[str, Any]) -> EpochRecord:
    """Return the record of one epoch, checked."""
    if integer("epoch", given["epoch"]) != epoch:
        raise ValueError(f"epoch: expected {epoch}, got {given['epoch']}")
    names = [field.name for field in fields(EpochRecord) if field.name != "epoch"]
    return EpochRecord(epoch, **{name: number(name, given[name]) for name in names})


def _to_json(value: Any) -> str:
    """Return JSON; NumPy's numbers, which settings may hold, count as plain ones."""
    return json.dumps(value, allow_nan=False, default=np.generic.item)
