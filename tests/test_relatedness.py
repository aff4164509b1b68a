"""How related two sentences are: the layer, its targets and its loss, beside formulas and central differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import reference_tree_lstm as oracle
from finevec.layers import Linear, Relatedness, softmax_cross_entropy, softmax_kl_divergence
from finevec.models.relatedness import score_targets
from hypothesis import given
from hypothesis import strategies as st
from reference import EPS
from sized import Wanted, sized
from strategies import FLOATS, floats, seeds
from test_dense_layers import STEP, TOLERANCE, central_difference

PARAMETERS = ("product", "distance", "head_bias", "output", "output_bias")


def drawn_layer(rng, in_features=3, hidden=4, classes=5, dtype=np.float64):
    """Return a layer of which no part hides another."""
    layer = Relatedness(in_features, hidden=hidden, classes=classes, dtype=dtype, seed=rng)
    for parameter in layer.parameters():
        parameter.data[...] = rng.normal(size=parameter.shape)
    return layer


def named(layer, what):
    """Return the data or the grad of the layer's parameters, by the names of equation 15."""
    compared = getattr(layer.compared.weight, what)
    product, distance = np.split(compared, 2, axis=1)
    rest = [getattr(parameter, what) for parameter in layer.parameters()[1:]]
    return dict(zip(PARAMETERS, [product, distance, *rest], strict=True))


def with_sizes(array):
    return np.vectorize(sized, otypes=[object])(array)


def formulas(layer, left, right, grad_logits):
    """Compute equation 15 pair by pair, and every gradient; numbers carry their sizes."""
    w = {name: with_sizes(array) for name, array in named(layer, "data").items()}
    found = {name: np.zeros(array.shape, object) for name, array in w.items()}
    rows = {"logits": [], "left": [], "right": []}
    for h_left, h_right, grad in zip(*map(with_sizes, (left, right, grad_logits)), strict=True):
        product, distance = h_left * h_right, np.abs(h_left - h_right)
        h_s = oracle.sigmoid(w["product"] @ product + w["distance"] @ distance + w["head_bias"])
        rows["logits"].append(w["output"] @ h_s + w["output_bias"])
        grad_s = w["output"].T @ grad * h_s * (1 - h_s)
        found["output"] += np.outer(grad, h_s)
        found["output_bias"] += grad
        found["product"] += np.outer(grad_s, product)
        found["distance"] += np.outer(grad_s, distance)
        found["head_bias"] += grad_s
        grad_product = w["product"].T @ grad_s
        away = (w["distance"].T @ grad_s) * np.sign((h_left - h_right).astype(np.float64))
        rows["left"].append(grad_product * h_right + away)
        rows["right"].append(grad_product * h_left - away)
    return {**found, **{name: np.array(values, object) for name, values in rows.items()}}


def states(rng, pairs, width, dtype=np.float64):
    """Return states as a Tree-LSTM has them, within -1 and 1; some numbers are equal on both sides."""
    left, right = rng.uniform(-1, 1, (2, pairs, width)).astype(dtype)
    return left, np.where(rng.random(left.shape) < 0.2, left, right)


# --- the layer -------------------------------------------------------------------------------------------------------


@given(
    pairs=st.integers(1, 4),
    width=st.sampled_from([1, 3, 6]),
    hidden=st.sampled_from([1, 4]),
    classes=st.sampled_from([2, 5]),
    dtype=floats,
    seed=seeds,
)
def test_logits_and_every_gradient_are_those_of_the_formulas(pairs, width, hidden, classes, dtype, seed):
    rng = np.random.default_rng(seed)
    layer = drawn_layer(rng, width, hidden, classes, dtype)
    left, right = states(rng, pairs, width, dtype)
    grad_logits = rng.normal(size=(pairs, classes)).astype(dtype)
    logits, backprop = layer.forward(left, right)
    grad_left, grad_right = backprop(grad_logits)
    found = {"logits": logits, "left": grad_left, "right": grad_right, **named(layer, "grad")}
    for name, numbers in formulas(layer, left, right, grad_logits).items():
        wanted = Wanted(numbers, dtype)
        assert found[name].dtype == dtype
        wanted.assert_met(found[name], name)
        assert wanted.bound.max() < (0.05 if dtype == np.float32 else 1e-10), "the bound is too wide to tell anything"


def test_gradients_against_central_differences_away_from_the_kink():
    rng = np.random.default_rng(1)
    layer = drawn_layer(rng)
    left, right = rng.uniform(-1, 1, (2, 3, 3))
    assert np.abs(left - right).min() > 10 * STEP
    factor = rng.normal(size=(3, 5))
    grad_left, grad_right = layer.forward(left, right)[1](factor)
    arrays = [("left", left, grad_left), ("right", right, grad_right)]
    arrays += [(f"{number}", parameter.data, parameter.grad) for number, parameter in enumerate(layer.parameters())]
    for name, array, grad in arrays:
        numeric = central_difference(lambda: float((layer.forward(left, right)[0] * factor).sum()), array)
        np.testing.assert_allclose(grad, numeric, rtol=0, atol=TOLERANCE, err_msg=name)
        assert np.abs(grad).max() > 1e-2, f"{name} is not tested"


