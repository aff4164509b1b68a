"""Runs of the toy classifier, and what of them must come out the same, for the tests of checkpoints."""

from __future__ import annotations

import functools

import pytest
from finevec.models import TextCNN
from finevec.train import Settings, fit
from finevec.train.progress import Silent
from test_train import WORDS, toy
from toy_texts import toy_table

# Large rates, so that the best epoch is neither the first nor the last.
UNSTEADY = {"batch_size": 5, "optimizer": "sgd", "lr": 8.0, "embedding_lr": 40.0}


class Told(Silent):
    """Keeps the notes, and counts the batches."""

    def __init__(self):
        self.notes = []
        self.batches = 0

    def note(self, text):
        self.notes.append(text)

    def batch(self, *_):
        self.batches += 1


def run(checkpoint=None, *, change=None, told=None, mode="non-static", count=60, dropout=0.0, model_seed=1, **chosen):
    """Train the toy model; return all that must be the same bits, without what the clock says."""
    model, train_examples, dev_examples = toy(mode, count=count, dropout=dropout, seed=model_seed)
    if change:
        change(model, train_examples, dev_examples)
    options = Settings(**{"patience": 0, "batch_size": 10, **chosen})
    history = fit(model, train_examples, dev_examples, options, told, checkpoint)
    return bits(model), figures(history)


def run_cnn(checkpoint=None, *, told=None, mode="non-static", **chosen):
    """Train the text CNN on the texts of the toy model; return what `run` does."""
    model = TextCNN(toy_table(WORDS), WORDS, ["neg", "pos"], mode=mode, widths=(2, 3), filters=4, dropout=0.5)
    _, train_examples, dev_examples = toy(count=60)
    history = fit(model, train_examples, dev_examples, Settings(patience=0, batch_size=10, **chosen), told, checkpoint)
    return bits(model), figures(history)


RUNS = {"bag": functools.partial(run, dropout=0.3), "cnn": run_cnn}
"""Runs with dropout by the kind of the model."""


def bits(model):
    return {name: array.tobytes() for name, array in model.arrays().items()}


def figures(history):
    records = [(r.epoch, r.train_loss, r.train_accuracy, r.dev_loss, r.dev_accuracy) for r in history.epochs]
    return records, history.best_epoch, history.stopped_early, history.changed_rows.tolist()


def assert_refused(path, message, *, change=None, mode="non-static", dropout=0.0, model_seed=1, **chosen):
    """The file is refused with one line that names it; neither it nor the model is changed."""
    before = path.read_bytes()
    model, train_examples, dev_examples = toy(mode, count=60, dropout=dropout, seed=model_seed)
    if change:
        change(model, train_examples, dev_examples)
    untrained = bits(model)
    told = Told()
    with pytest.raises(ValueError, match=message) as caught:
        fit(model, train_examples, dev_examples, Settings(**{"patience": 0, "batch_size": 10, **chosen}), told, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert bits(model) == untrained
    assert path.read_bytes() == before
    assert (told.batches, told.notes) == (0, [])
