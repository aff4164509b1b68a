"""One run of Kim's table (2014)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import blas
from ..datasets.tokenized import examples_of_parts
from ..models import TextCNN
from ..train import fit
from ..train.metrics import run_metrics
from ..train.progress import Progress
from ..train.settings import Settings
from ..vectors import WordVectors
from .experiment import Source, training
from .kim import MODEL, NEIGHBORS, NEIGHBORS_OF, TOKENIZER, KimRun, run_settings
from .kim_data import SetTexts, run_texts


@dataclass(frozen=True)
class Experiment:
    """What all runs share.

    Parameters
    ----------
    data : mapping of str to SetTexts
        The texts of each set.
    source : Source
    folds : int
        Of sets that are cross-validated.
    settings : Settings
        Of the whole table: `run_settings` gives those of a run.
    """

    data: Mapping[str, SetTexts]
    source: Source
    folds: int
    settings: Settings


def train_run(experiment: Experiment, run: KimRun, progress: Progress, checkpoint: Path) -> dict[str, Any]:
    """Train and test once.

    Parameters
    ----------
    experiment : Experiment
    run : KimRun
    progress : Progress
        Is closed at the end.
    checkpoint : Path
        Where the training keeps its state; a training that was stopped goes on from it.

    Returns
    -------
    dict
        The metrics that ``finevec train --metrics`` writes, and "neighbors" where table 3 takes them from this run.

    Raises
    ------
    FloatingPointError
        The training diverged.
    ValueError
        No word of the training texts has a vector, no text could be held out, or the checkpoint is none of this run.
    """
    start = time.perf_counter()
    data = experiment.data[run.set]
    texts = run_texts(data, run, experiment.folds)
    settings = run_settings(run, experiment.settings)
    with blas.threads(settings.blas_threads):
        more = [tokens for part, other in texts.items() if part != "train" for tokens in other.tokens]
        rows = experiment.source.rows(run.variant, texts["train"].tokens, more, run.seed, data.paths["train"])
        own: dict[str, Any] = {"mode": run.variant, "tokenizer": TOKENIZER, "seed": run.seed, **MODEL}
        model = TextCNN(rows.table, rows.words, data.classes, **own)
        parts = examples_of_parts(model, texts, run.seed)
        fit_start = time.perf_counter()
        with training(checkpoint, progress):
            history = fit(model, parts["train"], parts["dev"], settings, progress, checkpoint=checkpoint)
        # What is spent in other processes, before the training went on from its checkpoint, counts too.
        start += time.perf_counter() - fit_start - history.seconds
        files = {part: data.paths.get(part) for part in ("train", "dev", "test")}
        files["vectors"] = experiment.source.path_for(run.variant)
        metrics = run_metrics(model, settings, rows.known, parts, history, files)
    if run.shows_neighbors:
        metrics["neighbors"] = neighbors(model, rows.trained)
    metrics["seconds"] = round(time.perf_counter() - start, 3)
    return metrics


def neighbors(model: TextCNN, trained: int) -> dict[str, dict[str, list[tuple[str, float]]]]:
    """Return the nearest words of `NEIGHBORS_OF` by cosine in both tables of a multichannel model.

    Parameters
    ----------
    model : TextCNN
    trained : int
        The first so many of the model's words, those of the training texts, are looked at.

    Returns
    -------
    dict
        For each word that is among them, under "static" and "tuned", the `NEIGHBORS` nearest with their cosines.
    """
    assert model.static_vectors is not None
    words = model.words[:trained]
    tables = {"static": model.static_vectors, "tuned": model.vectors}
    searched = {name: WordVectors(words, table[:trained]) for name, table in tables.items()}
    return {
        word: {
            name: [(other, round(cosine, 4)) for other, cosine in vectors.most_similar(word, topn=NEIGHBORS)]
            for name, vectors in searched.items()
        }
        for word in NEIGHBORS_OF
        if model.row.get(word, trained) < trained
    }
