"""The model of how related two sentences are: loss and gradients, prediction and its correlation, examples."""

from __future__ import annotations

import numpy as np
import pytest
import reference_tree_lstm as oracle
from finevec.datasets.sick import TreePair
from finevec.models import TreeRelatedness
from finevec.models.classifier import OtherWords
from finevec.train.settings import OPTIMIZERS
from finevec.trees import NO_LABEL, Tree, heights
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import EPS
from sized import Wanted, run, sized
from strategies import seeds
from test_dense_layers import STEP, central_difference
from test_model_tree_lstm import (
    ARRAYS,
    STRUCTURES,
    WORDS,
    copied,
    drawn_tree,
    drawn_weights,
    for_the_oracle,
    gradients,
    row_of,
)
from test_tree_lstm import KINDS
from toy_texts import toy_table

MODES = TreeRelatedness.modes
SCORES = (1.0, 5.0, 3.0, 2.25, 4.9)


def build(structure="dependency", dim=3, dtype=np.float64, seed=11, **options):
    options = {"structure": structure, "mem_dim": 4, "hidden": 3, "mode": "non-static", **options}
    return drawn_weights(TreeRelatedness(toy_table(WORDS, dim, seed, dtype), WORDS, seed=seed, **options), seed)


def some_pairs(structure, seed=0, copies=1, kinds=KINDS, size=5):
    """Return pairs of trees of all kinds, each of another kind than its partner."""
    rng, arity = np.random.default_rng(seed), STRUCTURES[structure]
    kinds = tuple(kinds) * copies
    trees = [[drawn_tree(rng, kind, arity, size) for kind in side] for side in (kinds, kinds[1:] + kinds[:1])]
    return [TreePair(*pair, SCORES[(place + seed) % 5]) for place, pair in enumerate(zip(*trees, strict=True))]


def weights_of(model):
    arrays = dict(model.arrays())
    product, distance = np.split(arrays.pop("compared.weight"), 2, axis=1)
    head = {"product": product, "distance": distance, "head_bias": arrays.pop("compared.bias")}
    return {**{ARRAYS[name]: array for name, array in arrays.items()}, **head}


def wanted_grads(grads):
    """Return the oracle's gradients by the model's names."""
    compared = np.concatenate([grads["product"], grads["distance"]], axis=1)
    same = {name: grads[other] for name, other in ARRAYS.items()}
    return {**same, "compared.weight": compared, "compared.bias": grads["head_bias"]}


def outcome(model, pairs, words=WORDS):
    """Return what the oracle gives, its numbers with their sizes."""
    trees = [for_the_oracle([pair.left, pair.right], words) for pair in pairs]
    scores = [pair.score for pair in pairs]
    return run(oracle.relatedness, weights_of(model), STRUCTURES[model.structure], trees, scores)


def wanted_loss(probabilities, pairs, dtype):
    """Return the loss with its bound, from the probabilities, which carry their sizes."""
    total = sized(0)
    for row, pair in zip(probabilities, pairs, strict=True):
        target = oracle.sparse_target(pair.score, len(row))
        some = target > 0
        total += (target[some] * (np.log(target[some]) - np.log(row[some]))).sum()
    return Wanted(np.array(total / len(pairs)), dtype)


def wanted_scores(probabilities, dtype):
    return Wanted(probabilities @ np.arange(1, 6), dtype)


def away_from_the_kink(model, pairs):
    """Tell whether no rounding can make a difference of two states of another sign, or of none.

    States of single nodes are the same bits wherever they are computed, as no dense product is among what they need.
    """
    arity = STRUCTURES[model.structure]
    for pair in pairs:
        trees = for_the_oracle([pair.left, pair.right])
        left, right = (oracle.hidden(weights_of(model), arity, [tree])[tree.parents.index(-1)] for tree in trees)
        if max(len(tree.parents) for tree in trees) > 1 and np.abs(left - right).min() < 1e-4:
            return False
    return True


# --- loss and gradients ----------------------------------------------------------------------------------------------


