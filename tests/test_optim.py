"""Optimizers: groups, rules, arguments."""

import numpy as np
import pytest
import reference
from finevec import Embedding, Parameter, optim
from helpers import RULES
from numpy.testing import assert_array_equal

OPTIMIZERS = {
    "sgd": optim.SGD,
    "adagrad": optim.Adagrad,
    "rowwise_adagrad": optim.RowWiseAdagrad,
    "adam": optim.Adam,
    "adadelta": optim.Adadelta,
}
OPTIONS = {
    "sgd": {"lr": 0.1, "weight_decay": 0.01},
    "adagrad": {"lr": 0.1, "weight_decay": 0.01, "eps": 1e-3},
    "rowwise_adagrad": {"lr": 0.1, "weight_decay": 0.01, "eps": 1e-3},
    "adam": {"lr": 0.1, "weight_decay": 0.01, "betas": (0.8, 0.9), "eps": 1e-3},
    "adadelta": {"lr": 0.1, "weight_decay": 0.01, "rho": 0.8, "eps": 1e-3},
}


def param(*shape, seed=0, **options):
    return Parameter(np.random.default_rng(seed).standard_normal(shape), **options)


def feed(parameter, rng):
    """Give a row-sparse gradient to a 2-D parameter of 8 rows, a dense one to others; return it by row."""
    if parameter.shape[0] == 8:
        ids = rng.integers(0, 8, 5)
        grad = rng.standard_normal((5, *parameter.shape[1:]))
        parameter.add_rows(ids, grad)
        return reference.gradient(parameter.data, [reference.Entry(ids, grad)], parameter.padding_idx).total
    grad = rng.standard_normal(parameter.shape)
    parameter.add_grad(grad)
    return dict(enumerate(grad.reshape(len(grad), -1)))


@pytest.mark.parametrize("rule", RULES)
def test_dense_and_row_sparse_parameters_follow_the_rule_for_many_steps(rule):
    rng = np.random.default_rng(1)
    params = [param(8, 5), param(6, 4, seed=1), param(7, seed=2), param(2, 3, 4, seed=3)]
    opt = OPTIMIZERS[rule](params, **OPTIONS[rule])
    weights = [p.data.reshape(len(p.data), -1).copy() for p in params]
    states = [reference.new_state(rule, weight) for weight in weights]
    for step in range(1, 8):
        opt.zero_grad()
        for k, p in enumerate(params):
            options = dict(OPTIONS[rule])
            if rule == "adam":
                options["step"] = step
            weights[k], states[k] = reference.update(rule, weights[k], states[k], feed(p, rng), dense=k > 0, **options)
        opt.step()
    assert opt.steps == 7
    for p, weight in zip(params, weights, strict=True):
        np.testing.assert_allclose(p.data, weight.reshape(p.shape), rtol=1e-12, atol=1e-12)


def test_adagrad_decays_lr_by_the_parameters_own_steps():
    first, second = param(3, 2), param(3, 2)
    opt = optim.Adagrad([first, second], lr=0.5, lr_decay=0.25, initial_accumulator_value=0.1)
    weight, state = first.data.copy(), reference.new_state("adagrad", first.data, 0.1)
    for step in range(4):
        opt.zero_grad()
        grad = np.full((3, 2), 1.0 + step)
        first.add_grad(grad)
        lr = 0.5 / (1 + step * 0.25)
        weight, state = reference.update("adagrad", weight, state, dict(enumerate(grad)), lr=lr)
        opt.step()
    np.testing.assert_allclose(first.data, weight, rtol=1e-13)
    start = second.data.copy()
    opt.zero_grad()
    second.add_grad(np.ones((3, 2)))
    opt.step()
    np.testing.assert_allclose(second.data, start - 0.5 / (np.sqrt(1.1) + 1e-10), rtol=1e-13)
    states = opt.state_dict()["state"]
    assert (states[0]["step"], states[1]["step"]) == (4, 1)


