"""Freezing for a number of steps, and thawing."""

import numpy as np
import pytest
from finevec import Embedding, Parameter, optim
from helpers import RULES
from numpy.testing import assert_array_equal
from test_optim import OPTIMIZERS


def make(rule, freeze_steps):
    emb = Embedding(6, 3, seed=0, dtype="float64")
    dense = Parameter(np.ones((2, 3)))
    groups = [{"params": [emb.weight], "freeze_steps": freeze_steps, "lr": 0.05}, {"params": [dense]}]
    return emb, dense, OPTIMIZERS[rule](groups, lr=0.1)


def one_step(emb, dense, opt, seed):
    rng = np.random.default_rng(seed)
    opt.zero_grad()
    emb.backward([1, 4, 1], rng.standard_normal((3, 3)))
    dense.add_grad(rng.standard_normal((2, 3)))
    opt.step()


@pytest.mark.parametrize("rule", RULES)
def test_frozen_steps_leave_no_trace(rule):
    emb, dense, opt = make(rule, 3)
    before = emb.weight.data.copy()
    for seed in range(3):
        assert opt.frozen(0)
        assert not opt.frozen(1)
        one_step(emb, dense, opt, seed)
        assert_array_equal(emb.weight.data, before)
        assert 0 not in opt.state_dict()["state"]
        assert emb.weight.grad is None
    assert not opt.frozen(0)
    fresh_emb, fresh_dense, fresh = make(rule, 0)
    for seed in range(3, 6):
        one_step(emb, dense, opt, seed)
        one_step(fresh_emb, fresh_dense, fresh, seed)
    assert_array_equal(emb.weight.data, fresh_emb.weight.data)
    assert opt.state_dict()["state"][0]["step"] == 3
    assert (dense.data != fresh_dense.data).any()


def test_gradients_that_wait_from_frozen_steps_are_dropped():
    emb, _, opt = make("sgd", 1)
    before = emb.weight.data.copy()
    emb.backward([1], np.ones((1, 3)))
    opt.step()
    assert emb.weight.grad is None
    opt.step()
    assert_array_equal(emb.weight.data, before)


def test_thawed_tells_once_which_groups_start_to_train():
    params = [Parameter(np.ones(1)) for _ in range(4)]
    groups = [{"params": p, "freeze_steps": n} for p, n in zip(params, (0, 2, 1, 2), strict=True)]
    opt = optim.SGD(groups, lr=0.1)
    told = [opt.thawed()]
    for _ in range(4):
        opt.step()
        told.append(opt.thawed())
    assert told == [[], [2], [1, 3], [], []]


def test_freezing_by_requires_grad_keeps_the_state():
    emb, dense, opt = make("adagrad", 0)
    one_step(emb, dense, opt, 0)
    kept, state = emb.weight.data.copy(), opt.state_dict()["state"][0]
    emb.freeze()
    one_step(emb, dense, opt, 1)
    assert_array_equal(emb.weight.data, kept)
    after = opt.state_dict()["state"][0]
    assert after["step"] == state["step"] == 1
    assert_array_equal(after["state_sum"], state["state_sum"])
    emb.unfreeze()
    one_step(emb, dense, opt, 2)
    assert opt.state_dict()["state"][0]["step"] == 2


def test_a_gradient_that_arrived_before_freezing_is_dropped():
    emb, _, opt = make("sgd", 0)
    before = emb.weight.data.copy()
    emb.backward([1], np.ones((1, 3)))
    emb.freeze()
    opt.step()
    emb.unfreeze()
    opt.step()
    assert_array_equal(emb.weight.data, before)


def test_the_countdown_is_kept_in_the_state_dict():
    emb, dense, opt = make("adagrad", 3)
    one_step(emb, dense, opt, 0)
    one_step(emb, dense, opt, 1)
    other_emb, other_dense, other = make("adagrad", 0)
    other.load_state_dict(opt.state_dict())
    assert other.frozen(0)
    one_step(other_emb, other_dense, other, 2)
    assert other.thawed() == [0]
    assert not other.frozen(0)


def test_freeze_steps_may_be_set_again():
    emb, dense, opt = make("sgd", 0)
    one_step(emb, dense, opt, 0)
    opt.param_groups[0]["freeze_steps"] = opt.steps + 1
    before = emb.weight.data.copy()
    one_step(emb, dense, opt, 1)
    assert_array_equal(emb.weight.data, before)
    one_step(emb, dense, opt, 2)
    assert (emb.weight.data[[1, 4]] != before[[1, 4]]).all()