@pytest.mark.parametrize("dtype", FLOATS)
def test_at_the_kink_the_distance_has_no_gradient(dtype):
    """Not even where the two sides are equal at some places only: those of the others are as ever."""
    rng = np.random.default_rng(2)
    layer = drawn_layer(rng, dtype=dtype)
    layer.compared.weight.data[:, :3] = 0  # of the product
    left, right = rng.uniform(-1, 1, (2, 4, 3)).astype(dtype)
    right[:, 1] = left[:, 1]
    right[3] = left[3]
    left[0, 1], right[0, 1] = 0.0, -0.0
    for grad in layer.forward(left, right)[1](rng.normal(size=(4, 5)).astype(dtype)):
        assert np.array_equal(grad != 0, left != right)


def test_the_two_sides_may_change_places():
    rng = np.random.default_rng(3)
    layer = drawn_layer(rng)
    left, right = states(rng, 4, 3)
    grad_logits = rng.normal(size=(4, 5))
    (logits, backprop), (turned, backprop_turned) = layer.forward(left, right), layer.forward(right, left)
    assert np.array_equal(logits, turned)
    for grad, other in zip(backprop(grad_logits), backprop_turned(grad_logits)[::-1], strict=True):
        assert np.array_equal(grad, other)


@pytest.mark.parametrize("dtype", FLOATS)
def test_huge_sums_saturate(dtype):
    layer = drawn_layer(np.random.default_rng(4), in_features=1, hidden=2, dtype=dtype)
    layer.compared.weight.data[...] = 0
    layer.compared.bias.data[...] = [1e30, -1e30]
    one = np.ones((1, 1), dtype)
    logits, backprop = layer.forward(one, one)
    assert np.array_equal(logits[0], layer.output.weight.data[:, 0] + layer.output.bias.data)
    assert all((grad == 0).all() for grad in backprop(np.ones_like(logits)))


def test_first_weights_are_those_of_two_linear_layers_of_one_generator():
    for dtype in ("float32", "float64"):
        layer, rng = Relatedness(3, hidden=7, classes=4, dtype=dtype, seed=5), np.random.default_rng(5)
        wanted = [*Linear(6, 7, dtype=dtype, seed=rng).parameters(), *Linear(7, 4, dtype=dtype, seed=rng).parameters()]
        for parameter, other in zip(layer.parameters(), wanted, strict=True):
            assert parameter.data.dtype == dtype
            assert np.array_equal(parameter.data, other.data)
    assert [parameter.shape for parameter in Relatedness(3, seed=0).parameters()] == [(50, 6), (50,), (5, 50), (5,)]


def test_what_does_not_fit_is_refused():
    layer = drawn_layer(np.random.default_rng(6))
    one, two = np.ones((2, 3)), np.ones((1, 3))
    with pytest.raises(ValueError, match=r"right: expected the shape of left, \(2, 3\), got \(1, 3\)"):
        layer.forward(one, two)
    with pytest.raises(ValueError, match=r"expected shape \(batch, 6\), got \(2, 4\)"):
        layer.forward(one[:, :2], one[:, :2])
    with pytest.raises(ValueError, match="at least 1 column in and out, got 6 and 0"):
        Relatedness(3, hidden=0)


# --- the targets -----------------------------------------------------------------------------------------------------


@given(scores=st.lists(st.floats(1, 7), min_size=1, max_size=5))
def test_targets_are_the_sparsest_distributions_with_these_means(scores):
    targets = score_targets(scores, 7)
    assert targets.shape == (len(scores), 7)
    assert (targets >= 0).all()
    for score, target in zip(scores, targets, strict=True):
        some = np.flatnonzero(target)
        assert len(some) == (1 if score == int(score) else 2)
        assert some[-1] - some[0] == len(some) - 1
        assert np.array_equal(target, oracle.sparse_target(score, 7))
    # A few roundings of numbers up to 7.
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=4 * EPS[np.dtype(np.float64)])
    np.testing.assert_allclose(targets @ np.arange(1, 8), scores, rtol=8 * EPS[np.dtype(np.float64)])


def test_targets_written_out():
    found = score_targets([1.0, 1.25, 4.5, 5.0], 5)
    assert found.tolist() == [[1, 0, 0, 0, 0], [0.75, 0.25, 0, 0, 0], [0, 0, 0, 0.5, 0.5], [0, 0, 0, 0, 1]]