@pytest.mark.parametrize("rule", RULES)
def test_a_groups_own_rule_has_its_own_defaults_and_the_optimizers_lr(rule):
    own, other = param(8, 3), param(4, 3, seed=1)
    opt = optim.Adam([{"params": own, "rule": rule}, {"params": [other]}], lr=0.3, eps=0.5, weight_decay=0.1)
    group = opt.param_groups[0]
    alone = OPTIMIZERS[rule]([param(8, 3)], lr=0.3)
    wanted = {**alone.param_groups[0], "params": [own]}
    if rule == "adam":
        wanted |= {"eps": 0.5, "weight_decay": 0.1}
    assert group == wanted
    rng = np.random.default_rng(0)
    feed(own, rng)
    feed(other, rng)
    opt.step()
    if rule != "adam":
        feed(alone.param_groups[0]["params"][0], np.random.default_rng(0))
        alone.step()
        assert_array_equal(own.data, alone.param_groups[0]["params"][0].data)


def test_groups_have_their_own_options():
    first, second = param(4, 2), param(4, 2, seed=1)
    before = first.data.copy(), second.data.copy()
    groups = [{"params": [first], "lr": 0.5}, {"params": iter([second]), "weight_decay": 1.0}]
    opt = optim.SGD(groups, lr=0.25)
    for p in (first, second):
        p.add_grad(np.ones((4, 2)))
    opt.step()
    np.testing.assert_allclose(first.data, before[0] - 0.5, rtol=1e-14)
    np.testing.assert_allclose(second.data, before[1] - 0.25 * (1 + before[1]), rtol=1e-14)
    opt.param_groups[0]["lr"] = 0.0
    opt.step()
    np.testing.assert_allclose(first.data, before[0] - 0.5, rtol=1e-14)


def test_gradients_stay_until_zero_grad():
    p = param(3, 2)
    before = p.data.copy()
    p.add_grad(np.ones((3, 2)))
    opt = optim.SGD([p], lr=1.0)
    opt.step()
    opt.step()
    np.testing.assert_allclose(p.data, before - 2)
    opt.zero_grad()
    assert p.grad is None
    opt.step()
    np.testing.assert_allclose(p.data, before - 2)


@pytest.mark.parametrize("rule", RULES)
def test_padding_and_frozen_rows_stay_bit_identical_state_included(rule):
    rng = np.random.default_rng(5)
    sparse = param(8, 3, padding_idx=2, row_lr=[1, 0, 1, 1, 0.5, 1, 1, 1], max_norm=1.0)
    dense = param(6, 3, seed=1, padding_idx=0, row_lr=[1, 0, 1, 1, 0.5, 1], max_norm=1.0)
    before = sparse.data.copy(), dense.data.copy()
    opt = OPTIMIZERS[rule]([sparse, dense], **OPTIONS[rule])
    for _ in range(6):
        opt.zero_grad()
        feed(sparse, rng)
        sparse.add_rows([1, 2, 3, 4], np.ones((4, 3)))
        feed(dense, rng)
        opt.step()
    for p, start, kept in ((sparse, before[0], [1, 2]), (dense, before[1], [0, 1])):
        assert_array_equal(p.data[kept], start[kept])
        assert (p.data[[3, 4]] != start[[3, 4]]).all()
        assert (np.linalg.norm(np.delete(p.data, kept, axis=0), axis=1) <= np.linalg.norm(start, axis=1).max()).all()
    for number, kept in ((0, [1, 2]), (1, [0, 1])):
        for name, array in opt.state_dict()["state"][number].items():
            if name != "step":
                assert_array_equal(array[kept], np.zeros_like(array[kept]))


