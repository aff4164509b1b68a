"""Clipping by the global norm."""

import numpy as np
import pytest
import reference
from finevec import Embedding, Parameter, optim
from helpers import RULES
from hypothesis import given
from numpy.testing import assert_array_equal
from strategies import cases
from test_optim import OPTIMIZERS


@given(cases())
def test_norm_is_that_of_the_summed_gradient(case):
    row_lr = case.rng.choice([0.0, 1.0], case.rows)
    padding = case.rows - 1
    table = Parameter(case.weight, padding_idx=padding, row_lr=row_lr)
    dense = Parameter(np.zeros((3, 4)))
    grads = case.grad(*case.ids.shape), case.grad(*case.ids.shape)
    for grad in grads:
        table.add_rows(case.ids, grad)
    dense.add_grad(case.rng.standard_normal((3, 4)))
    entries = [reference.Entry(case.ids, grad) for grad in grads]
    gradient = reference.gradient(case.weight, entries, padding)
    sq = reference.sq_norm(gradient.total, padding_idx=padding, row_lr=row_lr) + np.sum(dense.grad**2)
    size = reference.sq_norm(gradient.size, padding_idx=padding, row_lr=row_lr) + np.sum(dense.grad**2)
    got = optim.clip_grad_norm_([table, dense], 1.0)
    # Each sum is off by at most its terms times eps of its size, so their squares' sum by twice that of the sizes'.
    terms = max(gradient.terms.values(), default=0) + 2
    assert abs(got**2 - sq) <= 4 * terms * reference.EPS[case.weight.dtype] * size + 1e-12
    coefficient = min(1.0, 1.0 / (got + 1e-6))
    assert (table.grad_scale, dense.grad_scale) == (coefficient, coefficient)


@pytest.mark.parametrize("rule", RULES)
def test_the_update_uses_the_clipped_gradient(rule):
    ids, grad, dense_grad = [1, 4, 1], np.array([[3.0], [0.0], [1.0]]), np.array([3.0])
    clipped = [Parameter(np.ones((5, 1))), Parameter(np.ones(1))]
    plain = [Parameter(np.ones((5, 1))), Parameter(np.ones(1))]
    given_grads = grad.copy(), dense_grad.copy()
    clipped[0].add_rows(ids, grad)
    clipped[1].grad = dense_grad
    assert optim.clip_grad_norm_(clipped, 2.5) == 5.0
    scale = clipped[0].grad_scale
    plain[0].add_rows(ids, scale * grad)
    plain[1].add_grad(scale * dense_grad)
    for params in (clipped, plain):
        OPTIMIZERS[rule](params, lr=0.1, weight_decay=0.5).step()
    for got, wanted in zip(clipped, plain, strict=True):
        np.testing.assert_allclose(got.data, wanted.data, rtol=1e-12)
    assert_array_equal(grad, given_grads[0])
    assert_array_equal(dense_grad, given_grads[1])
    clipped[0].zero_grad()
    assert clipped[0].grad_scale == 1.0


def test_small_gradients_stay_as_they_are():
    param = Parameter(np.ones(2))
    param.add_grad(np.array([3.0, 4.0]))
    assert optim.clip_grad_norm_(param, 6.0) == 5.0
    assert param.grad_scale == 1.0
    assert optim.clip_grad_norm_(param, float("inf")) == 5.0
    assert param.grad_scale == 1.0


def test_clipping_again_measures_the_clipped_gradient():
    param = Parameter(np.ones(2))
    param.add_grad(np.array([3.0, 4.0]))
    assert optim.clip_grad_norm_(param, 1.0) == 5.0
    assert optim.clip_grad_norm_(param, 2.0) == pytest.approx(1.0, rel=1e-6)
    assert param.grad_scale == pytest.approx(0.2, rel=1e-6)
    assert optim.clip_grad_norm_(param, 0.5) == pytest.approx(1.0, rel=1e-6)
    assert param.grad_scale == pytest.approx(0.1, rel=1e-5)


def test_what_does_not_train_does_not_count():
    emb, free = Embedding(4, 2, seed=0, dtype="float64"), Parameter(np.ones(1))
    emb.backward([1], np.ones((1, 2)))
    emb.freeze()
    free.add_grad(np.array([3.0]))
    assert optim.clip_grad_norm_([emb.weight, free, Parameter(np.ones(2))], 1.0) == 3.0
    assert emb.weight.grad_scale == 1.0
    assert optim.clip_grad_norm_([], 1.0) == 0.0


def test_groups_that_are_frozen_do_not_count_for_the_optimizers_clipping():
    first, second = Parameter(np.ones(1)), Parameter(np.ones(1))
    opt = optim.SGD([{"params": first, "freeze_steps": 1}, {"params": second}], lr=1.0)
    norms = []
    for _ in range(2):
        opt.zero_grad()
        first.add_grad(np.array([4.0]))
        second.add_grad(np.array([3.0]))
        norms.append(opt.clip_grad_norm_(100.0))
        opt.step()
    assert norms == [3.0, 5.0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_norm_that_is_not_finite_is_returned_and_nothing_is_clipped(value):
    bad, good = Parameter(np.ones((3, 2))), Parameter(np.ones(2))
    bad.add_rows([1], np.array([[1.0, value]]))
    good.add_grad(np.array([3.0, 4.0]))
    assert not np.isfinite(optim.clip_grad_norm_([good, bad], 1.0))
    assert (bad.grad_scale, good.grad_scale) == (1.0, 1.0)
    with pytest.raises(RuntimeError, match="the norm of the gradients must be finite, got"):
        optim.clip_grad_norm_([good, bad], 1.0, error_if_nonfinite=True)
    assert (bad.grad_scale, good.grad_scale) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("max_norm", "error", "text"),
    [
        (0.0, ValueError, "max_norm must be above 0, got 0.0"),
        (-1.0, ValueError, "max_norm must be above 0, got -1.0"),
        (float("nan"), ValueError, "max_norm must be a number, got nan"),
        (10**400, ValueError, "max_norm must be within the range of a float"),
        ("1", TypeError, "max_norm must be a number, got str"),
    ],
)
def test_bad_max_norm(max_norm, error, text):
    with pytest.raises(error, match=text):
        optim.clip_grad_norm_([Parameter(np.ones(1))], max_norm)


def test_a_parameter_given_twice():
    param = Parameter(np.ones(1))
    with pytest.raises(ValueError, match="a parameter is given twice"):
        optim.clip_grad_norm_([param, param], 1.0)
