"""The Tree-LSTM classifier: loss and gradients beside the oracle and central differences, prediction, examples."""

from __future__ import annotations

import numpy as np
import pytest
import reference_tree_lstm as oracle
from finevec.models import TreeLSTM
from finevec.models.classifier import OtherWords
from finevec.optim import SGD
from finevec.train.settings import OPTIMIZERS
from finevec.trees import NO_LABEL, Tree, heights
from hypothesis import given
from hypothesis import strategies as st
from reference import EPS
from sized import Wanted, run, sized
from strategies import seeds
from test_dense_layers import STEP, central_difference
from test_tree_lstm import KINDS, shape
from toy_texts import toy_table

WORDS = ["a", "b", "c", "(", "1/2"]
TOKENS = ["a", "A", "b", "c", "c", "-LRB-", "1\\/2", "unknown", None]
CLASSES = ["neg", "pos", "other"]
STRUCTURES = {"constituency": 2, "dependency": None}
"""The arity that each has in the oracle."""
MODES = TreeLSTM.modes
ARRAYS = {
    "embedding": "vectors",
    "lstm.weight": "weight",
    "lstm.recurrent": "recurrent",
    "lstm.forget": "forget",
    "lstm.bias": "bias",
    "output.weight": "output",
    "output.bias": "output_bias",
}
"""The oracle's names of what the model's arrays hold."""


def drawn_weights(model, seed, scale=0.7):
    """Give a model weights of size 1, so that no part hides another."""
    rng = np.random.default_rng(seed)
    for name, array in model.arrays().items():
        if name != "embedding":
            array[...] = rng.normal(scale=scale, size=array.shape)
    return model


def build(structure="constituency", dim=3, dtype=np.float64, seed=11, **options):
    options = {"structure": structure, "mem_dim": 4, "dropout": 0.0, **options}
    return drawn_weights(TreeLSTM(toy_table(WORDS, dim, seed, dtype), WORDS, CLASSES, seed=seed, **options), seed)


def drawn_tree(rng, kind, arity, size=7, *, labelled=0.6, at_leaves=False):
    """Return a tree with words at any of its nodes, or at leaves only, and labels at most of them."""
    parents = shape(rng, kind, arity, size)
    labels = np.where(rng.random(len(parents)) < labelled, rng.integers(len(CLASSES), size=len(parents)), NO_LABEL)
    labels[parents.index(oracle.NONE)] = rng.integers(len(CLASSES))
    words = np.where(at_leaves & np.isin(np.arange(len(parents)), parents), None, rng.choice(TOKENS, len(parents)))
    return Tree(np.array(parents), words.tolist(), labels)


def some_trees(structure, seed=0, copies=1):
    rng = np.random.default_rng(seed)
    return [drawn_tree(rng, kind, STRUCTURES[structure], size=5) for kind in KINDS * copies]


def row_of(token, words=WORDS):
    word = {"-LRB-": "(", "1\\/2": "1/2"}.get(token, token)
    return words.index(word.lower()) if word is not None and word.lower() in words else oracle.NONE


def for_the_oracle(trees, words=WORDS):
    return [
        oracle.Tree(tree.parents.tolist(), [row_of(token, words) for token in tree.words], tree.labels.tolist())
        for tree in trees
    ]


def weights_of(model, names=ARRAYS):
    return {names[name]: array for name, array in model.arrays().items()}


def gradients(model):
    """Return the gradients that wait, by name; the table's by a step of plain descent from zeros, which rounds none."""
    parameters = [parameter for group in model.parameter_groups().values() for parameter in group]
    found = {}
    for name, array in model.arrays().items():
        for parameter in parameters:
            if parameter.data is array and parameter.grad is not None:
                found[name] = parameter.grad
    if "embedding" in found:
        kept = model.vectors.copy()
        model.vectors[...] = 0
        SGD([model.embedding.weight], lr=1.0).step()
        found["embedding"] = -model.vectors
        model.vectors[...] = kept
    return found


def copied(model):
    return {name: array.copy() for name, array in model.arrays().items()}


def wanted_loss(probabilities, targets, trees, dtype):
    """Return the loss with its bound, from the probabilities of the labelled nodes, which carry their sizes."""
    terms = [-np.log(row[target]) for row, target in zip(probabilities, targets, strict=True)]
    return Wanted(np.array(sum(terms, start=sized(0)) / trees), dtype)


# --- loss and gradients ----------------------------------------------------------------------------------------------


