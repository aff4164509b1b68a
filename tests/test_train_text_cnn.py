"""Training Kim's text CNN: limited rows, the modes, freezing, determinism, and steps beside a dense one-hot layer."""

from __future__ import annotations

import contextlib
import itertools
import time
from pathlib import Path

import finevec
import numpy as np
import pytest
import reference_text_cnn as oracle
from finevec.models import TextCNN
from finevec.models.text_classifier import Example
from finevec.optim import SGD, Adadelta, Adam
from finevec.train import fit
from finevec.train.progress import Silent
from finevec.train.settings import OPTIMIZERS, Settings
from reference import EPS
from test_model_text_cnn import CLASSES, MODES, WORDS, build, copied, cut, ragged_examples
from toy_texts import toy_table, toy_texts

# --- the limit on the last layer's rows ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("optimizer", "lr"), [(Adam, 0.01), (Adadelta, 1.0), (SGD, 3.0)], ids=["adam", "adadelta", "sgd"]
)
def test_only_rows_of_the_last_layer_above_the_limit_are_changed(optimizer, lr, dtype):
    limited, free = models = [build(dtype=dtype, dropout=0.0, max_norm=max_norm) for max_norm in (3.0, None)]
    optimizers = [optimizer([p for group in m.parameter_groups().values() for p in group], lr=lr) for m in models]
    rows, others = limited.output.weight.data, (limited.vectors, limited.convolution.weight.data)
    for array in others:
        array[3] *= 5 / np.linalg.norm(array[3])  # a word of the batch, and a tap of a filter
    touched = [0, 3, 5, 6, 7, 9, 11, 12, 20]
    start, unit, rng, seen = copied(limited), EPS[np.dtype(dtype)], np.random.default_rng(0), []
    for _ in range(8):
        directions = rng.normal(size=rows.shape)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        start["output.weight"] = directions * [[1.0], [2.9999], [4.0]]
        for model, (name, array) in itertools.product(models, start.items()):
            model.arrays()[name][...] = array
        for model, step in zip(models, optimizers, strict=True):
            step.zero_grad()
            model.loss(ragged_examples()).backprop()
            step.step()
        for name, array in limited.arrays().items():
            assert name == "output.weight" or np.array_equal(array, free.arrays()[name]), name
        assert all(np.linalg.norm(array[touched], axis=1).max() > 3 for array in others)
        unlimited = free.output.weight.data
        norms = np.linalg.norm(unlimited.astype(np.float64), axis=1)
        above = norms > 3
        assert np.array_equal(rows[~above], unlimited[~above])
        # The factor and the product are rounded, and the factor's divisor has a guard of 1e-7.
        expected = unlimited[above] * (3 / norms[above])[:, None]
        np.testing.assert_allclose(rows[above], expected, rtol=2 * unit + 1e-7 / 3)
        assert (np.linalg.norm(rows.astype(np.float64), axis=1) <= 3 * (1 + 2 * unit)).all()
        seen.append(above)
    assert 0 < np.sum(seen, axis=0)[:2].sum() < 2 * 8, "some of the rows that start below the limit must cross it"


# --- training --------------------------------------------------------------------------------------------------------


