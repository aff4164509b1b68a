"""Memory: results that are too large, results on recycled memory, arrays of classes of the caller's, and long saves."""

import gc
import signal

import finevec as fv
import finevec.functional as F
import numpy as np
import pytest

LARGE = 300  # rows of 100 float32: beyond 64 KiB, where results come from recycled memory


@pytest.fixture
def table():
    return np.random.default_rng(0).standard_normal((50, 100)).astype(np.float32)


def test_a_result_larger_than_memory_is_a_memory_error():
    with pytest.raises(MemoryError, match="80000000000000 bytes"):
        F.embedding(np.zeros(10_000_000, np.int8), np.zeros((1, 10**6)))


@pytest.mark.parametrize(("bags", "dim"), [(2**50, 4), (2**60 - 1, 0), (2**60 - 1, 3)])
def test_more_bags_than_memory_is_a_memory_error(bags, dim):
    with pytest.raises(MemoryError):
        F.embedding_bag(np.zeros((bags, 0), np.int64), np.zeros((3, dim), np.float32))


def test_results_do_not_share_memory_while_they_live(table):
    ids = np.arange(LARGE) % 50
    first, second = F.embedding(ids, table), F.embedding(ids[::-1], table)
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, table[ids])
    np.testing.assert_array_equal(second, table[ids[::-1]])


def test_a_view_keeps_its_result_alive(table):
    ids = np.arange(LARGE) % 50
    row = F.embedding(ids, table)[7]
    gc.collect()
    for _ in range(5):
        F.embedding(np.zeros(LARGE, np.int64), table)
    np.testing.assert_array_equal(row, table[7])


def test_results_can_be_written_and_outlive_an_emptied_cache(table):
    ids = np.arange(LARGE) % 50
    result = F.embedding(ids, table)
    fv.empty_cache()
    result[3] = 1.0
    assert F.embedding(ids, table)[3].tolist() == table[3].tolist()
    assert (result[3] == 1.0).all()


def test_old_numbers_never_show_in_a_result(table):
    ids = np.arange(LARGE) % 50
    F.embedding(ids, table)
    empty_bags = F.embedding_bag(np.zeros(0, np.int64), table, np.zeros(LARGE + 1, np.int64))
    assert not empty_bags.any()


class Liar(np.ndarray):
    """An array class that answers what it likes."""

    def astype(self, *args, **kwargs):
        return np.zeros(1, np.int64)

    def __array_function__(self, function, types, args, kwargs):
        return False


def test_a_class_of_the_callers_does_not_decide_about_memory(table):
    ids = np.zeros((LARGE, 2), np.int64)[:, 0].view(Liar)
    np.testing.assert_array_equal(F.embedding(ids, table), np.tile(table[0], (LARGE, 1)))
    with pytest.raises(ValueError, match="share memory"):
        F.embedding(np.zeros(50, np.int64), table, out=table.view(Liar))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_signal_handler_may_train_the_table_that_is_saved(tmp_path):
    vectors = np.zeros((60_000, 20), np.float32)
    words = fv.WordVectors([str(row) for row in range(60_000)], vectors)
    calls = []

    def train(*_):
        calls.append(F.sgd_update(vectors, [0], np.ones((1, 20), np.float32), lr=1.0))

    before = signal.signal(signal.SIGALRM, train)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        words.save(tmp_path / "words.txt")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert calls
    np.testing.assert_array_equal(fv.WordVectors.load(tmp_path / "words.txt").vectors[1:], vectors[1:])


def test_a_debug_build_says_so(monkeypatch):
    import importlib

    monkeypatch.setattr("finevec._finevec.debug_build", True)
    with pytest.warns(RuntimeWarning, match="without optimization"):
        importlib.reload(fv)
    monkeypatch.undo()
    importlib.reload(fv)