def test_max_norm_holds_for_dense_rows_that_move():
    p = Parameter(np.full((2, 4), 3.0), max_norm=2.0)
    p.add_grad(np.zeros((2, 4)))
    optim.SGD([p], lr=1.0).step()
    np.testing.assert_allclose(np.linalg.norm(p.data, axis=1), [2.0, 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda p: optim.SGD([]), ValueError, "params must hold at least one Parameter, got none"),
        (lambda p: optim.SGD(p), TypeError, "params must be a list of Parameter or of groups, got one Parameter"),
        (lambda p: optim.Adam(Embedding(2, 1)), TypeError, r"got Embedding: give its weight, \[layer.weight\]"),
        (lambda p: optim.Adam([Embedding(2, 1)]), TypeError, r"got Embedding: give its weight, \[layer.weight\]"),
        (lambda p: optim.SGD([p.data]), TypeError, "params must hold Parameter, got ndarray"),
        (lambda p: optim.SGD([p, p]), ValueError, "is given twice"),
        (lambda p: optim.SGD([{"params": p}, {"params": [p]}]), ValueError, "param_groups\\[1\\]: .* is given twice"),
        (lambda p: optim.SGD([{"params": []}]), ValueError, "at least one Parameter, got none"),
        (lambda p: optim.SGD([{"lr": 1.0}]), ValueError, "the key 'params' is missing"),
        (lambda p: optim.SGD([{"params": p, "momentum": 1.0}]), ValueError, "unknown key 'momentum'; rule sgd knows"),
        (
            lambda p: optim.SGD([{"params": p, "rule": "adamw"}]),
            ValueError,
            "rule must be one of adadelta, adagrad, adam, rowwise_adagrad, sgd, got 'adamw'",
        ),
        (
            lambda p: optim.SGD([{"params": p, "freeze_steps": -1}]),
            ValueError,
            "freeze_steps must be at least 0, got -1",
        ),
        (lambda p: optim.SGD([{"params": p, "freeze_steps": 1.5}]), TypeError, "freeze_steps must be an integer"),
        (lambda p: optim.SGD([{"params": p, "freeze_steps": True}]), TypeError, "must be an integer, got bool"),
        (lambda p: optim.SGD([{"params": p, "rule": ["sgd"]}]), TypeError, "rule must be a name, got list"),
        (lambda p: optim.SGD([p], lr=10**400), ValueError, "lr must be within the range of a float"),
        (lambda p: optim.SGD([p], lr=-1), ValueError, "lr must not be negative, got -1"),
        (lambda p: optim.SGD([p], lr=float("nan")), ValueError, "lr must be finite, got nan"),
        (lambda p: optim.SGD([p], lr="fast"), TypeError, "lr must be a number, got str"),
        (lambda p: optim.SGD([p], weight_decay=-1), ValueError, "weight_decay must not be negative"),
        (lambda p: optim.Adagrad([p], eps=-1), ValueError, "eps must not be negative"),
        (lambda p: optim.Adagrad([p], lr_decay=-1), ValueError, "lr_decay must not be negative"),
        (lambda p: optim.Adagrad([p], initial_accumulator_value=-1), ValueError, "initial_accumulator_value must not"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, r"betas\[1\] must be within 0 <= betas\[1\] < 1"),
        (lambda p: optim.Adam([p], betas=(0.9,)), ValueError, "betas must be a tuple of two numbers, got 1"),
        (lambda p: optim.Adam([p], betas=0.9), TypeError, "betas must be a tuple of two numbers, got float"),
        (lambda p: optim.Adadelta([p], rho=1.5), ValueError, "rho must be within 0 <= rho <= 1, got 1.5"),
    ],
)
def test_bad_arguments(make, error, text):
    with pytest.raises(error, match=text):
        make(param(3, 2))


def test_a_rule_cannot_change_once_there_is_state():
    p = param(8, 3)
    opt = optim.Adagrad([{"params": p, "rule": "sgd"}])
    feed(p, np.random.default_rng(0))
    opt.step()
    opt.param_groups[0].update(rule="adam", betas=(0.9, 0.9), eps=0.1)
    with pytest.raises(ValueError, match="rule was sgd for its first steps, got adam"):
        opt.step()


def test_repr_has_rule_and_options():
    assert repr(optim.SGD([param(3, 2)], lr=0.5)) == (
        "SGD([{'lr': 0.5, 'weight_decay': 0.0, 'freeze_steps': 0, 'params': 1, 'rule': 'sgd'}])"
    )
