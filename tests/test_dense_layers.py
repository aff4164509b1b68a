"""The dense layers: gradients against central differences in float64, outputs against plain formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from finevec.layers import Dropout, Linear, softmax, softmax_cross_entropy

STEP = 1e-6
# A central difference of a smooth function errs by O(STEP^2) and by rounding of about 1e-16 / STEP.
TOLERANCE = 1e-8


def central_difference(function, array):
    """Return the gradient of a scalar function of `array`, one element at a time."""
    grad = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + STEP
        above = function()
        array[index] = kept - STEP
        below = function()
        array[index] = kept
        grad[index] = (above - below) / (2 * STEP)
    return grad


def test_linear_gradients_of_input_weight_and_bias():
    rng = np.random.default_rng(0)
    layer = Linear(5, 3, dtype="float64", seed=1)
    x, weights_of_outputs = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))

    def total():
        return float((layer.forward(x)[0] * weights_of_outputs).sum())

    _, backprop = layer.forward(x)
    grad_x = backprop(weights_of_outputs)
    np.testing.assert_allclose(grad_x, central_difference(total, x), atol=TOLERANCE)
    np.testing.assert_allclose(layer.weight.grad, central_difference(total, layer.weight.data), atol=TOLERANCE)
    np.testing.assert_allclose(layer.bias.grad, central_difference(total, layer.bias.data), atol=TOLERANCE)


def test_linear_computes_the_formula_in_its_dtype():
    for dtype in ("float32", "float64"):
        layer = Linear(2, 2, dtype=dtype, seed=0)
        layer.weight.data[...] = [[1, 2], [3, 4]]
        layer.bias.data[...] = [10, 20]
        output, _ = layer.forward(np.array([[1, 1], [0, 2]], dtype))
        assert output.dtype == dtype
        assert output.tolist() == [[13, 27], [14, 28]]


def test_linear_weights_follow_from_the_seed_and_stay_in_their_bound():
    first, same, other = Linear(16, 8, seed=3), Linear(16, 8, seed=3), Linear(16, 8, seed=4)
    assert np.array_equal(first.weight.data, same.weight.data)
    assert np.array_equal(first.bias.data, same.bias.data)
    assert not np.array_equal(first.weight.data, other.weight.data)
    assert np.abs(first.weight.data).max() <= 0.25
    assert np.abs(first.weight.data).max() > 0.2


def test_linear_says_what_shape_it_wants():
    with pytest.raises(ValueError, match=r"expected shape \(batch, 3\), got \(2, 4\)"):
        Linear(3, 2, seed=0).forward(np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="at least 1 column in and out, got 0 and 2"):
        Linear(0, 2)


def test_cross_entropy_equals_the_formula_written_out():
    logits = np.random.default_rng(1).normal(size=(6, 4)) * 3
    targets = np.array([0, 1, 2, 3, 3, 0])
    assert softmax_cross_entropy(logits, targets.tolist())[0] == softmax_cross_entropy(logits, targets)[0]
    loss, _ = softmax_cross_entropy(logits, targets)
    expected = [
        -math.log(math.exp(row[target]) / sum(math.exp(value) for value in row))
        for row, target in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    assert loss == pytest.approx(sum(expected) / 6, rel=1e-14)


def test_cross_entropy_gradient():
    logits = np.random.default_rng(2).normal(size=(5, 3))
    targets = np.array([2, 0, 1, 1, 0])
    _, backprop = softmax_cross_entropy(logits, targets)
    numeric = central_difference(lambda: softmax_cross_entropy(logits, targets)[0], logits)
    np.testing.assert_allclose(backprop(), numeric, atol=TOLERANCE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_logits_stay_finite(dtype):
    logits = np.array([[1e30, -1e30], [1e4, 1e4]], dtype)
    loss, backprop = softmax_cross_entropy(logits, np.array([0, 1]))
    assert loss == pytest.approx(math.log(2) / 2, rel=1e-6)
    assert np.isfinite(backprop()).all()
    assert softmax(logits).tolist() == [[1, 0], [0.5, 0.5]]


def test_cross_entropy_refuses_what_does_not_fit():
    with pytest.raises(IndexError, match="target 3 at position 1 is outside 0 <= target < 3"):
        softmax_cross_entropy(np.zeros((2, 3)), np.array([0, 3]))
    with pytest.raises(IndexError, match="target -1 at position 0"):
        softmax_cross_entropy(np.zeros((1, 3)), np.array([-1]))
    with pytest.raises(ValueError, match="batch at least 1, got"):
        softmax_cross_entropy(np.zeros((0, 3)), np.empty(0, np.int64))
    with pytest.raises(TypeError, match="targets: expected integers, got float64"):
        softmax_cross_entropy(np.zeros((2, 3)), [0.0, 1.0])
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(3,\)"):
        softmax_cross_entropy(np.zeros((2, 3)), np.zeros(3, np.int64))


def test_dropout_silences_scales_and_takes_the_gradient_the_same_way():
    x = np.ones((200, 50), np.float32)
    output, backprop = Dropout(0.25).forward(x, np.random.default_rng(0))
    assert output.dtype == np.float32
    assert set(np.unique(output)) == {np.float32(0), np.float32(1 / 0.75)}
    # 10,000 draws: the standard error of the fraction is 0.0043
    assert abs((output == 0).mean() - 0.25) < 0.02
    assert np.array_equal(backprop(x), output)


def test_dropout_is_off_when_predicting_and_repeats_with_the_seed():
    layer, x = Dropout(0.5), np.random.default_rng(0).normal(size=(4, 4))
    assert layer.forward(x)[0] is x
    first, second = (layer.forward(x, np.random.default_rng(7))[0] for _ in range(2))
    assert np.array_equal(first, second)
    assert Dropout(0.0).forward(x, np.random.default_rng(0))[0] is x
    for rate in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="expected 0 <= rate < 1"):
            Dropout(rate)