@given(
    structure=st.sampled_from(sorted(STRUCTURES)),
    mode=st.sampled_from(MODES),
    dtype=st.sampled_from([np.float32, np.float64]),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
    size=st.integers(1, 5),
    seed=seeds,
)
def test_loss_and_every_gradient_are_those_of_the_oracle(structure, mode, dtype, kinds, size, seed):
    model = build(structure, dtype=dtype, seed=seed, mode=mode)
    pairs = some_pairs(structure, seed, kinds=kinds, size=size)
    assume(away_from_the_kink(model, pairs))
    wanted, before = outcome(model, pairs), copied(model)
    # Without dropout, whatever the generator.
    loss = model.loss(model.examples(pairs), np.random.default_rng(seed))
    wanted_loss(wanted.probabilities, pairs, dtype).assert_met(loss.value, "loss")
    scores = wanted_scores(wanted.probabilities, dtype)
    apart = np.abs(scores.value - [pair.score for pair in pairs])
    if (np.abs(apart - 0.5) > scores.bound).all():
        assert loss.correct == (apart <= 0.5).sum()
    loss.backprop()
    found = gradients(model)
    grads = wanted_grads(wanted.grads)
    assert set(found) == set(grads) - ({"embedding"} if mode == "static" else set())
    for name, grad in found.items():
        assert grad.dtype == dtype
        Wanted(grads[name], dtype).assert_met(grad, name)
    for name, array in model.arrays().items():
        assert np.array_equal(array, before[name]), name


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_bound_of_the_oracle_is_narrow(structure):
    """Else the test above could not fail."""
    model = build(structure)
    for name, numbers in wanted_grads(outcome(model, some_pairs(structure)).grads).items():
        grad = Wanted(numbers, np.float64)
        assert grad.bound.max() < 1e-8 * np.abs(grad.value).max(), name


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("mode", MODES)
def test_gradients_against_central_differences_away_from_the_kink(structure, mode):
    model, pairs = build(structure, mode=mode), some_pairs(structure)
    examples = model.examples(pairs)
    assert away_from_the_kink(model, pairs)
    model.loss(examples).backprop()
    found = gradients(model)
    assert ("embedding" in found) == (mode != "static")
    # A difference errs by STEP**2 / 6 times a third derivative, and by the rounding of the loss, some hundred units,
    # over STEP.
    tolerance = 100 * STEP**2 + 100 * EPS[np.dtype(np.float64)] * model.loss(examples).value / STEP
    for name, grad in found.items():
        numeric = central_difference(lambda: model.loss(examples).value, model.arrays()[name])
        np.testing.assert_allclose(grad, numeric, rtol=0, atol=tolerance, err_msg=name)
        assert np.abs(grad).max() > 1e3 * tolerance, f"{name} is not tested"


def test_a_tree_beside_itself_is_at_the_kink():
    """All distances are 0, and their weights have no gradient; what goes back into a tree is that of the product."""
    for structure in STRUCTURES:
        model = build(structure)
        words = [Tree(np.array([-1]), [word], np.array([NO_LABEL])) for word in WORDS]
        pairs = [TreePair(tree, tree, score) for tree, score in zip(words, SCORES, strict=True)]
        wanted = wanted_grads(outcome(model, pairs).grads)
        model.loss(model.examples(pairs)).backprop()
        found = gradients(model)
        for name, grad in found.items():
            Wanted(wanted[name], np.float64).assert_met(grad, name)
        assert (found["compared.weight"][:, 4:] == 0).all()
        assert np.abs(found["embedding"]).max() > 1e-4


def test_a_static_table_takes_no_gradient_and_is_in_no_group():
    for mode in MODES:
        model = build(mode=mode)
        model.loss(model.examples(some_pairs("dependency"))).backprop()
        assert (model.embedding.weight.grad is None) == (mode == "static")
        groups = model.parameter_groups()
        assert groups["embedding"] == ([] if mode == "static" else [model.embedding.weight])
        shapes = [parameter.shape for parameter in groups["dense"]]
        assert shapes == [(16, 3), (12, 4), (4, 4), (16,), (3, 8), (3,), (5, 3), (5,)]


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pairs_in_any_company_and_order_have_the_same_losses(structure, dtype):
    """Within the bound of rounding: BLAS may round a product of another shape differently."""
    model, pairs = build(structure, dtype=dtype), some_pairs(structure, copies=2)
    examples = model.examples(pairs)
    alone = [model.loss([example]) for example in examples]
    bounds = []
    for pair, loss in zip(pairs, alone, strict=True):
        wanted = wanted_loss(outcome(model, [pair]).probabilities, [pair], dtype)
        wanted.assert_met(loss.value)
        bounds.append(float(wanted.bound))
    rng = np.random.default_rng(3)
    for count in (len(pairs), len(pairs), 3, 3):
        chosen = rng.permutation(len(pairs))[:count]
        together = model.loss([examples[place] for place in chosen])
        mean = np.mean([alone[place].value for place in chosen])
        # What is rounded of the mean besides: a sum and quotients.
        bound = np.mean([bounds[place] for place in chosen]) + (count + 8) * EPS[np.dtype(np.float64)] * mean
        assert abs(together.value - mean) <= bound
        assert together.correct == sum(alone[place].correct for place in chosen)


