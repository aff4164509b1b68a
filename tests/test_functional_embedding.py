"""Lookups."""

import finevec.functional as F
import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal
from strategies import INTEGERS, LAYOUTS, cases, lay_out


@given(cases())
def test_equals_numpy_indexing_bit_for_bit(case):
    rows = F.embedding(case.ids, case.weight)
    assert rows.dtype == case.weight.dtype
    assert rows.flags.c_contiguous
    assert rows.flags.writeable
    assert_array_equal(rows, case.weight[case.ids.astype(np.int64)])


@given(cases())
def test_out_is_filled_and_returned(case):
    out = np.full((*case.ids.shape, case.dim), np.nan, dtype=case.weight.dtype)
    assert F.embedding(case.ids, case.weight, out=out) is out
    assert_array_equal(out, case.weight[case.ids.astype(np.int64)])


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_integer_types_and_layouts(dtype, layout):
    weight = np.arange(100 * 3, dtype=np.float32).reshape(100, 3)
    ids = lay_out(np.array([[99, 0, 5], [5, 5, 98]], dtype=dtype), layout)
    assert_array_equal(F.embedding(ids, weight), weight[[[99, 0, 5], [5, 5, 98]]])


def test_lists_and_single_ids():
    weight = np.arange(6.0).reshape(3, 2)
    assert_array_equal(F.embedding([2, 0], weight), weight[[2, 0]])
    assert_array_equal(F.embedding(1, weight), weight[1])
    assert F.embedding([], weight).shape == (0, 2)
    assert F.embedding([[], []], weight).shape == (2, 0, 2)


def test_table_of_every_second_row_and_column_slice():
    whole = np.arange(80.0).reshape(8, 10)
    for table in (whole[::2], whole[::-1], whole[:, 3:7], whole[1::3, 2:]):
        assert_array_equal(F.embedding([1, 0, 1], table), table[[1, 0, 1]])


def test_read_only_and_memory_mapped_tables(tmp_path):
    table = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    np.save(tmp_path / "table.npy", table)
    mapped = np.load(tmp_path / "table.npy", mmap_mode="r")
    assert_array_equal(F.embedding([3, 0], mapped), table[[3, 0]])
    table.flags.writeable = False
    assert_array_equal(F.embedding([3, 0], table), table[[3, 0]])


def test_nan_and_infinity_are_copied_as_they_are():
    weight = np.array([[np.nan, np.inf], [-0.0, 5e-324]])
    assert_array_equal(F.embedding([1, 0], weight).view(np.uint64), weight[[1, 0]].view(np.uint64))


def test_empty_tables():
    assert F.embedding([], np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(IndexError, match="0 rows"):
        F.embedding([0], np.zeros((0, 3)))
    assert F.embedding([1, 0], np.zeros((2, 0))).shape == (2, 0)
