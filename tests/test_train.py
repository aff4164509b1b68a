"""The training loop: early stopping, the best epoch, freezing, determinism, losses that are not finite, progress."""

from __future__ import annotations

import io
import math
from itertools import chain

import finevec
import numpy as np
import pytest
from finevec.models import BagClassifier
from finevec.parameter import Parameter
from finevec.train import OPTIMIZERS, BatchLoss, History, Settings, TrainingDefaults, evaluate, fit, hold_out
from finevec.train.progress import Bar, Lines, Silent, progress_for
from finevec.train.snapshot import Snapshot
from toy_texts import BAD, GOOD, PLAIN, toy_table, toy_texts

WORDS = [*GOOD, *BAD, *PLAIN, "never", "seen"]


class Scripted:
    """One dense weight that falls by 1 a step under SGD with lr 1, and dev results as they are told."""

    training_defaults = TrainingDefaults("sgd", {"sgd": (1.0, 0.5), "adam": (0.25, 0.125), "adadelta": (1.0, 1.0)})

    def __init__(self, dev, train_losses=()):
        self.weight = Parameter(np.zeros(1, np.float32))
        self.dev, self.train_losses, self.batches = iter(dev), iter(train_losses), []

    def loss(self, examples, rng=None):
        if rng is None:
            correct, value = next(self.dev)
            return BatchLoss(value, correct, lambda: None)
        self.batches.append(list(examples))
        return BatchLoss(next(self.train_losses, 1.0), 0, lambda: self.weight.add_grad(np.ones(1, np.float32)))

    def evaluate(self, examples):
        return evaluate(self, examples)

    def parameter_groups(self):
        return {"embedding": [], "dense": [self.weight]}

    def trained_rows(self, examples):
        return np.empty(0, np.int64)

    def arrays(self):
        return {"weight": self.weight.data}


def scripted_fit(dev, progress=None, train_losses=(), **settings):
    model = Scripted(dev, train_losses)
    history = fit(model, list(range(10)), list(range(10)), Settings(**{"batch_size": 4, **settings}), progress)
    return model, history


