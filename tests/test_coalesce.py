"""Coalescing, and scatter_add."""

import finevec.functional as F
import numpy as np
import reference
from helpers import assert_close
from hypothesis import given
from numpy.testing import assert_array_equal
from strategies import cases, lay_out, small_dyadic


@given(cases())
def test_coalesce(case):
    grad = case.grad(*case.ids.shape)
    unique_ids, summed = F.coalesce(case.ids, grad)
    wanted_ids, wanted = reference.coalesce(case.ids, grad)
    assert unique_ids.dtype == np.int64
    assert_array_equal(unique_ids, wanted_ids)
    assert summed.dtype == grad.dtype
    size = reference.coalesce(case.ids, np.abs(grad))[1]
    assert_close(summed, wanted, ulps=max(case.ids.size, 1), size=size)


def test_equal_ids_are_summed_in_order_of_appearance():
    grad = np.array([[1.0], [2.0**-24], [2.0**-24], [2.0**-24]], dtype=np.float32)
    ids = [3, 3, 3, 3]
    assert F.coalesce(ids, grad)[1].item() == 1.0
    total = np.float32(3 * 2.0**-24) + np.float32(1.0)
    assert F.coalesce(ids, grad[::-1])[1].item() == total > 1.0


def test_coalesce_reads_any_layout_of_the_gradient():
    rng = np.random.default_rng(0)
    grad = rng.standard_normal((6, 4))
    ids = [5, 1, 5, 0, 1, 5]
    wanted = F.coalesce(ids, grad)
    for layout in ("strided", "reversed", "fortran", "readonly", "byteswapped", "misaligned"):
        for got, expected in zip(F.coalesce(ids, lay_out(grad, layout)), wanted, strict=True):
            assert_array_equal(got, expected)


def test_large_ids_need_no_table():
    unique_ids, summed = F.coalesce(np.array([2**40, 7, 2**40]), np.ones((3, 2)))
    assert_array_equal(unique_ids, [7, 2**40])
    assert_array_equal(summed, [[1.0, 1.0], [2.0, 2.0]])


@given(cases())
def test_scatter_add(case):
    grad = case.grad(*case.ids.shape)
    got = case.weight.copy()
    F.scatter_add(got, case.ids, grad, alpha=-0.5)
    flat, vectors = case.ids.astype(np.int64).ravel(), grad.reshape(-1, case.dim).astype(np.float64)
    wanted, size = case.weight.astype(np.float64), np.abs(case.weight).astype(np.float64)
    np.add.at(wanted, flat, -0.5 * vectors)
    np.add.at(size, flat, np.abs(vectors))
    assert_close(got, wanted, ulps=case.ids.size + 2, size=size)
    untouched = np.setdiff1d(np.arange(case.rows), flat)
    assert_array_equal(got[untouched], case.weight[untouched])


def test_scatter_add_of_many_dyadic_numbers_is_exact():
    rng = np.random.default_rng(1)
    weight = small_dyadic(rng, (500, 31), np.float32)
    ids, grad = rng.integers(0, 500, 20_000), small_dyadic(rng, (20_000, 31), np.float32)
    wanted = weight.astype(np.float64)
    np.add.at(wanted, ids, grad)
    F.scatter_add(weight, ids, grad)
    assert_array_equal(weight, wanted)
