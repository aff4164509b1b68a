"""Training Tree-LSTMs: steps beside the formulas, two rules in one run, freezing, determinism, resumed runs."""

from __future__ import annotations

import itertools

import finevec
import numpy as np
import pytest
import reference
import reference_tree_lstm as oracle
from finevec.datasets.sick import TreePair
from finevec.datasets.trees import parse_bracketed, parse_dependencies
from finevec.models import TreeLSTM, TreeRelatedness
from finevec.train import Settings, fit
from test_model_relatedness import wanted_grads
from test_model_relatedness import weights_of as weights_of_pairs
from test_model_tree_lstm import ARRAYS, STRUCTURES, copied
from test_model_tree_lstm import weights_of as weights_of_trees
from test_train_text_cnn import WORKERS, Recorder, workers
from toy_runs import Told, bits, figures
from toy_texts import BAD, GOOD, PLAIN, toy_table
from toy_trees import FORMATS, toy_sentences

WORDS = [*GOOD, *BAD, *PLAIN]
CLASSES = ["none", "bad", "plain", "good"]
KINDS = ("constituency", "dependency", "relatedness")
MODES = TreeLSTM.modes
PARSERS = {"constituency": parse_bracketed, "dependency": parse_dependencies}


def toy_trees(structure, count, seed=0):
    return [PARSERS[structure](FORMATS[structure](*sentence), "toy") for sentence in toy_sentences(count, seed)]


def toy_pairs(count, seed=0):
    """Return pairs of sentences, of which every other one has nearly the same words on both sides."""
    rng, pairs = np.random.default_rng(seed), []
    for number, tree in enumerate(toy_trees("dependency", count, seed)):
        changed = 1 if number % 2 else len(tree.words)
        words = [*rng.choice(WORDS, changed).tolist(), *tree.words[changed:]]
        score = float(rng.uniform(4, 5) if number % 2 else rng.uniform(1, 2))
        pairs.append(TreePair(tree, tree._replace(words=words), score))
    return pairs