def toy(mode="non-static", dtype=np.float32, seed=1, count=200, **options):
    model = BagClassifier(toy_table(WORDS, dtype=dtype), WORDS, ["neg", "pos"], mode=mode, seed=seed, **options)
    labels, texts = toy_texts(count, seed=0)
    targets = np.array([label == "pos" for label in labels], dtype=np.int64)
    examples = model.examples([text.split() for text in texts], targets)
    return model, examples[: count // 2], examples[count // 2 :]


# --- the loop --------------------------------------------------------------------------------------------------------


def test_the_weights_of_the_best_epoch_come_back():
    dev = [(5, 1.0), (8, 1.0), (7, 1.0), (6, 1.0)]
    model, history = scripted_fit(dev, epochs=4)
    assert history.best_epoch == 2
    assert model.weight.data[0] == -2 * 3  # 3 steps an epoch
    assert [record.dev_accuracy for record in history.epochs] == [0.5, 0.8, 0.7, 0.6]


def test_of_equal_accuracies_the_lower_loss_and_then_the_earlier_epoch_is_best():
    assert scripted_fit([(5, 1.0), (5, 0.9), (5, 0.9), (5, 0.95)], epochs=4)[1].best_epoch == 2


def test_patience_counts_epochs_without_a_better_result():
    _, history = scripted_fit([(5, 1.0), (6, 1.0), (4, 1.0), (4, 1.0), (9, 1.0)], epochs=5, patience=2)
    assert (len(history.epochs), history.best_epoch, history.stopped_early) == (4, 2, True)
    _, history = scripted_fit([(5, 1.0), (6, 1.0), (4, 1.0), (4, 1.0), (9, 1.0)], epochs=5, patience=3)
    assert (len(history.epochs), history.best_epoch, history.stopped_early) == (5, 5, False)
    _, history = scripted_fit([(5, 1.0)] + [(4, 1.0)] * 7, epochs=8, patience=0)
    assert (len(history.epochs), history.best_epoch, history.stopped_early) == (8, 1, False)


def test_patience_waits_for_the_thaw():
    _, history = scripted_fit([(5, 1.0)] + [(4, 1.0)] * 9, epochs=10, patience=2, freeze_epochs=3)
    assert len(history.epochs) == 5


def test_every_epoch_visits_every_example_once_in_an_order_of_its_own():
    model, _ = scripted_fit([(5, 1.0)] * 2, epochs=2)
    assert [len(batch) for batch in model.batches] == [4, 4, 2] * 2
    first, second = list(chain(*model.batches[:3])), list(chain(*model.batches[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    again, _ = scripted_fit([(5, 1.0)] * 2, epochs=2)
    assert again.batches == model.batches
    other, _ = scripted_fit([(5, 1.0)] * 2, epochs=2, seed=2)
    assert other.batches != model.batches


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_step(bad):
    model = Scripted([(5, 1.0)] * 5, [1.0, 1.0, 1.0, 1.0, bad])
    settings = Settings(optimizer="sgd", lr=1.0, embedding_lr=0.5, batch_size=4)
    with pytest.raises(FloatingPointError, match=rf"{bad} at epoch 2, batch 2, with lr 1 and embedding lr 0\.5"):
        fit(model, list(range(10)), list(range(10)), settings)
    assert model.weight.data[0] == -4


def test_a_dev_loss_that_is_not_finite_stops_too():
    with pytest.raises(FloatingPointError, match="nan on the dev set after epoch 2"):
        scripted_fit([(5, 1.0), (5, math.nan)])


def test_a_real_model_that_runs_away_is_stopped_without_a_warning():
    model, train, dev = toy()
    with pytest.raises(FloatingPointError, match=r"with lr 1e\+38"):
        fit(model, train, dev, Settings(optimizer="sgd", lr=1e38, embedding_lr=1e38))


def test_no_examples_are_refused():
    model, train, _ = toy()
    with pytest.raises(ValueError, match="expected training and dev examples, got 100 and 0"):
        fit(model, train, [], Settings())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"batch_size": 0}, "batch_size: expected at least 1"),
        ({"freeze_epochs": -1}, "freeze_epochs: expected at least 0"),
        ({"patience": -1}, "patience: expected at least 0"),
        ({"seed": -1}, "seed: expected at least 0"),
        ({"blas_threads": 0}, "blas_threads: expected at least 1"),
        ({"lr": 0.0}, "lr: expected a finite number above 0, got 0.0"),
        ({"embedding_lr": math.nan}, "embedding_lr: expected a finite number above 0, got nan"),
        ({"optimizer": "lamb"}, "optimizer: expected one of adagrad, .*got 'lamb'"),
    ],
)
def test_settings_are_checked(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


def test_what_is_left_open_is_filled_in_with_the_models_defaults():
    def filled(**given):
        settings = Settings(epochs=7, **given).for_model(Scripted([]))
        assert settings.epochs == 7
        return settings.optimizer, settings.lr, settings.embedding_lr

    assert filled() == ("sgd", 1.0, 0.5)
    assert filled(optimizer="adam") == ("adam", 0.25, 0.125)
    assert filled(optimizer="adam", embedding_lr=0.75) == ("adam", 0.25, 0.75)
    assert filled(lr=2.0) == ("sgd", 2.0, 0.5)


def test_the_bag_has_rates_for_every_optimizer():
    assert set(BagClassifier.training_defaults.rates) == set(OPTIMIZERS)


def test_adadelta_forgets_as_in_kim_2014():
    # After one step of gradient 1: v = 1 - rho, delta = sqrt(eps) / sqrt(v + eps).
    model = Scripted([(5, 1.0)])
    fit(model, [0], [0], Settings(optimizer="adadelta", epochs=1))
    assert model.weight.data[0] == pytest.approx(-math.sqrt(1e-6 / (0.05 + 1e-6)), rel=1e-5)


# --- with the bag classifier -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_the_toy_texts_with_its_default_rates(optimizer):
    model, train, dev = toy()
    fit(model, train, dev, Settings(optimizer=optimizer, epochs=30, patience=0, batch_size=10))
    assert evaluate(model, dev)[1] >= 0.9


def test_static_leaves_the_table_bit_for_bit_and_reports_no_change():
    model, train, dev = toy("static")
    history = fit(model, train, dev, Settings(epochs=3))
    assert np.array_equal(model.vectors, toy_table(WORDS))
    assert history.changed_rows.size == 0


def test_no_backward_pass_goes_into_a_frozen_table(monkeypatch):
    model, train, dev = toy()
    seen = []
    backward = model.embedding.backward

    def count(ids, offsets, grad):
        seen.append(len(ids))
        backward(ids, offsets, grad)

    monkeypatch.setattr(model.embedding, "backward", count)
    fit(model, train, dev, Settings(epochs=2, patience=0, freeze_epochs=2, batch_size=10))
    assert seen == []
    assert model.embedding.weight.requires_grad
    fit(model, train, dev, Settings(epochs=3, patience=0, freeze_epochs=1, batch_size=10))
    assert len(seen) == 2 * len(train) / 10


def test_a_run_that_ends_while_the_table_is_frozen_leaves_it_trainable():
    model, train, dev = toy()
    with pytest.raises(FloatingPointError):
        fit(model, train, dev, Settings(optimizer="sgd", lr=1e38, freeze_epochs=5))
    assert model.embedding.weight.requires_grad


def test_only_rows_of_the_training_texts_change_and_are_reported():
    model, train, dev = toy()
    history = fit(model, train, dev, Settings(epochs=3))
    moved = np.flatnonzero((model.vectors != toy_table(WORDS)).any(axis=1))
    assert np.array_equal(history.changed_rows, moved)
    assert moved.size > 20
    assert WORDS.index("never") not in moved


def test_frozen_epochs_train_like_static_and_then_the_table_moves():
    tables, dense = [], []
    for mode, settings in (("static", {}), ("non-static", {"freeze_epochs": 2}), ("non-static", {"freeze_epochs": 1})):
        model, train, dev = toy(mode)
        fit(model, train, dev, Settings(epochs=2, patience=0, **settings))
        tables.append(model.vectors.copy())
        dense.append(model.output.weight.data.copy())
    assert np.array_equal(tables[0], tables[1])
    assert np.array_equal(dense[0], dense[1])
    assert not np.array_equal(tables[1], tables[2])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_seed_gives_the_same_bits_at_any_number_of_threads(optimizer):
    kept = finevec.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 8):
            finevec.set_num_threads(threads)
            model, train, dev = toy(dropout=0.2)
            history = fit(model, train, dev, Settings(epochs=4, optimizer=optimizer))
            figures = [(record.train_loss, record.dev_loss) for record in history.epochs]
            results.append((b"".join(array.tobytes() for array in model.arrays().values()), figures))
    finally:
        finevec.set_num_threads(kept)
    assert results[0] == results[1] == results[2]


