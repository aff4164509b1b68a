"""``finevec reproduce kim``: the table of Kim (2014)."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..models import TextCNN
from ..reproduce.experiment import Source
from ..reproduce.folds import split_folds
from ..reproduce.kim import SETS, TUNED, VARIANTS, KimRun, check_record, kim_runs, run_setup
from ..reproduce.kim_data import find_parts, read_set
from ..reproduce.kim_report import REPORTS, write_reports
from ..reproduce.kim_training import Experiment, train_run
from ..reproduce.loop import Planned
from ..reproduce.runs import RunStore, digest
from ..train.progress import Progress
from ..train.settings import Settings
from ..vectors import MAX_DIM, WordVectors
from . import paper_table, train_arguments
from .arguments import MOST_REPEATS, whole_number
from .reading import vectors_file

_PAPER = paper_table.Paper(write_reports, REPORTS, ("sets", "variants", "folds"))


def add_parser(papers: Any) -> None:
    """Add the paper's arguments."""
    parser = papers.add_parser(
        "kim",
        help="the text CNN of Kim (2014), four variants on four data sets",
        description="Train the text CNN of Kim (2014) with random, frozen, tuned and both kinds of word vectors on MR, "
        "SST-1, SST-2 and TREC. Writes DIR/kim.md, kim.csv and kim.runs.csv after every run, and keeps each run in "
        "DIR/runs. May be stopped at any time: the same command goes on. Several may work on one DIR, each on other "
        "--sets or --variants.",
    )
    names = [file for chosen in SETS.values() for file in chosen.files.values()]
    paper_table.add_data(parser, "where the files are, label<TAB>text a line", names)
    table = parser.add_argument_group("table")
    paper_table.add_choices(table, sets=SETS, variants=VARIANTS)
    table.add_argument(
        "--folds",
        type=whole_number(2, MOST_REPEATS),
        default=10,
        metavar="N",
        help="of MR's cross-validation (default %(default)s)",
    )
    paper_table.add_seeds(table, "; each has folds of its own")
    table.add_argument(
        "--dim", type=whole_number(1, MAX_DIM), metavar="N", help="columns of random rows (default: as the vectors)"
    )
    train_arguments.add_training_arguments(parser, {"cnn": TextCNN}, frozen=f"of {' and '.join(TUNED)}: ")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Do what is missing of the table, and write the reports. Returns the exit code."""
    store = RunStore(args.out, args.paper, check_record)
    settings = paper_table.settings(args)
    args.vectors = vectors_file(args.vectors)
    paths = find_parts(args.data, args.sets)
    store.prepare()
    train_arguments.warn_of_blas_threads(args)
    experiment = _read(args, settings, paths)
    runs = {run.name: run for run in kim_runs(args.sets, args.variants, args.folds, args.seeds)}
    plan = _plan(experiment, runs.values(), digest(args.vectors))

    def train(planned: Planned, progress: Progress, checkpoint: Path) -> dict[str, Any]:
        return train_run(experiment, runs[planned.name], progress, checkpoint)

    return paper_table.fill_table(args, _PAPER, store, plan, train)


def _read(args: argparse.Namespace, settings: Settings, paths: Mapping[str, Mapping[str, Path]]) -> Experiment:
    data = {name: read_set(name, parts) for name, parts in paths.items()}
    for name, texts in data.items():
        if SETS[name].cross_validated:
            split_folds(texts.parts["train"].targets, args.folds, seed=1)  # complains of too many folds
    vectors = WordVectors.load(args.vectors, vocabulary=set().union(*(texts.words() for texts in data.values())))
    source = Source(vectors, args.vectors, args.dim or vectors.vector_size)
    return Experiment(data, source, args.folds, settings)


def _plan(experiment: Experiment, runs: Iterable[KimRun], vectors: str) -> list[Planned]:
    return [
        Planned(
            run.name,
            run.label,
            run_setup(
                run,
                experiment.settings,
                folds=experiment.folds,
                dim=experiment.source.dim(run.variant),
                data=experiment.data[run.set].digests,
                vectors=vectors,
            ),
            kind=f"{run.set} {run.variant}",
            texts=len(experiment.data[run.set].parts["train"].tokens),
        )
        for run in runs
    ]
