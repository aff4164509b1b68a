"""``finevec reproduce tai``: the tables of Tai et al. (2015)."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..models import TreeLSTM
from ..reproduce.experiment import Source
from ..reproduce.loop import Planned
from ..reproduce.runs import RunStore, digest
from ..reproduce.tai import EPOCHS, FOLDERS, SETS, STRUCTURES, VARIANTS, TaiRun, check_record, run_setup, tai_runs
from ..reproduce.tai_data import Files, Key, find_parts, read_sets
from ..reproduce.tai_report import REPORTS, result, write_reports
from ..reproduce.tai_training import Experiment, train_run
from ..train.progress import Progress
from ..train.settings import Settings
from ..vectors import MAX_DIM, WordVectors
from . import paper_table, train_arguments
from .arguments import whole_number
from .reading import vectors_file

_PAPER = paper_table.Paper(write_reports, REPORTS, ("sets", "structures", "variants"), result)


def add_parser(papers: Any) -> None:
    """Add the paper's arguments."""
    parser = papers.add_parser(
        "tai",
        help="the Tree-LSTMs of Tai et al. (2015), on sentiment and relatedness",
        description="Train the Tree-LSTMs of Tai et al. (2015) over constituency and dependency trees with random, "
        "fixed and tuned word vectors: fine-grained and binary sentiment of the Stanford Sentiment Treebank, and "
        "relatedness of the sentences of SICK. Writes DIR/tai.md, tai.csv and tai.runs.csv after every run, and keeps "
        "each run in DIR/runs. May be stopped at any time: the same command goes on. Several may work on one DIR, each "
        "on other --sets, --structures or --variants.",
    )
    places = f"where the files are, maybe in its subfolders {' and '.join(FOLDERS)}"
    parts = [named for chosen in SETS.values() for files in chosen.files.values() for named in files.values()]
    paper_table.add_data(parser, places, (file for named in parts for file in named))
    table = parser.add_argument_group(
        "table", "SICK has fixed vectors alone, and dependency trees have no random ones."
    )
    paper_table.add_choices(table, sets=SETS, structures=STRUCTURES, variants=VARIANTS)
    paper_table.add_seeds(table)
    table.add_argument(
        "--dim", type=whole_number(1, MAX_DIM), metavar="N", help="columns of random rows (default: as the vectors)"
    )
    train_arguments.add_training_arguments(parser, {"tree-lstm": TreeLSTM}, frozen="of tuned: ")
    parser.set_defaults(epochs=EPOCHS, patience=0)
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Do what is missing of the tables, and write the reports. Returns the exit code."""
    store = RunStore(args.out, args.paper, check_record)
    settings = paper_table.settings(args)
    args.vectors = vectors_file(args.vectors)
    runs = {run.name: run for run in tai_runs(args.sets, args.structures, args.variants, args.seeds)}
    if not runs:
        raise ValueError("the tables have no cell of these sets, structures and variants: see --help")
    files = find_parts(args.data, dict.fromkeys((run.set, run.structure) for run in runs.values()))
    store.prepare()
    train_arguments.warn_of_blas_threads(args)
    experiment = _read(args, settings, files)
    train_arguments.note_of_blas_threads(args)
    plan = _plan(experiment, runs.values(), digest(args.vectors))

    def train(planned: Planned, progress: Progress, checkpoint: Path) -> dict[str, Any]:
        return train_run(experiment, runs[planned.name], progress, checkpoint)

    return paper_table.fill_table(args, _PAPER, store, plan, train)


def _read(args: argparse.Namespace, settings: Settings, files: Mapping[Key, Files]) -> Experiment:
    data = read_sets(files)
    vectors = WordVectors.load(args.vectors, vocabulary=set().union(*(trees.words() for trees in data.values())))
    return Experiment(data, Source(vectors, args.vectors, args.dim or vectors.vector_size), settings)


def _plan(experiment: Experiment, runs: Iterable[TaiRun], vectors: str) -> list[Planned]:
    return [
        Planned(
            run.name,
            run.label,
            run_setup(
                run,
                experiment.settings,
                dim=experiment.source.dim(run.variant),
                data=experiment.data_of(run).digests,
                vectors=vectors,
            ),
            kind=f"{run.set} {run.structure} {run.variant}",
            texts=len(experiment.data_of(run).parts["train"]),
        )
        for run in runs
    ]
