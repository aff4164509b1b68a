"""The update rules on plain arrays."""

import finevec.functional as F
import numpy as np
import pytest
import reference
from helpers import RULES, assert_close, expected, started_state, update
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from strategies import cases, small_dyadic, values

HYPER = {
    "sgd": [{"lr": 0.1}, {"lr": 0.5, "weight_decay": 0.01}],
    "adagrad": [{"lr": 0.1}, {"lr": 0.5, "eps": 1e-2, "weight_decay": 0.01}],
    "rowwise_adagrad": [{"lr": 0.1}, {"lr": 0.5, "eps": 1e-2, "weight_decay": 0.01}],
    "adam": [{"lr": 0.01}, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 0.1, "weight_decay": 0.01, "step": 7}],
    "adadelta": [{"lr": 1.0}, {"lr": 0.5, "rho": 0.95, "eps": 1e-3, "weight_decay": 0.01}],
}
ULPS = 32  # each rule rounds about a dozen times, and a mean over the row adds its own


def check(rule, case, grad, options, ulps=ULPS):
    """One update from a started state, against the oracle that is given the summed gradient."""
    weight, state = case.weight.copy(), started_state(rule, case.weight, case.rng)
    rows = reference.gradient(weight, [reference.Entry(case.ids, grad)], options.get("padding_idx")).total
    wanted, wanted_state = expected(rule, weight, state, rows, **options)
    touched = sorted(rows)
    size = np.abs(case.weight) + np.abs(wanted)
    state_size = {name: np.abs(array) + np.abs(wanted_state[name]) for name, array in state.items()}
    if "exp_avg" in state_size:
        for row, vector in rows.items():
            state_size["exp_avg"][row] += np.abs(vector) + np.abs(case.weight[row])
            size[row] += options["lr"] * (1 + np.abs(vector) / np.sqrt(wanted_state["exp_avg_sq"][row] + 1e-30))
    update(rule, weight, state, case.ids, grad, **options)
    assert_close(weight, wanted, ulps=ulps, size=size)
    for name, array in state.items():
        assert_close(array, wanted_state[name], ulps=ulps, size=state_size[name])
    untouched = np.setdiff1d(np.arange(case.rows), touched)
    assert_array_equal(weight[untouched], case.weight[untouched])


@pytest.mark.parametrize("rule", RULES)
@given(cases(unique=True), st.sampled_from((0, 1)))
def test_rule_given_the_summed_gradient(rule, case, number):
    check(rule, case, case.grad(*case.ids.shape), HYPER[rule][number])


@pytest.mark.parametrize("rule", RULES)
@given(cases())
def test_repeated_ids_count_as_their_sum(rule, case):
    grad = small_dyadic(case.rng, (*case.ids.shape, case.dim), case.weight.dtype)
    check(rule, case, grad, {"lr": 0.125})


@pytest.mark.parametrize("rule", RULES)
def test_coalescing_the_gradient_first_changes_no_bit(rule):
    """Both sides are finevec's: `test_coalesce` and the tests above compare them with the oracle."""
    rng = np.random.default_rng(3)
    weight = values(rng, (40, 33), np.float32)
    ids, grad = rng.integers(0, 40, 300), values(rng, (300, 33), np.float32)
    other, state, other_state = weight.copy(), reference.new_state(rule, weight), reference.new_state(rule, weight)
    update(rule, weight, state, ids, grad, lr=0.1)
    update(rule, other, other_state, *F.coalesce(ids, grad), lr=0.1)
    assert_array_equal(weight, other)
    for name in state:
        assert_array_equal(state[name], other_state[name])


