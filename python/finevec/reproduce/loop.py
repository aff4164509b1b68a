"""Doing the runs of a plan that are not finished yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..wording import counted
from .runs import RunStore
from .summary import duration


@dataclass(frozen=True)
class Planned:
    """A run to do.

    Parameters
    ----------
    name : str
        Its name in the store.
    label : str
        Its name for people.
    setup : mapping
        What it depends on, as the store keeps it.
    kind : str
        Runs of one kind take about the same time.
    texts : int
        The size of its training set: how the time of a kind that was never run is guessed.
    """

    name: str
    label: str
    setup: Mapping[str, Any]
    kind: str
    texts: int


def finished_runs(plan: Sequence[Planned], store: RunStore) -> dict[str, dict[str, Any]]:
    """Return the records, by name, of the planned runs that are finished.

    Raises
    ------
    ValueError
        One was made with another setup.
    """
    records = {run.name: store.load(run.name, run.setup) for run in plan}
    return {name: record for name, record in records.items() if record is not None}


def accuracy(record: Mapping[str, Any]) -> str:
    """Return the test accuracy of a record for people."""
    return f"{100 * record['test_accuracy']:.2f} %"


def run_missing(
    plan: Sequence[Planned],
    store: RunStore,
    train: Callable[[Planned], dict[str, Any]],
    write_reports: Callable[[], None],
    say: Callable[[str], None],
    result: Callable[[Mapping[str, Any]], str] = accuracy,
) -> None:
    """Do the planned runs that are not finished, in the order of the plan, and keep each as soon as it is.

    Parameters
    ----------
    plan : sequence of Planned
    store : RunStore
    train : callable
        Does a run and returns its record: metrics, with ``"seconds"``.
    write_reports : callable
        Writes the reports anew; called at the start and after each run.
    say : callable
        Is told one line for each run.
    result : callable
        Returns what to tell of the test result in a record.

    Raises
    ------
    FloatingPointError
        A run diverged. The message names it.
    ValueError
        A finished run was made with another setup; nothing has been run. Or another process has kept one with another
        setup meanwhile; that one stays.
    """
    done = finished_runs(plan, store)
    say(f"{counted(len(plan), 'run')}, {len(done):,} of them finished before")
    for path in store.other_checkpoints({run.name: run.setup for run in plan}):
        say(f"{path}: is of other settings; remove it unless another process is at work on it")
    if store.names():
        write_reports()
    for position, run in enumerate(plan):
        if run.name in done:
            continue
        # Another process may have finished it meanwhile.
        record = store.load(run.name, run.setup)
        if record is None:
            try:
                record = train(run)
            except FloatingPointError as error:
                raise FloatingPointError(f"{run.label}: {error}") from None
            record["setup"] = dict(run.setup)
            store.save(run.name, record)
            write_reports()
        done[run.name] = record
        left = [other for other in plan[position + 1 :] if other.name not in done]
        rest = f"{len(left):,} left, about {duration(expected_seconds(left, plan, done))}" if left else "none left"
        epochs = counted(len(record["history"]["epochs"]), "epoch")
        say(f"{run.label}: test {result(record)}, {epochs}, {duration(record['seconds'])}; {rest}")


def expected_seconds(left: Sequence[Planned], plan: Sequence[Planned], done: Mapping[str, Mapping[str, Any]]) -> float:
    """Return how long the runs that are left will take, going by at least one that is done."""
    times: dict[str, list[float]] = {}
    for run in plan:
        if run.name in done:
            times.setdefault(run.kind, []).append(done[run.name]["seconds"])
    texts = sum(run.texts for run in plan if run.name in done)
    a_text = sum(map(sum, times.values())) / texts
    return sum(sum(times[run.kind]) / len(times[run.kind]) if run.kind in times else a_text * run.texts for run in left)
