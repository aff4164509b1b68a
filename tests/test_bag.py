"""Bags: sums, means and maxima, and their gradients."""

import finevec.functional as F
import numpy as np
import pytest
import reference
from helpers import assert_close
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from strategies import bag_cases, lay_out, small_dyadic, values

MODES = ("sum", "mean", "max")


def padding_of(case, draw_padding):
    return {"none": None, "first": 0, "last": -1}[draw_padding]


@given(bag_cases(), st.sampled_from(MODES), st.sampled_from(("none", "first", "last")))
def test_forward(case, mode, padding):
    padding = padding_of(case, padding)
    options = {"padding_idx": padding, "include_last_offset": case.include_last_offset}
    got = F.embedding_bag(case.ids, case.weight, case.offsets, mode=mode, **options)
    wanted = reference.bag(case.ids, case.weight, case.offsets, mode=mode, **options)
    if mode == "max":
        assert_array_equal(got, wanted.astype(case.weight.dtype))
    else:
        size = reference.bag(case.ids, np.abs(case.weight), case.offsets, mode=mode, **options)
        assert_close(got, wanted, ulps=8, size=size)  # at most 6 terms and a division


@given(bag_cases())
def test_per_sample_weights(case):
    factors = values(case.rng, case.ids.shape, case.weight.dtype)
    options = {"mode": "sum", "include_last_offset": case.include_last_offset}
    got = F.embedding_bag(case.ids, case.weight, case.offsets, per_sample_weights=factors, **options)
    wanted = reference.bag(case.ids, case.weight, case.offsets, per_sample_weights=factors, **options)
    size = reference.bag(case.ids, np.abs(case.weight), case.offsets, per_sample_weights=np.abs(factors), **options)
    assert_close(got, wanted, ulps=8, size=size)


@given(bag_cases(), st.sampled_from(MODES), st.sampled_from(("none", "first", "last")), st.booleans())
def test_gradient_reaches_the_rows(case, mode, padding, weighted):
    padding = padding_of(case, padding)
    grad = case.grad(case.bags)
    factors = values(case.rng, case.ids.shape, case.weight.dtype) if weighted and mode == "sum" else None
    forms = {"offsets": case.offsets, "mode": mode, "include_last_offset": case.include_last_offset}
    entry = reference.Entry(case.ids, grad, per_sample_weights=factors, **forms)
    wanted = reference.gradient(case.weight, [entry], padding)
    # Training a copy of zeros would change the maxima: the gradient is what SGD takes from the weight itself.
    got = case.weight.copy()
    F.sgd_update(got, case.ids, grad, lr=1.0, padding_idx=padding, per_sample_weights=factors, **forms)
    for row in range(case.rows):
        if row not in wanted.total:
            assert_array_equal(got[row], case.weight[row])
            continue
        size = wanted.size[row] + np.abs(case.weight[row])
        assert_close(got[row], case.weight[row] - wanted.total[row], ulps=wanted.terms[row] + 4, size=size)


@pytest.mark.parametrize("mode", MODES)
def test_empty_bags_and_bags_of_padding_are_zeros(mode):
    weight = np.full((3, 2), -5.0, dtype=np.float32)
    out = F.embedding_bag([1, 1, 2], weight, [0, 0, 2, 3, 3], mode=mode, padding_idx=1)
    assert_array_equal(out[[0, 1, 3]], np.zeros((3, 2)))
    assert_array_equal(out[2], weight[2])
    before = weight.copy()
    F.sgd_update(
        weight, [1, 1, 2], np.ones((4, 2), dtype=np.float32), lr=1.0, offsets=[0, 0, 2, 3, 3], mode=mode, padding_idx=1
    )
    assert_array_equal(weight[:2], before[:2])
    assert_array_equal(weight[2], before[2] - 1)


def test_mean_is_the_default_and_leaves_padding_out_of_the_count():
    weight = np.array([[0.0], [3.0], [6.0]])
    assert_array_equal(F.embedding_bag([[1, 2, 0]], weight), [[3.0]])
    assert_array_equal(F.embedding_bag([[1, 2, 0]], weight, padding_idx=0), [[4.5]])
    assert_array_equal(F.embedding_bag([[1, 2, 0]], weight, padding_idx=-3), [[4.5]])