def toy(kind, mode="non-static", count=80, dim=8, dtype=np.float32, seed=0, **options):
    """Return a fresh model, training examples and dev examples."""
    table = toy_table(WORDS, dim, dtype=dtype)
    options = {"mem_dim": 8, "mode": mode, **options}
    if kind == "relatedness":
        model = TreeRelatedness(table, WORDS, hidden=6, **options)
        examples = model.examples(toy_pairs(count, seed))
    else:
        model = TreeLSTM(table, WORDS, CLASSES, structure=kind, **options)
        examples = model.examples(toy_trees(kind, count, seed))
    return model, examples[: count * 3 // 4], examples[count * 3 // 4 :]


# --- what is learnt --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_the_papers_settings_learns_the_toy_trees(kind):
    model, train, dev = toy(kind, count=160, mem_dim=20)
    before = model.evaluate(dev)[1]
    history = fit(model, train, dev, Settings(epochs=20))
    best = history.epochs[history.best_epoch - 1]
    assert before < 0.7
    assert best.dev_accuracy >= 0.9
    assert model.evaluate(dev) == (best.dev_loss, best.dev_accuracy)
    assert best.train_loss < 0.5 * history.epochs[0].train_loss


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_runs_away_is_stopped_without_a_warning(kind):
    model, train, dev = toy(kind)
    with pytest.raises(FloatingPointError, match=r"the loss is nan .*with lr 1e\+38"):
        fit(model, train, dev, Settings(optimizer="sgd", lr=1e38, epochs=2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_training_moves_what_the_mode_trains_and_nothing_else(kind, mode):
    model, train, dev = toy(kind, mode, count=12)
    before = copied(model)
    history = fit(model, train, dev, Settings(epochs=3, batch_size=5))
    moved = {name for name, array in model.arrays().items() if not np.array_equal(array, before[name])}
    assert moved == set(before) - ({"embedding"} if mode == "static" else set())
    rows = np.flatnonzero((model.vectors != before["embedding"]).any(axis=1))
    assert history.changed_rows.tolist() == rows.tolist()
    assert set(rows) <= set(model.trained_rows(train))
    assert (len(rows) > 10) == (mode != "static")
    assert len(model.trained_rows(train)) < len(WORDS)


def test_the_best_epoch_of_pairs_is_that_of_the_highest_correlation():
    model, train, dev = toy("relatedness")
    history = fit(model, train, dev, Settings(epochs=6, patience=0))
    assert history.best_epoch == 1 + np.argmax([record.dev_accuracy for record in history.epochs])
    predicted = model.predict(toy_pairs(80)[60:])
    right = [example.score for example in dev]
    best = history.epochs[history.best_epoch - 1].dev_accuracy
    assert best == pytest.approx(np.corrcoef(predicted, right)[0, 1], rel=1e-5)  # the model is in float32


# --- steps -----------------------------------------------------------------------------------------------------------

RULES = {
    "the paper's": ({}, ("adagrad", 0.05), ("sgd", 0.1), 1e-4),
    "one for all": ({"optimizer": "sgd", "lr": 0.3, "embedding_lr": 0.2}, ("sgd", 0.3), ("sgd", 0.2), 1e-4),
    "the other way round": (
        {"optimizer": "sgd", "lr": 0.3, "embedding_optimizer": "adagrad", "embedding_lr": 0.02, "weight_decay": 0.1},
        ("sgd", 0.3),
        ("adagrad", 0.02),
        0.1,
    ),
    "without decay": ({"weight_decay": 0.0, "lr": 0.1}, ("adagrad", 0.1), ("sgd", 0.1), 0.0),
}


def as_oracle_tree(encoded, labels=()):
    return oracle.Tree(encoded.parents.tolist(), encoded.ids.tolist(), [int(label) for label in labels])


def gradients_of_the_oracle(model, examples):
    """Return loss and gradients of the batch's mean loss, by the model's names."""
    if isinstance(model, TreeRelatedness):
        pairs = [(as_oracle_tree(example.left), as_oracle_tree(example.right)) for example in examples]
        scores = [example.score for example in examples]
        found = oracle.relatedness(weights_of_pairs(model), STRUCTURES[model.structure], pairs, scores)
        return found.loss, wanted_grads(found.grads)
    trees = [as_oracle_tree(example.tree, example.labels) for example in examples]
    found = oracle.sentiment(weights_of_trees(model), STRUCTURES[model.structure], trees)
    return found.loss, {name: found.grads[other] for name, other in ARRAYS.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rules", RULES)
def test_steps_are_those_of_the_formulas_for_every_parameter(kind, rules):
    """Three steps of the whole training set, as the order of examples does not matter but to rounding."""
    given, dense, embedding, weight_decay = RULES[rules]
    options = {} if kind == "relatedness" else {"dropout": 0.0}
    model, train, dev = toy(kind, count=8, dim=3, dtype=np.float64, mem_dim=3, **options)
    plain, _, _ = toy(kind, count=8, dim=3, dtype=np.float64, mem_dim=3, **options)
    weights = plain.arrays()
    state = {
        name: reference.new_state(embedding[0] if name == "embedding" else dense[0], array)
        for name, array in weights.items()
    }
    seen = Recorder(model)
    history = fit(model, train, dev, Settings(epochs=3, batch_size=len(train), patience=0, **given), seen)
    touched = model.trained_rows(train)
    assert 0 < len(touched) < len(WORDS)
    for step, found in enumerate(seen.arrays):
        loss, grads = gradients_of_the_oracle(plain, train)
        assert history.epochs[step].train_loss == pytest.approx(loss, rel=1e-11)
        for name, array in weights.items():
            rule, lr = embedding if name == "embedding" else dense
            rows = touched if name == "embedding" else range(len(array))
            wanted, state[name] = reference.update(
                rule,
                array,
                state[name],
                {row: grads[name][row] for row in rows},
                lr=lr,
                weight_decay=0.0 if name == "embedding" else weight_decay,
            )
            moved = np.abs(wanted - array).max()
            assert moved > 1e-6, f"{name} does not move"
            # Gradients are off by some hundreds of units, as the model's tests tell; Adagrad divides by their size.
            assert np.abs(found[name] - wanted).max() <= 1e-7 * moved, f"{name} in step {step + 1}"
            array[...] = wanted
        untouched = np.setdiff1d(np.arange(len(WORDS)), touched)
        assert np.array_equal(found["embedding"][untouched], toy_table(WORDS, 3, dtype=np.float64)[untouched])


@pytest.mark.parametrize("model", [TreeLSTM, TreeRelatedness])
def test_what_the_settings_leave_open_is_as_in_the_paper(model):
    def filled(**given):
        settings = Settings(**given).for_model(model)
        rules = (settings.optimizer, settings.lr), (settings.embedding_optimizer, settings.embedding_lr)
        return *rules, settings.weight_decay, settings.batch_size

    assert filled() == (("adagrad", 0.05), ("sgd", 0.1), 1e-4, 25)
    assert filled(optimizer="adam") == (("adam", 0.001), ("adam", 0.001), 1e-4, 25)
    assert filled(embedding_optimizer="adam") == (("adagrad", 0.05), ("adam", 0.001), 1e-4, 25)
    both = {"optimizer": "sgd", "embedding_optimizer": "adagrad"}
    assert filled(**both) == (("sgd", 0.05), ("adagrad", 0.01), 1e-4, 25)
    own = {"lr": 0.5, "embedding_lr": 0.25, "weight_decay": 0.0, "batch_size": 7}
    assert filled(**own) == (("adagrad", 0.5), ("sgd", 0.25), 0.0, 7)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"embedding_optimizer": "lamb"}, ValueError, "embedding_optimizer: expected one of adagrad, .*got 'lamb'"),
        ({"weight_decay": -1e-4}, ValueError, "weight_decay must not be negative"),
        ({"weight_decay": float("nan")}, ValueError, "weight_decay must be"),
        ({"weight_decay": "much"}, TypeError, "weight_decay must be a number, got str"),
    ],
)
def test_rules_and_weight_decay_are_checked(change, error, message):
    with pytest.raises(error, match=message):
        Settings(**change)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_has_25_examples(kind):
    model, train, dev = toy(kind, count=80)
    told = Told()
    fit(model, train, dev, Settings(epochs=1), told)
    assert (len(train), told.batches) == (60, 3)