# --- the loss --------------------------------------------------------------------------------------------------------


def drawn_targets(rng, batch, classes, dtype=np.float64):
    """Return distributions, of which the first is at one class, and the second at two."""
    targets = rng.dirichlet(np.ones(classes), batch)
    targets[:1], targets[1:2, 2:] = np.eye(classes)[classes - 1], 0
    return (targets / targets.sum(axis=1, keepdims=True)).astype(dtype)


@given(batch=st.integers(1, 6), classes=st.sampled_from([2, 3, 5]), dtype=floats, seed=seeds)
def test_loss_and_gradient_are_those_of_the_formula(batch, classes, dtype, seed):
    rng = np.random.default_rng(seed)
    logits = (3 * rng.normal(size=(batch, classes))).astype(dtype)
    targets = drawn_targets(rng, batch, classes, dtype)
    total, grads = 0, []
    for row, target in zip(with_sizes(logits), with_sizes(targets), strict=True):
        probabilities = oracle.softmax(row)
        some = target.astype(np.float64) > 0
        total += (target[some] * (np.log(target[some]) - np.log(probabilities[some]))).sum()
        grads.append((probabilities - target) / batch)
    loss, backprop = softmax_kl_divergence(logits, targets)
    assert isinstance(loss, float)
    Wanted(np.array(total / batch), dtype).assert_met(loss)
    grad = backprop()
    assert grad.dtype == dtype
    wanted = Wanted(np.array(grads), dtype)
    wanted.assert_met(grad)
    assert wanted.bound.max() < 1e4 * EPS[np.dtype(dtype)], "the bound is too wide to tell anything"


def test_gradient_of_the_loss_against_central_differences():
    rng = np.random.default_rng(7)
    logits, targets = rng.normal(size=(4, 5)), drawn_targets(rng, 4, 5)
    numeric = central_difference(lambda: softmax_kl_divergence(logits, targets)[0], logits)
    np.testing.assert_allclose(softmax_kl_divergence(logits, targets)[1](), numeric, rtol=0, atol=TOLERANCE)
    assert np.abs(numeric).max() > 1e-2


def test_the_divergence_of_a_distribution_from_itself_is_none():
    logits = np.log([[0.125, 0.125, 0.25, 0.5]])
    loss, backprop = softmax_kl_divergence(logits, np.exp(logits))
    assert abs(loss) < 1e-15
    assert np.abs(backprop()).max() < 1e-15
    assert softmax_kl_divergence(logits, np.array([[0.5, 0, 0.5, 0]]))[0] == pytest.approx(
        0.5 * math.log(0.5 / 0.125) + 0.5 * math.log(0.5 / 0.25), rel=1e-14
    )


def test_for_targets_at_one_class_it_is_the_cross_entropy():
    rng = np.random.default_rng(8)
    logits, targets = rng.normal(size=(6, 4)), rng.integers(4, size=6)
    loss, backprop = softmax_kl_divergence(logits, np.eye(4)[targets])
    wanted, backprop_wanted = softmax_cross_entropy(logits, targets)
    assert loss == pytest.approx(wanted, rel=1e-14)
    np.testing.assert_allclose(backprop(), backprop_wanted(), rtol=1e-13)


@pytest.mark.parametrize("dtype", FLOATS)
def test_huge_logits_stay_finite(dtype):
    logits = np.array([[1e30, -1e30], [1e4, 1e4]], dtype)
    loss, backprop = softmax_kl_divergence(logits, np.array([[1, 0], [0.5, 0.5]], dtype))
    assert loss == pytest.approx(0, abs=1e-6)
    assert np.abs(backprop()).max() < 1e-6


@pytest.mark.parametrize(
    ("logits", "targets", "message"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3)), r"batch at least 1, got \(0, 3\) and \(0, 3\)"),
        (np.zeros(3), np.ones(3) / 3, r"got \(3,\) and \(3,\)"),
        (np.zeros((2, 3)), np.ones((1, 3)) / 3, r"got \(2, 3\) and \(1, 3\)"),
        (np.zeros((1, 3)), np.array([[0.5, 0.6, 0]]), "targets: expected rows of at least 0 that sum to 1"),
        (np.zeros((1, 3)), np.array([[1.5, -0.5, 0]]), "targets: expected rows of at least 0 that sum to 1"),
        (np.zeros((1, 3)), np.array([[0.5, np.nan, 0.5]]), "targets: expected rows of at least 0 that sum to 1"),
        (np.zeros((2, 2)), np.array([[1.0, 0.0], [0.0, 0.0]]), "targets: expected rows of at least 0 that sum to 1"),
    ],
)
def test_targets_that_are_no_distributions_are_refused(logits, targets, message):
    with pytest.raises(ValueError, match=message):
        softmax_kl_divergence(logits, targets)
