"""Toy data for ``finevec reproduce kim``, and the command on them."""

from __future__ import annotations

import csv

import numpy as np
from finevec.commands import main
from finevec.reproduce import kim_training
from finevec.train.progress import Silent
from toy_texts import BAD, GOOD, PLAIN, read_json, toy_texts, write_tsv, write_vectors

WORDS = [*GOOD, *BAD, *PLAIN, "!"]
DIM = 6
SETTINGS = ["--folds", "3", "--seeds", "2", "--epochs", "2", "--patience", "0"]
FILES = {
    "mr.all.tsv": (60, 2),
    "sst5.train.phrases.tsv": (60, 5),
    "sst5.dev.tsv": (20, 5),
    "sst5.test.tsv": (20, 5),
    "sst2.train.phrases.tsv": (40, 2),
    "sst2.dev.tsv": (20, 2),
    "sst2.test.tsv": (21, 2),
    "trec.train.tsv": (60, 3),
    "trec.test.tsv": (24, 3),
}


def write_kim_data(folder):
    """Write folder/data and folder/vectors.txt."""
    write_vectors(folder / "vectors.txt", WORDS, DIM)
    folder = folder / "data"
    folder.mkdir()
    for seed, (name, (count, classes)) in enumerate(FILES.items()):
        labels, texts = toy_texts(count, seed)
        rng = np.random.default_rng(seed)
        if classes > 2:
            labels = [str(label) for label in rng.permutation(np.arange(count) % classes)]
        write_tsv(folder / name, labels, [f"{text} !" for text in texts])


def reproduce(*more, settings=SETTINGS):
    """Run the command in the working directory."""
    return main(["reproduce", "kim", "--data", "data", "--vectors", "vectors.txt", "--out", "out", *settings, *more])


def records(out, pattern="*"):
    """Return the finished runs by name; with the default, there must be nothing else."""
    return {path.stem: read_json(path) for path in sorted((out / "runs").glob(pattern))}


def timeless(out, paper="kim"):
    """Return all that is written, without what the clock says."""

    def strip(value):
        if isinstance(value, dict):
            clock = ("seconds", "training_seconds", "examples_per_second")
            return {name: strip(inner) for name, inner in value.items() if name not in clock}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    lines = (out / f"{paper}.md").read_text(encoding="utf-8").splitlines()
    with open(out / f"{paper}.runs.csv", encoding="utf-8", newline="") as file:
        runs = [row[:-1] for row in csv.reader(file)]
    return {
        "runs": strip(records(out)),
        "report": [line for line in lines if " runs, " not in line],
        "cells": (out / f"{paper}.csv").read_bytes(),
        "table of runs": runs,
        "files": sorted(path.name for path in out.iterdir()),
    }


class Stops(Silent):
    """Interrupts a training in its second epoch."""

    def batch(self, epoch, *_):
        if epoch == 2:
            raise KeyboardInterrupt


def stop_in(monkeypatch, number, training=kim_training):
    """Let the run of this number, from 1, be interrupted in its second epoch; returns whether runs had checkpoints."""
    started = []

    def fit(model, train, dev, settings, progress, checkpoint):
        started.append(checkpoint.exists())
        return real(model, train, dev, settings, Stops() if len(started) == number else progress, checkpoint=checkpoint)

    real = training.fit
    monkeypatch.setattr(training, "fit", fit)
    return started