@given(
    structure=st.sampled_from(sorted(STRUCTURES)),
    mode=st.sampled_from(MODES),
    dtype=st.sampled_from([np.float32, np.float64]),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    size=st.integers(1, 6),
    labelled=st.sampled_from([0.0, 0.6, 1.0]),
    at_leaves=st.booleans(),
    dropout=st.sampled_from([0.0, 0.5]),
    seed=seeds,
)
def test_loss_and_every_gradient_are_those_of_the_oracle(
    structure, mode, dtype, kinds, size, labelled, at_leaves, dropout, seed
):
    model = build(structure, dtype=dtype, seed=seed, mode=mode, dropout=dropout)
    rng, arity = np.random.default_rng(seed), STRUCTURES[structure]
    trees = [drawn_tree(rng, kind, arity, size, labelled=labelled, at_leaves=at_leaves) for kind in kinds]
    labels = np.concatenate([tree.labels for tree in trees])
    # The states of labelled nodes are silenced in their order by height.
    order = np.argsort(np.concatenate([heights(tree.parents) for tree in trees]), kind="stable")
    with_labels = order[labels[order] != NO_LABEL]
    keep = np.ones((len(labels), 4))
    drawn = np.random.default_rng(seed).random((len(with_labels), 4), dtype=np.float32)
    keep[with_labels] = np.where(drawn < dropout, 0, 1 / (1 - dropout))
    wanted = run(oracle.sentiment, weights_of(model), arity, for_the_oracle(trees), keep)

    before = copied(model)
    loss = model.loss(model.examples(trees), np.random.default_rng(seed))
    targets = labels[labels != NO_LABEL]
    wanted_loss(wanted.probabilities, targets, len(trees), dtype).assert_met(loss.value, "loss")
    in_order = Wanted(wanted.probabilities, dtype)
    roots = [np.sum(labels[: start + tree.parents.tolist().index(-1)] != NO_LABEL) for tree, start in starts(trees)]
    ranked = np.sort(in_order.value[roots], axis=1)
    if (ranked[:, -1] - ranked[:, -2]).min() > 2 * in_order.bound.max():
        assert loss.correct == (in_order.value[roots].argmax(axis=1) == targets[roots]).sum()
    loss.backprop()
    found = gradients(model)
    assert set(found) == set(ARRAYS) - ({"embedding"} if mode == "static" else set())
    for name, grad in found.items():
        assert grad.dtype == dtype
        Wanted(wanted.grads[ARRAYS[name]], dtype).assert_met(grad, name)
    for name, array in model.arrays().items():
        assert np.array_equal(array, before[name]), name


def starts(trees):
    """Yield each tree with the number of nodes before it."""
    start = 0
    for tree in trees:
        yield tree, start
        start += len(tree.parents)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_bound_of_the_oracle_is_narrow(structure):
    """Else the test above could not fail."""
    model = build(structure)
    wanted = run(oracle.sentiment, weights_of(model), STRUCTURES[structure], for_the_oracle(some_trees(structure)))
    for name, numbers in wanted.grads.items():
        grad = Wanted(numbers, np.float64)
        assert grad.bound.max() < 1e-9 * np.abs(grad.value).max(), name


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("mode", MODES)
def test_gradients_against_central_differences(structure, mode):
    model = build(structure, mode=mode, dropout=0.5)
    examples = model.examples(some_trees(structure))

    def loss():
        return model.loss(examples, np.random.default_rng(2))

    loss().backprop()
    found = gradients(model)
    assert ("embedding" in found) == (mode != "static")
    # A difference errs by STEP**2 / 6 times a third derivative, and by the rounding of the loss, some hundred units,
    # over STEP.
    tolerance = 100 * STEP**2 + 100 * EPS[np.dtype(np.float64)] * loss().value / STEP
    for name, grad in found.items():
        numeric = central_difference(lambda: loss().value, model.arrays()[name])
        np.testing.assert_allclose(grad, numeric, rtol=0, atol=tolerance, err_msg=name)
        assert np.abs(grad).max() > 1e4 * tolerance, f"{name} is not tested"