# --- threads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bits_at_any_number_of_threads(kind):
    """BLAS threads are held fixed by the settings."""
    kept, results = finevec.get_num_threads(), []
    try:
        for threads in (1, 2, 8):
            finevec.set_num_threads(threads)
            # A batch has 1,500 leaves with 5 rows of 150 numbers each, 4.5 MB: from 4 MiB on, threads share the work.
            model, train, dev = toy(kind, count=400 if kind != "relatedness" else 250, mem_dim=150)
            history = fit(model, train, dev, Settings(epochs=2, batch_size=300, patience=0))
            results.append((bits(model), figures(history)))
            if threads > 1 and WORKERS.is_dir():  # workers are made when work is first shared among so many
                assert workers(threads - 1) == threads - 1
    finally:
        finevec.set_num_threads(kept)
    assert results[0] == results[1] == results[2]
    assert bits(toy(kind, mem_dim=150)[0]) != results[0][0]


def test_another_seed_gives_another_run():
    runs = []
    for seed in (1, 1, 2):
        model, train, dev = toy("constituency", count=20)
        fit(model, train, dev, Settings(epochs=2, seed=seed))
        runs.append(bits(model))
    assert runs[0] == runs[1] != runs[2]


# --- checkpoints and freezing ----------------------------------------------------------------------------------------


def run(kind, checkpoint=None, told=None, mode="non-static", **chosen):
    model, train, dev = toy(kind, mode, count=40)
    history = fit(model, train, dev, Settings(**{"patience": 0, "batch_size": 7, **chosen}), told, checkpoint)
    return bits(model), figures(history)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"freeze_epochs": 1},
        {"freeze_epochs": 3},
        {"mode": "static"},
        {"optimizer": "adam", "embedding_optimizer": "adadelta"},
        {"embedding_optimizer": "adagrad", "weight_decay": 0.01},
    ],
    ids=str,
)
def test_a_run_in_two_parts_ends_with_the_bits_of_the_whole(tmp_path, kind, options):
    whole = run(kind, epochs=5, **options)
    for cut in (2, 3):
        path, told = tmp_path / f"{cut}.ckpt", Told()
        assert run(kind, path, epochs=cut, **options) != whole
        assert run(kind, path, told, epochs=5, **options) == whole
        assert told.notes[0] == f"going on after epoch {cut}, from {path}"
        assert told.batches == (5 - cut) * 5


@pytest.mark.parametrize(
    "change", [{"embedding_optimizer": "adagrad"}, {"weight_decay": 0.5}, {"batch_size": 8}, {"mode": "static"}]
)
def test_a_run_with_another_rule_or_decay_does_not_go_on(tmp_path, change):
    path = tmp_path / "run.ckpt"
    run("dependency", path, epochs=1)
    written = path.read_bytes()
    with pytest.raises(ValueError, match=rf"^{path}: "):
        run("dependency", path, epochs=2, **change)
    assert path.read_bytes() == written


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["non-static", "random"])
def test_a_frozen_table_stands_still_until_the_thaw_and_the_note_tells_it(kind, mode):
    model, train, dev = toy(kind, mode, count=40)
    start, seen = copied(model), Recorder(model)
    fit(model, train, dev, Settings(epochs=4, freeze_epochs=2, patience=0), seen)
    assert seen.told == [1, 2, "epoch 3: the embedding thaws, lr 0.1", 3, 4]
    tables = [start["embedding"], *(arrays["embedding"] for arrays in seen.arrays)]
    assert [np.array_equal(one, two) for one, two in itertools.pairwise(tables)] == [True, True, False, False]
    recurrent = [start["lstm.recurrent"], *(arrays["lstm.recurrent"] for arrays in seen.arrays)]
    assert not any(np.array_equal(one, two) for one, two in itertools.pairwise(recurrent))
    static, train, dev = toy(kind, "static", count=40)
    never = Recorder(static)
    fit(static, train, dev, Settings(epochs=2, patience=0), never)
    for name, array in never.arrays[1].items():
        assert np.array_equal(array, seen.arrays[1][name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_no_backward_pass_goes_into_a_frozen_table(monkeypatch, kind):
    model, train, dev = toy(kind, count=40)
    seen = []
    backward = model.embedding.backward

    def count(rows, grad):
        seen.append(len(rows))
        backward(rows, grad)

    monkeypatch.setattr(model.embedding, "backward", count)
    fit(model, train, dev, Settings(epochs=2, patience=0, freeze_epochs=2, batch_size=10))
    assert seen == []
    assert model.embedding.weight.requires_grad
    fit(model, train, dev, Settings(epochs=3, patience=0, freeze_epochs=1, batch_size=10))
    assert len(seen) == 2 * len(train) / 10
