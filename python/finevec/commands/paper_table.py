"""What ``finevec reproduce`` does alike for every paper: arguments, the loop over the plan, how runs are shown."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..reproduce.loop import Planned, accuracy, run_missing
from ..reproduce.runs import RunStore
from ..train.metrics import as_text
from ..train.progress import Progress, Silent, progress_for
from ..train.settings import Settings
from . import train_arguments
from .arguments import MOST_REPEATS, nonempty_path, whole_number

SHARED_OPTIONS = (
    "seeds",
    "dim",
    "epochs",
    "patience",
    "optimizer",
    "embedding_optimizer",
    "lr",
    "embedding_lr",
    "weight_decay",
    "freeze_epochs",
    "blas_threads",
)
"""Of every paper, in the order in which a command line is told."""


def add_data(parser: argparse.ArgumentParser, files: str, names: Iterable[str]) -> None:
    """Add where data and vectors are and what is written goes; `files` says what the files with these `names` are."""
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        type=nonempty_path,
        required=True,
        metavar="DIR",
        help=f"{files}, plain or with .gz added: {', '.join(dict.fromkeys(names))}",
    )
    data.add_argument(
        "--vectors",
        type=nonempty_path,
        required=True,
        metavar="FILE",
        help="pretrained vectors in any format that finevec inspect knows, or a saved model's directory",
    )
    data.add_argument(
        "--out", type=nonempty_path, required=True, metavar="DIR", help="where runs and reports are written"
    )


def add_choices(table: argparse._ArgumentGroup, **choices: Iterable[str]) -> None:
    """Add, for each keyword, an option that takes one or more of the choices."""
    for name, known in choices.items():
        table.add_argument(f"--{name}", nargs="+", choices=list(known), default=list(known), help="default: all")


def add_seeds(table: argparse._ArgumentGroup, more: str = "") -> None:
    """Add the number of seeds; `more` is told of each."""
    table.add_argument(
        "--seeds",
        type=whole_number(1, MOST_REPEATS),
        default=1,
        metavar="N",
        help=f"do everything with the seeds 1 to N{more} (default %(default)s)",
    )


def settings(args: argparse.Namespace) -> Settings:
    """Return the training settings of the whole table."""
    if args.freeze_epochs >= args.epochs:
        raise ValueError(f"--freeze-epochs {args.freeze_epochs} leaves none of at most {args.epochs} epochs to tune in")
    return train_arguments.settings(args)


class Paper(NamedTuple):
    """What differs from paper to paper in how a table is filled."""

    write_reports: Callable[[RunStore], None]
    reports: Sequence[str]
    """The files that it writes, that for people first."""
    options: Sequence[str]
    """The paper's own, which a command line tells before the `SHARED_OPTIONS`."""
    result: Callable[[Mapping[str, Any]], str] = accuracy
    """As in `run_missing`."""


def fill_table(
    args: argparse.Namespace,
    paper: Paper,
    store: RunStore,
    plan: Sequence[Planned],
    train: Callable[[Planned, Progress, Path], dict[str, Any]],
) -> int:
    """Do what is missing of a table, and write and print its reports. Returns the exit code.

    Parameters
    ----------
    args : Namespace
    paper : Paper
    store : RunStore
        Prepared.
    plan : sequence of Planned
    train : callable
        Does a run, with a checkpoint at the path, and returns its record.
    """
    command = _command(args, [*paper.options, *SHARED_OPTIONS])

    def record(planned: Planned) -> dict[str, Any]:
        checkpoint = store.checkpoint(planned.name, planned.setup)
        return {**train(planned, _progress(args, planned), checkpoint), "command": command}

    try:
        run_missing(
            plan, store, record, lambda: paper.write_reports(store), lambda text: _say(args, text), paper.result
        )
    except KeyboardInterrupt:
        if store.names():
            told = f"finished runs are in {args.out}: the same command goes on from there"
        else:
            told = "no run is finished: the same command goes on after the last finished epoch"
        print(f"\n{told}", file=sys.stderr, flush=True)
        raise
    report = (store.directory / paper.reports[0]).read_text(encoding="utf-8")
    print(report.split("## What differs")[0].rstrip())
    print(f"\nsaved  {', '.join(str(store.directory / name) for name in paper.reports)}")
    return 0


def _command(args: argparse.Namespace, options: Iterable[str]) -> str:
    """Return the command line, for the record; bytes of paths that are no UTF-8 as escapes."""
    words = ["finevec", "reproduce", args.paper, "--data", args.data, "--vectors", args.vectors, "--out", args.out]
    for name in options:
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    return as_text(shlex.join(words))


class _Beginning(Silent):
    """Prints the notes before the first epoch alone: that a run goes on from its checkpoint, and warnings about it."""

    def __init__(self, label: str, say: Callable[[str], None]) -> None:
        self._label = label
        self._say = say
        self._begun = False

    def note(self, text: str) -> None:
        """Print the note below the name of the run."""
        if not self._begun:
            self._say(f"{self._label}: {text}")

    def batch(self, epoch: int, seen: int, examples: int, loss: float, accuracy: float) -> None:
        """Print nothing from now on."""
        self._begun = True


def _progress(args: argparse.Namespace, run: Planned) -> Progress:
    """Return how a run is shown: its epochs on a terminal only, for there are very many."""
    if sys.stderr.isatty():
        return progress_for(sys.stderr, quiet=args.quiet)
    return _Beginning(run.label, lambda text: _say(args, text))


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.quiet:
        print(text, file=sys.stderr, flush=True)