def toy(mode="non-static", count=200, dim=8, dtype=np.float32, **options):
    """Return a fresh model, training examples and dev examples."""
    model = TextCNN(toy_table(WORDS, dim, dtype=dtype), WORDS, ["neg", "pos"], mode=mode, **{"filters": 4, **options})
    labels, texts = toy_texts(count, seed=0)
    examples = model.examples([text.split() for text in texts], np.array([label == "pos" for label in labels], int))
    return model, examples[: count * 3 // 4], examples[count * 3 // 4 :]


WORKERS = Path("/proc/self/task")


def workers(wanted):
    """Return how many threads of this process are finevec's; threads of an earlier pool have seconds to end."""
    for _ in range(300):
        found = 0
        for task in WORKERS.iterdir():
            with contextlib.suppress(OSError):  # it ended meanwhile
                found += (task / "comm").read_text().startswith("finevec-")
        if found == wanted:
            break
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_the_same_seed_gives_the_same_bits_at_any_number_of_threads(mode):
    kept, results = finevec.get_num_threads(), []
    try:
        for threads in (1, 2, 8):
            finevec.set_num_threads(threads)
            # 240 texts of 5 words and 1,200 rows of weights are 5.8 MB: from 4 MiB on, threads share the work.
            model, train, dev = toy(mode, count=320, dim=16, filters=100)
            history = fit(model, train, dev, Settings(epochs=2, batch_size=240, optimizer="adadelta", patience=0))
            figures = [(record.train_loss, record.dev_loss) for record in history.epochs]
            results.append((b"".join(array.tobytes() for array in model.arrays().values()), figures))
            if threads > 1 and WORKERS.is_dir():  # workers are made when work is first shared among so many
                assert workers(threads - 1) == threads - 1
    finally:
        finevec.set_num_threads(kept)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("mode", MODES)
def test_training_moves_what_the_mode_trains_and_nothing_else(mode):
    model, train, dev = toy(mode)
    before = copied(model)
    history = fit(model, train, dev, Settings(epochs=3, batch_size=10))
    moved = {name for name, array in model.arrays().items() if not np.array_equal(array, before[name])}
    assert moved == set(before) - ({"embedding"} if mode == "static" else {"static"})
    assert (history.changed_rows.size > 20) == (mode != "static")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_the_toy_texts(optimizer):
    model, train, dev = toy(filters=20)
    history = fit(model, train, dev, Settings(epochs=30, batch_size=10, optimizer=optimizer))
    assert history.epochs[history.best_epoch - 1].dev_accuracy >= 0.9


@pytest.mark.parametrize("mode", MODES)
def test_steps_are_those_of_a_dense_layer_fed_one_hot_vectors(mode):
    """Every word of the batch has a one-hot vector of its own; ``one_hot @ table`` is a dense layer like any other."""
    model, lr = build(mode=mode, dropout=0.0, max_norm=None), 0.1
    rng = np.random.default_rng(2)
    optimizer = SGD([p for group in model.parameter_groups().values() for p in group], lr=lr)
    for _ in range(5):
        lengths = rng.integers(0, 8, size=6)
        ids, targets = rng.integers(len(WORDS), size=lengths.sum()), rng.integers(len(CLASSES), size=6)
        one_hot, dense, words = np.eye(len(WORDS))[ids], copied(model), cut(np.arange(len(ids)), lengths)
        layers = {**dense, **{name: one_hot @ dense[name] for name in ("embedding", "static") if name in dense}}
        wanted = oracle.text_cnn(layers, (3, 4, 5), 4, words, targets)
        assert wanted.margin > 1e-6, "too near to a tie or a kink"
        # Both sides round; the model sums a word's gradient over the same places as the dense layer does.
        unit = 2 * EPS[np.dtype(np.float64)] * (oracle.roundings(layers, (3, 4, 5), words) + len(ids))
        texts = [np.array(text, np.int64) for text in cut(ids, lengths)]
        loss = model.loss([Example(text, target) for text, target in zip(texts, targets, strict=True)])
        assert abs(loss.value - wanted.loss) <= unit * wanted.sizes["loss"]
        optimizer.zero_grad()
        loss.backprop()
        optimizer.step()
        for name, array in model.arrays().items():
            if name == "static" or (name == "embedding" and mode == "static"):
                assert np.array_equal(array, dense[name]), name
                continue
            back = one_hot.T if name == "embedding" else np.eye(len(array))
            grad, size = back @ wanted.grads[name], back @ wanted.sizes[name]
            # The step's product and difference round too.
            bound = lr * (unit + 2 * EPS[array.dtype]) * size + 2 * EPS[array.dtype] * np.abs(dense[name])
            assert (np.abs(array - (dense[name] - lr * grad)) <= bound).all(), name
            assert np.abs(lr * grad).max() > 1e6 * bound.max(), "the bound is too wide to tell anything"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_were_not_finite_before_training_are_named(mode, bad):
    def told(name, place, kept=slice(None), **settings):
        model, train, dev = toy(mode, count=40)
        model.arrays()[name][place] = bad
        with np.errstate(invalid="ignore"), pytest.raises(FloatingPointError) as caught:
            fit(model, train[kept], dev, Settings(batch_size=3, **settings))
        return str(caught.value)

    for name in ("embedding", "static") if mode == "multichannel" else ("embedding",):
        row = WORDS.index("awful")
        message = told(name, (row, slice(None)))
        assert message.endswith(f": row {row} of {name} was not finite before training, look at where it came from")
        assert "at epoch 1, batch" in message
    message = told("convolution.bias", 2)
    assert message.endswith("batch 1: convolution.bias was not finite before training, look at where it came from")


def test_a_loss_that_is_not_finite_before_the_first_step_is_not_laid_on_the_rates():
    model, train, dev = toy(count=40)
    model.output.weight.data[...] = 3e38
    with pytest.raises(FloatingPointError, match="batch 1, before the first step: the vectors or the first weights"):
        fit(model, train, dev, Settings())


class Recorder(Silent):
    """Keeps notes, and the table and the filters at the end of each epoch."""

    def __init__(self, model):
        self.model, self.told, self.arrays = model, [], []

    def note(self, text):
        self.told.append(text)

    def epoch(self, record, *, best):
        self.told.append(record.epoch)
        self.arrays.append(copied(self.model))


@pytest.mark.parametrize("mode", ["non-static", "random", "multichannel"])
def test_a_frozen_table_stands_still_until_the_thaw_and_the_note_tells_it(mode):
    model, train, dev = toy(mode)
    start, seen = copied(model), Recorder(model)
    settings = {"batch_size": 20, "patience": 0, "lr": 0.01, "embedding_lr": 0.002}
    fit(model, train, dev, Settings(epochs=4, freeze_epochs=2, **settings), seen)
    assert seen.told == [1, 2, "epoch 3: the embedding thaws, lr 0.002", 3, 4]
    tables = [start["embedding"], *(arrays["embedding"] for arrays in seen.arrays)]
    assert [np.array_equal(one, two) for one, two in itertools.pairwise(tables)] == [True, True, False, False]
    filters = [start["convolution.weight"], *(arrays["convolution.weight"] for arrays in seen.arrays)]
    assert not any(np.array_equal(one, two) for one, two in itertools.pairwise(filters))
    if mode != "multichannel":  # whose frozen channels count twice
        static, train, dev = toy("static")
        never = Recorder(static)
        fit(static, train, dev, Settings(epochs=2, **settings), never)
        for name, array in never.arrays[1].items():
            assert np.array_equal(array, seen.arrays[1][name]), name
