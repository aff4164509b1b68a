"""`Embedding` equals a dense layer fed one-hot vectors; rules that differ from dense ones keep to touched rows."""

import finevec as fv
import numpy as np
import pytest
import reference
from helpers import RULES
from hypothesis import given
from hypothesis import strategies as st
from strategies import dims, seeds, small_dyadic
from test_optim import OPTIMIZERS

STEPS = 8


def dense_step(rule, weight, state, grad, lr):
    """One step of the dense layer, over the whole matrix. Untouched rows have gradient 0 and do not move."""
    if rule == "sgd":
        return weight - lr * grad
    if rule == "adagrad":
        state += grad**2
        return weight - lr * grad / (np.sqrt(state) + 1e-10)
    state += np.mean(grad**2, axis=1, keepdims=True)
    return weight - lr * grad / (np.sqrt(state) + 1e-10)


@pytest.mark.parametrize("rule", ["sgd", "adagrad", "rowwise_adagrad"])
@given(seeds, dims, st.sampled_from((1, 2, 30)), st.sampled_from((1, 2, 25, 90)))
def test_equals_the_dense_one_hot_layer(rule, seed, dim, rows, count):
    rng = np.random.default_rng(seed)
    dense = small_dyadic(rng, (rows, dim), np.float64)
    emb = fv.Embedding.from_pretrained(dense.copy(), freeze=False)
    opt = OPTIMIZERS[rule]([emb.weight], lr=0.125)
    state = np.zeros((rows, 1) if rule == "rowwise_adagrad" else (rows, dim))
    for _ in range(STEPS):
        ids = rng.integers(0, rows, count)
        one_hot = np.eye(rows)[ids]
        np.testing.assert_allclose(emb(ids), one_hot @ dense, rtol=1e-12, atol=1e-12)
        grad = small_dyadic(rng, (count, dim), np.float64)
        dense = dense_step(rule, dense, state, one_hot.T @ grad, 0.125)
        opt.zero_grad()
        emb.backward(ids, grad)
        opt.step()
        np.testing.assert_allclose(emb.weight.data, dense, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", ["adam", "adadelta"])
@given(seeds, dims, st.sampled_from((1, 2, 30)), st.sampled_from((1, 2, 25)))
def test_equals_the_touched_rows_formula(rule, seed, dim, rows, count):
    rng = np.random.default_rng(seed)
    weight = small_dyadic(rng, (rows, dim), np.float64)
    emb = fv.Embedding.from_pretrained(weight.copy(), freeze=False)
    opt = OPTIMIZERS[rule]([emb.weight], lr=0.125)
    state = reference.new_state(rule, weight)
    for step in range(1, STEPS + 1):
        ids = rng.integers(0, rows, count)
        grad = small_dyadic(rng, (count, dim), np.float64)
        options = {"step": step} if rule == "adam" else {}
        summed = reference.gradient(weight, [reference.Entry(ids, grad)]).total
        weight, state = reference.update(rule, weight, state, summed, lr=0.125, **options)
        opt.zero_grad()
        emb.backward(ids, grad)
        opt.step()
        np.testing.assert_allclose(emb.weight.data, weight, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_a_linear_map_of_rows_trains_as_two_dense_layers_of_one_hot_vectors(rule):
    """Both layers in plain float64: ``one_hot @ table @ matrix``, the chain rule written out, the oracle's rules."""
    rng = np.random.default_rng(0)
    table, matrix = rng.standard_normal((20, 6)), rng.standard_normal((6, 4))
    states = reference.new_state(rule, table), reference.new_state(rule, matrix)
    emb = fv.Embedding.from_pretrained(table.copy(), freeze=False)
    linear = fv.Parameter(matrix.copy())
    opt = OPTIMIZERS[rule]([emb.weight, linear], lr=0.1)
    for step in range(1, 4):
        ids, grad = rng.integers(0, 20, 15), rng.standard_normal((15, 4))
        one_hot = np.eye(20)[ids]
        hidden = one_hot @ table
        grads = one_hot.T @ (grad @ matrix.T), hidden.T @ grad
        options = {"lr": 0.1, "step": step} if rule == "adam" else {"lr": 0.1}
        occurring = {row: grads[0][row] for row in np.flatnonzero(one_hot.any(axis=0)).tolist()}
        table, state = reference.update(rule, table, states[0], occurring, **options)
        matrix, other = reference.update(rule, matrix, states[1], dict(enumerate(grads[1])), dense=True, **options)
        states = state, other
        opt.zero_grad()
        rows = emb(ids)
        emb.backward(ids, grad @ linear.data.T)
        linear.add_grad(rows.T @ grad)
        opt.step()
        np.testing.assert_allclose(emb.weight.data, table, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(linear.data, matrix, rtol=1e-10, atol=1e-12)