@pytest.mark.parametrize("rule", RULES)
@given(cases(dtype=np.float64), st.sampled_from((0, -1)))
def test_padding_and_frozen_rows_stay_bit_identical(rule, case, padding):
    row_lr = case.rng.choice([0.0, 0.5, 1.0], case.rows)
    state = started_state(rule, case.weight, case.rng)
    weight, before = case.weight.copy(), {name: array.copy() for name, array in state.items()}
    grad = case.grad(*case.ids.shape)
    options = {"lr": 0.5, "padding_idx": padding, "row_lr": row_lr, "weight_decay": 0.25}
    rows = reference.gradient(weight, [reference.Entry(case.ids, grad)], padding).total
    wanted, _ = expected(rule, weight, state, rows, **options)
    update(rule, weight, state, case.ids, grad, **options)
    kept = [*np.flatnonzero(row_lr == 0).tolist(), padding]
    assert_array_equal(weight[kept], case.weight[kept])
    for name, array in state.items():
        assert_array_equal(array[kept], before[name][kept])
    np.testing.assert_allclose(weight, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_a_zero_gradient_touches_the_row(rule):
    weight = np.ones((3, 2))
    state = started_state(rule, weight, np.random.default_rng(1))
    options = {"lr": 0.5, "weight_decay": 0.5}
    wanted, wanted_state = expected(rule, weight, state, {1: np.zeros(2)}, **options)
    update(rule, weight, state, [1], np.zeros((1, 2)), **options)
    np.testing.assert_allclose(weight, wanted, rtol=1e-14)
    assert (weight[1] != 1.0).all()
    for name in state:
        np.testing.assert_allclose(state[name], wanted_state[name], rtol=1e-14)


@pytest.mark.parametrize("rule", RULES)
def test_no_ids_change_nothing(rule):
    weight = np.ones((3, 2), dtype=np.float32)
    state = reference.new_state(rule, weight)
    update(rule, weight, state, [], np.zeros((0, 2), dtype=np.float32), lr=0.5, weight_decay=0.5)
    assert_array_equal(weight, np.ones((3, 2)))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("view", ["every second row", "columns", "rows from the end"])
def test_views_of_a_larger_array_are_updated_in_place(rule, view):
    rng = np.random.default_rng(4)
    whole = rng.standard_normal((20, 12))
    cut = {"every second row": np.s_[::2], "columns": np.s_[:10, 3:9], "rows from the end": np.s_[9::-1]}[view]
    before, table = whole.copy(), whole[cut]
    plain = np.ascontiguousarray(table)
    ids, grad = rng.integers(0, 10, 15), rng.standard_normal((15, table.shape[1]))
    state, plain_state = reference.new_state(rule, plain), reference.new_state(rule, plain)
    update(rule, table, state, ids, grad, lr=0.1)
    update(rule, plain, plain_state, ids, grad, lr=0.1)
    assert_array_equal(whole[cut], plain)
    outside = np.ones(whole.shape, dtype=bool)
    outside[cut] = False
    assert_array_equal(whole[outside], before[outside])


@pytest.mark.parametrize("rule", RULES)
def test_two_dimensional_ids_are_per_id_without_mode_and_bags_with_it(rule):
    rng = np.random.default_rng(7)
    start = rng.standard_normal((6, 4))
    ids, grad = np.array([[0, 5, 5], [1, 0, 2]]), rng.standard_normal((2, 4))
    per_id, per_id_state = start.copy(), reference.new_state(rule, start)
    bags, bags_state = start.copy(), reference.new_state(rule, start)
    update(rule, per_id, per_id_state, ids, np.repeat(grad[:, None], 3, axis=1), lr=0.1)
    update(rule, bags, bags_state, ids, grad, lr=0.1, mode="sum")
    assert_array_equal(per_id, bags)


@pytest.mark.parametrize("rule", RULES)
def test_nan_and_infinity_stay_in_their_rows(rule):
    weight = np.ones((4, 3), dtype=np.float32)
    state = reference.new_state(rule, weight)
    grad = np.array([[np.nan] * 3, [np.inf] * 3, [1.0] * 3], dtype=np.float32)
    update(rule, weight, state, [0, 2, 3], grad, lr=0.5)
    assert np.isnan(weight[0]).all()
    assert not np.isfinite(weight[2]).any()
    assert_array_equal(weight[1], np.ones(3))
    assert np.isfinite(weight[3]).all()


def test_adam_and_adadelta_defaults_are_torchs():
    for update_with, update_plainly in (
        (
            lambda w, a, b: F.adam_update(w, a, b, [0], np.ones((1, 2)), lr=0.1, betas=(0.9, 0.999), eps=1e-8, step=1),
            lambda w, a, b: F.adam_update(w, a, b, [0], np.ones((1, 2)), lr=0.1, step=1),
        ),
        (
            lambda w, a, b: F.adadelta_update(w, a, b, [0], np.ones((1, 2)), lr=1.0, rho=0.9, eps=1e-6),
            lambda w, a, b: F.adadelta_update(w, a, b, [0], np.ones((1, 2))),
        ),
    ):
        first, second = np.zeros((3, 1, 2)), np.zeros((3, 1, 2))
        update_with(*first)
        update_plainly(*second)
        assert_array_equal(first, second)
        assert first[0].all()