def test_a_static_table_takes_no_gradient_and_is_in_no_group():
    for mode in MODES:
        model = build(mode=mode)
        model.loss(model.examples(some_trees("constituency"))).backprop()
        assert (model.embedding.weight.grad is None) == (mode == "static")
        groups = model.parameter_groups()
        assert groups["embedding"] == ([] if mode == "static" else [model.embedding.weight])
        shapes = [parameter.shape for parameter in groups["dense"]]
        assert shapes == [(16, 3), (12, 8), (8, 8), (16,), (3, 4), (3,)]


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trees_in_any_company_and_order_have_the_same_losses(structure, dtype):
    """Within the bound of rounding: BLAS may round a product of another shape differently."""
    model, trees = build(structure, dtype=dtype), some_trees(structure, copies=2)
    examples, arity = model.examples(trees), STRUCTURES[structure]
    weights, encoded = weights_of(model), for_the_oracle(trees)
    alone = [model.loss([example]) for example in examples]
    bounds = []
    for tree, reference, loss in zip(trees, encoded, alone, strict=True):
        wanted = run(oracle.sentiment, weights, arity, [reference])
        wanted = wanted_loss(wanted.probabilities, tree.labels[tree.labels != NO_LABEL], 1, dtype)
        wanted.assert_met(loss.value)
        bounds.append(float(wanted.bound))
    rng = np.random.default_rng(3)
    for count in (len(trees), len(trees), 3, 3):
        chosen = rng.permutation(len(trees))[:count]
        together = model.loss([examples[place] for place in chosen])
        mean = np.mean([alone[place].value for place in chosen])
        # What is rounded of the mean besides: a sum and quotients.
        bound = np.mean([bounds[place] for place in chosen]) + (count + 8) * EPS[np.dtype(np.float64)] * mean
        assert abs(together.value - mean) <= bound
        assert together.correct == sum(alone[place].correct for place in chosen)