# --- prediction ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predicted_scores_are_the_means_of_the_oracles_probabilities(structure, dtype):
    model, pairs = build(structure, dtype=dtype), some_pairs(structure)
    wanted = wanted_scores(outcome(model, pairs).probabilities, dtype)
    found = model.predict(pairs)
    assert found.dtype == np.float64
    wanted.assert_met(found)
    assert found.max() - found.min() > 1e-3
    assert ((found > 1) & (found < 5)).all()
    assert np.array_equal(model.predict([pair._replace(score=float("nan")) for pair in pairs]), found)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_words_that_are_no_rows_are_looked_up_among_the_others(structure):
    model, others = build(structure), toy_table(["pleasant", "nasty", "a"], 3, seed=9, dtype=np.float32)
    pairs = some_pairs(structure)
    for number, pair in enumerate(pairs):
        pair.left.words[0] = ["pleasant", "Nasty", "unheard", "a", "nasty"][number]
    without = model.predict(pairs)
    words = [*WORDS, "pleasant", "nasty"]  # the row of "a" comes before the other of that name
    model.others = OtherWords({"pleasant": 0, "nasty": 1, "a": 2}, others)
    found = model.predict(pairs)
    larger = TreeRelatedness(np.concatenate([model.vectors, others[:2]]), words, **model.config())
    for name, array in larger.arrays().items():
        if name != "embedding":
            array[...] = model.arrays()[name]
    wanted_scores(outcome(larger, pairs, words).probabilities, np.float64).assert_met(found)
    # Where nothing else changed, the batch is still of another shape.
    off = np.abs(found - without)
    assert ((off > 1e-9) == [True, True, False, False, True]).all()
    assert off[2:4].max() < 1e-13


@pytest.mark.parametrize("structure", STRUCTURES)
def test_many_pairs_are_predicted_as_each_alone(structure):
    model, pairs = build(structure), some_pairs(structure, copies=60)  # more than one batch
    together = model.predict(pairs)
    assert together.shape == (len(pairs),)
    # A score is off by some hundreds of units, as the bounds beside the oracle tell.
    alone = np.concatenate([model.predict([pair]) for pair in pairs[:50]])
    np.testing.assert_allclose(together[:50], alone, rtol=1e-12)
    order = np.random.default_rng(3).permutation(len(pairs))
    np.testing.assert_allclose(model.predict([pairs[place] for place in order]), together[order], rtol=1e-12)
    assert model.predict([]).shape == (0,)


def test_evaluate_gives_the_mean_loss_and_pearsons_correlation():
    model, pairs = build(), some_pairs("dependency", copies=60)  # more than one batch
    examples = model.examples(pairs)
    loss, correlation = model.evaluate(examples)
    assert loss == pytest.approx(np.mean([model.loss([example]).value for example in examples]), rel=1e-12)
    wanted = np.corrcoef(model.predict(pairs), [pair.score for pair in pairs])[0, 1]
    assert correlation == pytest.approx(wanted, rel=1e-10)
    assert abs(correlation) > 1e-3
    right = [pair._replace(score=float(score)) for pair, score in zip(pairs, model.predict(pairs), strict=True)]
    assert model.evaluate(model.examples(right))[1] == pytest.approx(1, rel=1e-12)