def test_another_seed_gives_other_weights():
    weights = []
    for seed in (1, 2):
        model, train, dev = toy()
        fit(model, train, dev, Settings(epochs=2, seed=seed))
        weights.append(model.output.weight.data.copy())
    assert not np.array_equal(*weights)


def test_the_best_epoch_of_a_real_run_comes_back_bit_for_bit():
    settings = {"patience": 0, "batch_size": 5, "optimizer": "sgd", "lr": 8.0, "embedding_lr": 40.0}
    model, train, dev = toy(count=60)
    history = fit(model, train, dev, Settings(epochs=12, **settings))
    assert 1 <= history.best_epoch < 12, "the test needs a best epoch before the last"
    until_best, train, dev = toy(count=60)
    fit(until_best, train, dev, Settings(epochs=history.best_epoch, **settings))
    for name, array in model.arrays().items():
        assert np.array_equal(array, until_best.arrays()[name]), name
    record = history.epochs[history.best_epoch - 1]
    assert evaluate(model, dev) == (record.dev_loss, record.dev_accuracy)


def test_evaluate_weighs_batches_by_their_size():
    model, train, _ = toy(dtype=np.float64)
    whole, parts = evaluate(model, train), evaluate(model, train, batch_size=7)
    assert whole[1] == parts[1]
    assert whole[0] == pytest.approx(parts[0], rel=1e-12)


# --- what is held out ------------------------------------------------------------------------------------------------


def test_a_tenth_of_each_class_is_held_out_by_seed():
    targets = np.array([0] * 60 + [1] * 30 + [2])
    kept, held_out = hold_out(targets, seed=1)
    assert np.bincount(targets[held_out]).tolist() == [6, 3]
    assert sorted([*kept, *held_out]) == list(range(91))
    assert np.array_equal(held_out, hold_out(targets, seed=1)[1])
    assert not np.array_equal(held_out, hold_out(targets, seed=2)[1])