def test_dropout_follows_its_generator_and_there_is_none_without():
    trees = some_trees("dependency")
    model, without = build("dependency", dropout=0.5), build("dependency", dropout=0.0)
    examples = model.examples(trees)
    first, again, other = (model.loss(examples, np.random.default_rng(seed)).value for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert model.loss(examples).value == without.loss(examples, np.random.default_rng(5)).value
    assert model.loss(examples).value != first
    assert np.array_equal(model.predict_proba(trees), without.predict_proba(trees))


def test_a_loss_of_one_labelled_node_is_minus_the_log_of_its_probability():
    model = build()
    tree = Tree(np.array([2, 2, -1]), ["a", "b", None], np.array([NO_LABEL, NO_LABEL, 1]))
    loss = model.loss(model.examples([tree])).value
    assert loss == pytest.approx(-np.log(model.node_proba(tree)[2, 1]), rel=1e-13)
    more = tree._replace(labels=np.array([2, NO_LABEL, 1]))
    more_loss = model.loss(model.examples([more])).value
    assert more_loss == pytest.approx(loss - np.log(model.node_proba(tree)[0, 2]), rel=1e-13)
    assert model.loss(model.examples([tree, more])).value == pytest.approx((loss + more_loss) / 2, rel=1e-13)


def test_evaluate_gives_the_mean_loss_and_how_many_roots_are_right():
    model, trees = build(), some_trees("constituency", copies=60)  # more than one batch
    examples = model.examples(trees)
    loss, accuracy = model.evaluate(examples)
    roots = [int(tree.labels[tree.parents == -1][0]) for tree in trees]
    predicted = [CLASSES.index(name) for name in model.predict(trees)]
    assert accuracy == np.mean(np.equal(roots, predicted))
    assert 0 < accuracy < 1
    assert loss == pytest.approx(np.mean([model.loss([example]).value for example in examples]), rel=1e-12)


# --- prediction ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_are_the_oracles_in_the_order_of_the_nodes(structure, dtype):
    model, trees = build(structure, dtype=dtype, dropout=0.9), some_trees(structure)
    in_full = [tree._replace(labels=np.zeros(len(tree.parents), int)) for tree in trees]
    weights, arity = weights_of(model), STRUCTURES[structure]
    rows = []
    for tree, full in zip(trees, for_the_oracle(in_full), strict=True):
        wanted = run(oracle.sentiment, weights, arity, [full]).probabilities
        found = model.node_proba(tree)
        assert found.dtype == dtype
        Wanted(wanted, dtype).assert_met(found)
        rows.append(wanted[tree.parents == -1][0])
    found = model.predict_proba(trees)
    assert found.dtype == dtype
    wanted = Wanted(np.array(rows), dtype)
    wanted.assert_met(found)
    assert model.predict(trees) == [CLASSES[place] for place in wanted.value.argmax(axis=1)]
    assert len(set(model.predict(trees))) > 1


@pytest.mark.parametrize("structure", STRUCTURES)
def test_words_that_are_no_rows_are_looked_up_among_the_others(structure):
    model, others = build(structure), toy_table(["pleasant", "nasty", "a"], 3, seed=9, dtype=np.float32)
    trees = some_trees(structure)
    for number, tree in enumerate(trees):
        tree.words[0] = ["pleasant", "Nasty", "unheard", "a", "nasty"][number]
    without = model.predict_proba(trees)
    words = [*WORDS, "pleasant", "nasty"]  # the row of "a" comes before the other of that name
    model.others = OtherWords({"pleasant": 0, "nasty": 1, "a": 2}, others)
    weights = weights_of(model) | {"vectors": np.concatenate([model.vectors, others])}
    found = model.predict_proba(trees)
    for tree, reference, row, row_without in zip(trees, for_the_oracle(trees, words), found, without, strict=True):
        full = reference._replace(labels=[0] * len(tree.parents))
        wanted = run(oracle.sentiment, weights, STRUCTURES[structure], [full]).probabilities
        Wanted(wanted[tree.parents == -1][0], np.float64).assert_met(row)
        Wanted(wanted, np.float64).assert_met(model.node_proba(tree))
        assert np.array_equal(row, row_without) == (tree.words[0] in ("unheard", "a"))


def test_a_tree_without_a_known_word_is_classified_all_the_same():
    for structure, arity in STRUCTURES.items():
        model = build(structure)
        tree = Tree(np.array([1, -1]), ["xyzzy", None], np.array([NO_LABEL, NO_LABEL]))
        wanted = oracle.sentiment(weights_of(model), arity, [oracle.Tree([1, -1], [-1, -1], [0, 0])])
        np.testing.assert_allclose(model.node_proba(tree), wanted.probabilities, rtol=1e-13)
        assert model.predict([tree]) == [CLASSES[wanted.probabilities[1].argmax()]]


@pytest.mark.parametrize("structure", STRUCTURES)
def test_many_trees_are_predicted_as_each_alone(structure):
    model, trees = build(structure), some_trees(structure, copies=60)  # more than one batch
    together = model.predict_proba(trees)
    assert together.shape == (len(trees), 3)
    # A probability is off by some hundreds of units, as the bounds beside the oracle tell.
    alone = np.concatenate([model.predict_proba([tree]) for tree in trees[:50]])
    np.testing.assert_allclose(together[:50], alone, rtol=1e-12)
    order = np.random.default_rng(3).permutation(len(trees))
    np.testing.assert_allclose(model.predict_proba([trees[place] for place in order]), together[order], rtol=1e-12)
    assert model.predict_proba([]).shape == (0, 3)
    assert model.predict([]) == []


def test_labels_do_not_matter_to_prediction():
    model, trees = build(), some_trees("constituency")
    unlabelled = [tree._replace(labels=np.full(len(tree.parents), 99)) for tree in trees]
    assert np.array_equal(model.predict_proba(unlabelled), model.predict_proba(trees))


def test_words_are_told_apart_by_case_where_they_are_not_lowered():
    tree = Tree(np.array([-1]), ["A"], np.array([NO_LABEL]))
    lowered, kept = build(lower=True), build(lower=False)
    small = tree._replace(words=["a"])
    assert np.array_equal(lowered.predict_proba([tree]), lowered.predict_proba([small]))
    assert not np.array_equal(kept.predict_proba([tree]), kept.predict_proba([small]))
    assert np.array_equal(kept.predict_proba([tree]), kept.predict_proba([tree._replace(words=["unknown"])]))


# --- examples and arguments ------------------------------------------------------------------------------------------


def test_examples_hold_the_rows_of_words_and_the_labels():
    model, trees = build(), some_trees("constituency")
    for example, tree in zip(model.examples(trees), trees, strict=True):
        assert example.tree.ids.tolist() == [row_of(token) for token in tree.words]
        assert example.tree.parents.tolist() == tree.parents.tolist()
        assert example.tree.heights.tolist() == heights(tree.parents).tolist()
        assert example.labels.tolist() == tree.labels.tolist()
    rows = {row_of(token) for tree in trees[:2] for token in tree.words} - {-1}
    assert model.trained_rows(model.examples(trees[:2])).tolist() == sorted(rows)
    assert len(rows) < len(WORDS)
    wordless = Tree(np.array([-1]), [None], np.array([0]))
    assert model.trained_rows(model.examples([wordless])).tolist() == []
    assert model.trained_rows([]).tolist() == []


@pytest.mark.parametrize(
    ("parents", "words", "labels", "message"),
    [
        ([2, 2, -1], ["a", "b", None], [0, 0, 3], r"trees\[1\]: the label of node 2 is 3, expected 0 to 2"),
        ([2, 2, -1], ["a", "b", None], [-2, 0, 0], r"trees\[1\]: the label of node 0 is -2, expected 0 to 2"),
        ([2, 2, -1], ["a", "b", None], [0, 0, -1], r"trees\[1\]: the root has no label"),
        ([2, 2, -1], ["a", "b", None], [0, 0], r"trees\[1\]: expected labels of shape \(3,\), got \(2,\)"),
        ([2, 2, -1], ["a", "b"], [0, 0, 0], r"trees\[1\]: expected a word or None for each of 3 nodes, got 2"),
        ([1, 0], ["a", "b"], [0, 0], r"trees\[1\]: the parents of node 0 form a cycle"),
        ([], [], [], r"trees\[1\]: expected a tree of at least one node, got none"),
        ([3, 3, 3, -1], list("aaab"), [0] * 4, r"trees\[1\]: expected at most 2 children of a node, found one with 3"),
    ],
)
def test_what_is_no_example_is_told(parents, words, labels, message):
    model, (good, *_) = build(), some_trees("constituency")
    bad = Tree(np.array(parents, np.int64), words, np.array(labels, np.int64))
    with pytest.raises(ValueError, match=message):
        model.examples([good, bad])
    if "label" not in message:
        with pytest.raises(ValueError, match=message.removeprefix(r"trees\[1\]: ")):
            model.predict([good, bad])


def test_a_dependency_model_takes_any_number_of_children():
    model = build("dependency")
    tree = Tree(np.array([40] * 40 + [-1]), ["a"] * 41, np.zeros(41, int))
    assert model.examples([tree])[0].tree.heights.max() == 1
    assert model.predict_proba([tree]).shape == (1, 3)


def test_first_weights_follow_from_the_seed_and_the_defaults_are_the_papers():
    table = toy_table(WORDS)
    first, same, other = (TreeLSTM(table, WORDS, CLASSES, seed=seed) for seed in (3, 3, 4))
    assert first.vectors is table
    for name, array in first.arrays().items():
        assert np.array_equal(array, same.arrays()[name]), name
        assert np.array_equal(array, other.arrays()[name]) == (name in ("embedding", "lstm.bias")), name
    assert first.config() == {
        "mode": "non-static",
        "structure": "constituency",
        "mem_dim": 150,
        "lower": True,
        "dropout": 0.5,
    }
    defaults = TreeLSTM.training_defaults
    assert set(defaults.rates) == set(OPTIMIZERS)
    assert (defaults.optimizer, defaults.embedding_optimizer) == ("adagrad", "sgd")
    assert (defaults.rates["adagrad"][0], defaults.rates["sgd"][1]) == (0.05, 0.1)
    assert (defaults.weight_decay, defaults.batch_size) == (1e-4, 25)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mode": "both"}, ValueError, "mode: expected one of static, non-static, random, got 'both'"),
        ({"structure": "flat"}, ValueError, "structure: expected one of constituency, dependency, got 'flat'"),
        ({"mem_dim": 0}, ValueError, "mem_dim must be at least 1, got 0"),
        ({"mem_dim": 1.5}, TypeError, "mem_dim must be an integer, got float"),
        ({"dropout": 1.0}, ValueError, "dropout: expected 0 <= rate < 1, got 1.0"),
        ({"classes": ["one"]}, ValueError, "expected at least 2 classes with different names"),
        ({"words": ["a", "a", "b", "c", "d"]}, ValueError, "expected different words, got 1 of them twice"),
        ({"vectors": np.ones((4, 3))}, ValueError, r"vectors: expected shape \(5, dim\), .*got \(4, 3\)"),
        ({"vectors": [[1.0]]}, TypeError, r"vectors: expected a NumPy array of shape \(rows, dim\), .*, got list"),
        ({"vectors": np.ones((5, 0))}, ValueError, "dim must be at least 1, got 0"),
        ({"vectors": np.ones((5, 3), int)}, TypeError, "int64, wanted float32 or float64"),
    ],
)
def test_a_model_refuses_what_does_not_fit(change, error, message):
    with pytest.raises(error, match=message):
        TreeLSTM(**{"vectors": toy_table(WORDS), "words": WORDS, "classes": CLASSES, **change})
