"""``finevec reproduce``: the tables of papers, computed anew."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..models import TextCNN
from ..reproduce.folds import split_folds
from ..reproduce.kim import SETS, TUNED, VARIANTS, KimRun, check_record, kim_runs, run_setup
from ..reproduce.kim_data import find_files, read_set
from ..reproduce.kim_report import REPORTS, write_reports
from ..reproduce.kim_training import Experiment, train_run
from ..reproduce.loop import Planned, run_missing
from ..reproduce.runs import RunStore, digest
from ..train.metrics import as_text
from ..train.progress import Progress, Silent, progress_for
from ..train.settings import Settings
from ..vectors import MAX_DIM, WordVectors
from . import train_arguments
from .arguments import MOST_REPEATS, nonempty_path, whole_number
from .reading import vectors_file


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "reproduce",
        help="compute a paper's table anew",
        description="Compute a paper's table anew, on your data and vectors, beside the paper's figures.",
    )
    papers = parser.add_subparsers(dest="paper", metavar="PAPER", required=True)
    _add_kim(papers)


def _add_kim(papers: Any) -> None:
    parser = papers.add_parser(
        "kim",
        help="the text CNN of Kim (2014), four variants on four data sets",
        description="Train the text CNN of Kim (2014) with random, frozen, tuned and both kinds of word vectors on MR, "
        "SST-1, SST-2 and TREC. Writes DIR/kim.md, kim.csv and kim.runs.csv after every run, and keeps each run in "
        "DIR/runs. May be stopped at any time: the same command goes on. Several may work on one DIR, each on other "
        "--sets or --variants.",
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        type=nonempty_path,
        required=True,
        metavar="DIR",
        help="where the files are, label<TAB>text a line, plain or with .gz added: "
        + ", ".join(dict.fromkeys(file for chosen in SETS.values() for file in chosen.files.values())),
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
    table = parser.add_argument_group("table")
    table.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), help="default: all")
    table.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), help="default: all")
    table.add_argument(
        "--folds",
        type=whole_number(2, MOST_REPEATS),
        default=10,
        metavar="N",
        help="of MR's cross-validation (default %(default)s)",
    )
    table.add_argument(
        "--seeds",
        type=whole_number(1, MOST_REPEATS),
        default=1,
        metavar="N",
        help="do everything with the seeds 1 to N; each has folds of its own (default %(default)s)",
    )
    table.add_argument(
        "--dim", type=whole_number(1, MAX_DIM), metavar="N", help="columns of random rows (default: as the vectors)"
    )
    train_arguments.add_training_arguments(parser, {"cnn": TextCNN}, frozen=f"of {' and '.join(TUNED)}: ")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Do what is missing of the table, and write the reports. Returns the exit code."""
    store = RunStore(args.out, args.paper, check_record)
    settings = _settings(args)
    args.vectors = vectors_file(args.vectors)
    paths = find_files(args.data, args.sets)
    store.prepare()
    train_arguments.warn_of_blas_threads(args)
    experiment = _read(args, settings, paths)
    runs = {run.name: run for run in kim_runs(args.sets, args.variants, args.folds, args.seeds)}
    plan = _plan(experiment, runs.values(), digest(args.vectors))
    command = _command(args)

    def train(planned: Planned) -> dict[str, Any]:
        checkpoint = store.checkpoint(planned.name, planned.setup)
        record = train_run(experiment, runs[planned.name], _progress(args, planned), checkpoint)
        return {**record, "command": command}

    try:
        run_missing(plan, store, train, lambda: write_reports(store), lambda text: _say(args, text))
    except KeyboardInterrupt:
        if store.names():
            told = f"finished runs are in {args.out}: the same command goes on from there"
        else:
            told = "no run is finished: the same command goes on after the last finished epoch"
        print(f"\n{told}", file=sys.stderr, flush=True)
        raise
    print((store.directory / REPORTS[0]).read_text(encoding="utf-8").split("## What differs")[0].rstrip())
    print(f"\nsaved  {', '.join(str(store.directory / name) for name in REPORTS)}")
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    if args.freeze_epochs >= args.epochs:
        raise ValueError(f"--freeze-epochs {args.freeze_epochs} leaves none of at most {args.epochs} epochs to tune in")
    return train_arguments.settings(args)


def _read(args: argparse.Namespace, settings: Settings, paths: Mapping[str, Mapping[str, Path]]) -> Experiment:
    data = {name: read_set(name, parts) for name, parts in paths.items()}
    for name, texts in data.items():
        if SETS[name].cross_validated:
            split_folds(texts.parts["train"].targets, args.folds, seed=1)  # complains of too many folds
    vectors = WordVectors.load(args.vectors, vocabulary=set().union(*(texts.words() for texts in data.values())))
    return Experiment(data, vectors, args.vectors, args.dim or vectors.vector_size, args.folds, settings)


def _plan(experiment: Experiment, runs: Iterable[KimRun], vectors: str) -> list[Planned]:
    return [
        Planned(
            run.name,
            run.label,
            run_setup(
                run,
                experiment.settings,
                folds=experiment.folds,
                dim=experiment.dim(run),
                data=experiment.data[run.set].digests,
                vectors=vectors,
            ),
            kind=f"{run.set} {run.variant}",
            texts=len(experiment.data[run.set].parts["train"].tokens),
        )
        for run in runs
    ]


def _command(args: argparse.Namespace) -> str:
    """Return the command line, for the record; bytes of paths that are no UTF-8 as escapes."""
    words = ["finevec", "reproduce", args.paper, "--data", args.data, "--vectors", args.vectors, "--out", args.out]
    options = ("sets", "variants", "folds", "seeds", "dim", "epochs", "patience", "optimizer", "lr", "embedding_lr")
    for name in (*options, "freeze_epochs", "blas_threads"):
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