@pytest.mark.parametrize("name", ["epochs", "batch_size", "freeze_epochs", "patience", "seed", "blas_threads"])
def test_settings_that_count_are_integers(name):
    with pytest.raises(TypeError, match=f"{name} must be an integer, got float"):
        Settings(**{name: 2.5})


def test_a_small_class_gives_one_and_a_single_example_none():
    assert hold_out(np.array([0, 0, 1]), seed=0)[1].tolist() in ([0], [1])
    with pytest.raises(ValueError, match="tenth for early stopping: no class has 2 texts, 2 texts are in as"):
        hold_out(np.array([0, 1]), seed=0)


# --- the snapshot ----------------------------------------------------------------------------------------------------


def test_a_snapshot_copies_the_trained_rows_only():
    table = Parameter(np.zeros((100_000, 4), np.float32))
    bias = Parameter(np.arange(3, dtype=np.float32))
    snapshot = Snapshot({"embedding": [table], "dense": [bias]}, np.array([5, 70_000]))
    held = sum(values.nbytes for _, values in [*snapshot._tables, *snapshot._others])
    assert held == 2 * 4 * 4 + 3 * 4
    table.data[[5, 70_000]] = 1
    snapshot.retake()
    table.data[5] = 2
    bias.data[...] = 9
    assert snapshot.changed_rows().tolist() == [5]
    snapshot.restore()
    assert table.data[[5, 70_000]].tolist() == [[1] * 4, [1] * 4]
    assert bias.data.tolist() == [0, 1, 2]


# --- what is shown ---------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_lines_say_epoch_figures_thaw_and_end():
    stream = io.StringIO()
    model, train, dev = toy()
    fit(model, train, dev, Settings(epochs=3, freeze_epochs=1, patience=0), progress_for(stream))
    lines = stream.getvalue().splitlines()
    assert lines[1] == "epoch 2: the embedding thaws, lr 0.01"
    assert [line.split()[:2] for line in (lines[0], *lines[2:4])] == [["epoch", "1"], ["epoch", "2"], ["epoch", "3"]]
    for word in ("loss", "train", "dev", "texts/s"):
        assert word in lines[0]
    assert lines[4].startswith("done: kept the weights of epoch ")
    assert "\r" not in stream.getvalue()


def test_a_static_table_does_not_thaw():
    stream = io.StringIO()
    model, train, dev = toy("static")
    fit(model, train, dev, Settings(epochs=2, freeze_epochs=1), Lines(stream))
    assert "thaw" not in stream.getvalue()


def test_a_terminal_gets_a_bar_that_is_wiped():
    stream = Terminal()
    bar = Bar(stream)
    scripted_fit([(5, 1.0)] * 2, bar, epochs=2, patience=0)
    bar.close()
    shown = stream.getvalue()
    assert "\repoch 1 [####" in shown
    # What stays is what a terminal shows after each carriage return has begun the line anew.
    kept = [line.split("\r")[-1] for line in shown.split("\n")]
    assert [line.split(":")[0].split("  ")[0] for line in kept] == ["epoch 1", "epoch 2", "done", ""]


def test_what_is_shown_depends_on_the_stream(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    assert type(progress_for(io.StringIO())) is Lines
    assert type(progress_for(Terminal())) is Bar
    assert type(progress_for(Terminal(), quiet=True)) is Silent


def test_tqdm_is_used_where_it_is_installed(monkeypatch):
    shown = []

    class FakeBar:
        n = 0

        def __init__(self, **options):
            shown.append(options["desc"])

        def set_postfix(self, **figures):
            pass

        def update(self, count):
            self.n += count

        def close(self):
            shown.append(self.n)

    module = type(io)("tqdm")
    module.tqdm = FakeBar
    monkeypatch.setitem(__import__("sys").modules, "tqdm", module)
    stream = Terminal()
    scripted_fit([(5, 1.0)] * 2, progress_for(stream), epochs=2, patience=0)
    assert shown == ["epoch 1", 10, "epoch 2", 10]
    assert stream.getvalue().count("epoch") == 3


def test_the_record_is_plain_json():
    _, history = scripted_fit([(5, 1.0), (6, 1.0)], epochs=2)
    record = history.to_json()
    assert record["best_epoch"] == 2
    assert record["epochs"][1]["dev_accuracy"] == 0.6
    assert History().to_json() == {"epochs": [], "best_epoch": 0, "stopped_early": False}