def test_both_forms_of_offsets_agree():
    weight = np.arange(10.0).reshape(5, 2)
    ids = [4, 1, 1, 0]
    with_last = F.embedding_bag(ids, weight, [0, 2, 2, 4])
    without = F.embedding_bag(ids, weight, [0, 2, 2], include_last_offset=False)
    assert_array_equal(with_last, without)
    assert F.embedding_bag([], weight, [0]).shape == (0, 2)
    assert F.embedding_bag([], weight, [], include_last_offset=False).shape == (0, 2)
    assert_array_equal(F.embedding_bag([], weight, [0], include_last_offset=False), np.zeros((1, 2)))


def test_two_dimensional_ids_are_bags_of_equal_length():
    weight = np.arange(10.0).reshape(5, 2)
    ids = np.array([[4, 1], [1, 0]])
    assert_array_equal(F.embedding_bag(ids, weight), F.embedding_bag(ids.ravel(), weight, [0, 2, 4]))
    assert_array_equal(F.embedding_bag(lay_out(ids, "fortran"), weight), F.embedding_bag(ids, weight))
    assert_array_equal(F.embedding_bag(np.zeros((3, 0), dtype=int), weight), np.zeros((3, 2)))


def test_maximum_takes_the_first_of_equals_and_any_nan():
    weight = np.array([[1.0, 1.0], [1.0, 2.0], [np.nan, 2.0]])
    assert_array_equal(F.embedding_bag([[0, 2, 1], [2, 0, 1]], weight, mode="max"), [[np.nan, 2.0]] * 2)
    table = weight.copy()
    F.sgd_update(table, [[0, 1]], np.ones((1, 2)), lr=1.0, mode="max")
    assert_array_equal(table[:2], [[0.0, 1.0], [1.0, 1.0]])
    table = weight.copy()
    F.sgd_update(table, [[1, 0]], np.ones((1, 2)), lr=1.0, mode="max")
    assert_array_equal(table[:2], [[1.0, 1.0], [0.0, 1.0]])


def test_long_bags_are_exact_for_dyadic_values():
    rng = np.random.default_rng(5)
    weight = small_dyadic(rng, (50, 17), np.float32)
    ids = rng.integers(0, 50, 20_000)
    wanted = np.bincount(ids, minlength=50) @ weight.astype(np.float64)
    assert_array_equal(F.embedding_bag(ids, weight, [0, 20_000], mode="sum")[0], wanted)


def sum_and_rounding(rows):
    """The sum of float32 rows, and how far float32 may be from it, adding pieces of 4,096 rows and then their sums.

    An addition is off by at most half an ulp of what it gives: 2^-24 of a partial sum, which float64 knows well enough.
    """
    rows = rows.astype(np.float64)
    pieces = [np.cumsum(rows[start : start + 4096], axis=0) for start in range(0, len(rows), 4096)]
    sums = np.cumsum([piece[-1] for piece in pieces], axis=0)
    partial = sum(np.abs(piece).sum(axis=0) for piece in pieces) + np.abs(sums).sum(axis=0)
    return sums[-1], 1.01 * 2.0**-24 * partial


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_long_bag_of_floats_is_within_the_bound_of_its_sum(mode):
    rng = np.random.default_rng(6)
    weight = values(rng, (1000, 33), np.float32)
    ids = rng.integers(0, 1000, 30_000)
    count = len(ids) if mode == "mean" else 1

    def is_right(got, ids):
        wanted, bound = sum_and_rounding(weight[ids])
        return (np.abs(got * np.float64(count) - wanted) <= bound + 2.0**-24 * np.abs(wanted)).all()

    got = F.embedding_bag(ids, weight, [0, len(ids)], mode=mode)[0]
    assert is_right(got, ids)
    for left_out in (0, 4095, 4096, 8191, 8192, 29_999):
        assert not is_right(got, np.delete(ids, left_out))


def test_offsets_without_mode_mean_the_mean():
    table, other = np.zeros((3, 1)), np.zeros((3, 1))
    grad = np.array([[2.0], [1.0]])
    F.sgd_update(table, [0, 1, 2], grad, lr=1.0, offsets=[0, 2, 3])
    F.sgd_update(other, [0, 1, 2], grad, lr=1.0, offsets=[0, 2, 3], mode="mean")
    assert_array_equal(table, [[-1.0], [-1.0], [-1.0]])
    assert_array_equal(table, other)


def test_out_is_filled_and_returned():
    weight = np.arange(10.0).reshape(5, 2)
    out = np.full((2, 2), np.nan)
    assert F.embedding_bag([4, 1, 1], weight, [0, 2, 3], out=out) is out
    assert_array_equal(out, [[5.0, 6.0], [2.0, 3.0]])
