"""Tables past 2^31 elements: untouched rows of a table of zeros cost no memory, so a large table is cheap."""

from __future__ import annotations

import finevec.functional as F
import numpy as np
import pytest

ROWS, DIM = 2**31 // 64 + 1000, 64
FAR = np.array([0, ROWS - 1, 2**31 // 64 + 1, ROWS - 1, 5])


@pytest.fixture
def table():
    try:
        table = np.zeros((ROWS, DIM), np.float32)
    except MemoryError:
        pytest.skip("no address space for a table of 8.6 GB")
    assert table.size > 2**31
    table[FAR] = np.arange(len(FAR), dtype=np.float32)[:, None]  # of equal ids the last one stays
    return table


def test_lookup_and_bags(table):
    rows = F.embedding(FAR, table)
    np.testing.assert_array_equal(rows[:, 0], [0, 3, 2, 3, 4])
    bags = F.embedding_bag(FAR, table, np.array([0, 2, 5]), mode="sum")
    np.testing.assert_array_equal(bags[:, DIM - 1], [3, 9])


def test_update(table):
    before = table[FAR]
    F.sgd_update(table, FAR, np.ones((len(FAR), DIM), np.float32), lr=1.0)
    np.testing.assert_array_equal(table[FAR], before - np.array([1, 2, 1, 2, 1], np.float32)[:, None])


def test_a_bad_id_past_the_end(table):
    with pytest.raises(IndexError, match=str(ROWS)):
        F.embedding(np.array([0, ROWS]), table)
