"""One run of the tables of Tai et al. (2015)."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import blas
from ..datasets.sick import TreePair
from ..models import TreeLSTM, TreeRelatedness
from ..models.starting_rows import StartingRows
from ..train import fit
from ..train.metrics import run_metrics
from ..train.progress import Progress
from ..train.settings import Settings
from ..vectors.word_pairs import pearson, spearman
from .experiment import Source, training
from .tai import MODES, SETS, TaiRun, model_options, run_settings
from .tai_data import Key, SetTrees, labelled_nodes, sentences


@dataclass(frozen=True)
class Experiment:
    """What all runs share.

    Parameters
    ----------
    data : mapping of (str, str) to SetTrees
        The trees of each set and structure.
    source : Source
    settings : Settings
        Of the whole table: `run_settings` gives those of a run.
    """

    data: Mapping[Key, SetTrees]
    source: Source
    settings: Settings

    def data_of(self, run: TaiRun) -> SetTrees:
        """Return the trees of a run."""
        return self.data[run.set, run.structure]


def train_run(experiment: Experiment, run: TaiRun, progress: Progress, checkpoint: Path) -> dict[str, Any]:
    """Train and test once.

    Parameters
    ----------
    experiment : Experiment
    run : TaiRun
    progress : Progress
        Is closed at the end.
    checkpoint : Path
        Where the training keeps its state; a training that was stopped goes on from it.

    Returns
    -------
    dict
        The metrics that ``finevec train --metrics`` writes, "test_scores" with the set's metrics, and "train_labels",
        the number of labelled nodes that were trained on.

    Raises
    ------
    FloatingPointError
        The training diverged.
    ValueError
        No word of the training trees has a vector, or the checkpoint is none of this run.
    """
    start = time.perf_counter()
    data = experiment.data_of(run)
    settings = run_settings(run, experiment.settings)
    with blas.threads(settings.blas_threads):
        words = {part: sentences(trees) for part, trees in data.parts.items()}
        more = [*words["dev"], *words["test"]]
        rows = experiment.source.rows(run.variant, words["train"], more, run.seed, data.paths["train"])
        model = _model(run, rows)
        parts = {part: model.examples(trees) for part, trees in data.parts.items()}
        fit_start = time.perf_counter()
        with training(checkpoint, progress):
            history = fit(model, parts["train"], parts["dev"], settings, progress, checkpoint=checkpoint)
        # What is spent in other processes, before the training went on from its checkpoint, counts too.
        start += time.perf_counter() - fit_start - history.seconds
        files = {**data.paths, "vectors": experiment.source.path_for(run.variant)}
        metrics = run_metrics(model, settings, rows.known, parts, history, files)
        if isinstance(model, TreeRelatedness):
            metrics["test_scores"] = relatedness_scores(model, data.parts["test"])
        else:
            metrics["test_scores"] = {"accuracy": metrics["test_accuracy"]}
    metrics["train_labels"] = labelled_nodes(data.parts["train"])
    metrics["seconds"] = round(time.perf_counter() - start, 3)
    return metrics


def _model(run: TaiRun, rows: StartingRows) -> TreeLSTM | TreeRelatedness:
    options = {"mode": MODES[run.variant], **model_options(run)}
    classes = SETS[run.set].classes
    if classes:
        return TreeLSTM(rows.table, rows.words, classes, **options)
    return TreeRelatedness(rows.table, rows.words, **options)


def relatedness_scores(model: TreeRelatedness, pairs: Sequence[TreePair]) -> dict[str, float]:
    """Return the correlations of predicted and right scores, 0 where undefined, and the mean squared error."""
    predicted, right = model.predict(pairs), np.array([pair.score for pair in pairs])
    correlations = {"pearson": pearson(predicted, right), "spearman": spearman(predicted, right)}
    return {
        **{name: 0.0 if math.isnan(found.statistic) else found.statistic for name, found in correlations.items()},
        "mse": float(np.mean((predicted - right) ** 2)),
    }