def test_a_correlation_that_is_not_defined_counts_as_none():
    model, pairs = build(), some_pairs("dependency")
    assert model.evaluate(model.examples(pairs[:1]))[1] == 0.0
    same_scores = [pair._replace(score=3.0) for pair in pairs]
    assert model.evaluate(model.examples(same_scores))[1] == 0.0
    model.head.output.weight.data[...] = 0  # all predictions are the same
    loss, correlation = model.evaluate(model.examples(pairs))
    assert correlation == 0.0
    assert np.isfinite(loss)


# --- examples and arguments ------------------------------------------------------------------------------------------


def test_examples_hold_both_trees_and_the_score():
    model, pairs = build(), some_pairs("dependency")
    for example, pair in zip(model.examples(pairs), pairs, strict=True):
        assert example.score == pair.score
        for encoded, tree in zip((example.left, example.right), (pair.left, pair.right), strict=True):
            assert encoded.ids.tolist() == [row_of(token) for token in tree.words]
            assert encoded.heights.tolist() == heights(tree.parents).tolist()
    rows = {row_of(token) for tree in (pairs[0].left, pairs[0].right) for token in tree.words} - {-1}
    assert model.trained_rows(model.examples(pairs[:1])).tolist() == sorted(rows)
    assert 0 < len(rows) < len(WORDS)


@pytest.mark.parametrize("score", [0.99, 5.01, 0.0, float("nan"), float("inf")])
def test_scores_outside_the_classes_are_refused(score):
    pairs = some_pairs("dependency")
    with pytest.raises(ValueError, match=rf"pairs\[1\]: expected a score from 1 to 5, got {score}"):
        build().examples([pairs[0], pairs[1]._replace(score=score)])


def test_trees_that_do_not_fit_are_told_by_their_pair():
    pair = some_pairs("dependency")[0]
    cycle = Tree(np.array([1, 0]), ["a", "b"], np.full(2, NO_LABEL))
    star = Tree(np.array([3, 3, 3, -1]), list("aaab"), np.full(4, NO_LABEL))
    for model, bad, message in [
        (build(), pair._replace(left=cycle), r"pairs\[1\]: the parents of node 0 form a cycle"),
        (build(), pair._replace(right=cycle), r"pairs\[1\]: the parents of node 0 form a cycle"),
        (build("constituency"), pair._replace(right=star), r"pairs\[1\]: expected at most 2 children of a node"),
    ]:
        good = some_pairs(model.structure)[0]
        with pytest.raises(ValueError, match=message):
            model.examples([good, bad])
        with pytest.raises(ValueError, match=message.removeprefix(r"pairs\[1\]: ")):
            model.predict([good, bad])


def test_first_weights_follow_from_the_seed_and_the_defaults_are_the_papers():
    table = toy_table(WORDS)
    first, same, other = (TreeRelatedness(table, WORDS, seed=seed) for seed in (3, 3, 4))
    assert first.vectors is table
    for name, array in first.arrays().items():
        assert np.array_equal(array, same.arrays()[name]), name
        assert np.array_equal(array, other.arrays()[name]) == (name in ("embedding", "lstm.bias")), name
    wanted = {"mode": "static", "structure": "dependency", "mem_dim": 150, "lower": True, "hidden": 50}
    assert first.config() == wanted
    assert first.classes == ["1", "2", "3", "4", "5"]
    assert set(TreeRelatedness.training_defaults.rates) == set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mode": "both"}, ValueError, "mode: expected one of static, non-static, random, got 'both'"),
        ({"structure": "flat"}, ValueError, "structure: expected one of constituency, dependency, got 'flat'"),
        ({"mem_dim": 0}, ValueError, "mem_dim must be at least 1, got 0"),
        ({"hidden": 0}, ValueError, "hidden must be at least 1, got 0"),
        ({"hidden": 2.5}, TypeError, "hidden must be an integer, got float"),
        ({"classes": ["1"]}, ValueError, "expected at least 2 classes with different names"),
        ({"vectors": np.ones((4, 3))}, ValueError, r"vectors: expected shape \(5, dim\), .*got \(4, 3\)"),
        ({"vectors": np.ones((5, 3), int)}, TypeError, "int64, wanted float32 or float64"),
    ],
)
def test_a_model_refuses_what_does_not_fit(change, error, message):
    with pytest.raises(error, match=message):
        TreeRelatedness(**{"vectors": toy_table(WORDS), "words": WORDS, **change})
