"""Several Python threads, and processes that fork."""

import itertools
import os
import threading
import time

import finevec as fv
import finevec.functional as F
import numpy as np
import pytest
import reference
from helpers import RULES, update
from numpy.testing import assert_array_equal
from strategies import small_dyadic

WORKERS = 4


def needs_fork(test):
    """Mark a test that forks. Python from 3.12 on warns of it where there are threads, which is what is tested."""
    ignore = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    return pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")(ignore(test))


def run_together(jobs):
    """Run each job in a thread of its own, all starting at once; raise what one raised."""
    start, errors = threading.Barrier(len(jobs)), []

    def work(job):
        try:
            start.wait()
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_updates_of_one_table_are_as_if_one_after_the_other():
    """Sums of dyadic numbers are exact, so every order gives the same; a lost update would not."""
    rng = np.random.default_rng(0)
    table = small_dyadic(rng, (3_000, 64), np.float32)
    batches = [
        [(rng.integers(0, 3_000, 4_000), small_dyadic(rng, (4_000, 64), np.float32)) for _ in range(6)]
        for _ in range(WORKERS)
    ]
    wanted = table.astype(np.float64)
    for ids, grad in itertools.chain.from_iterable(batches):
        np.add.at(wanted, ids, -0.5 * grad.astype(np.float64))
    run_together([lambda own=own: [F.sgd_update(table, ids, grad, lr=0.5) for ids, grad in own] for own in batches])
    assert_array_equal(table, wanted)


@pytest.mark.parametrize("rule", RULES)
def test_two_updates_give_the_result_of_one_of_both_orders(rule):
    rng = np.random.default_rng(1)
    start = rng.standard_normal((2_000, 64)).astype(np.float32)
    batches = [(rng.integers(0, 2_000, 6_000), rng.standard_normal((6_000, 64)).astype(np.float32)) for _ in range(2)]

    def after(order):
        weight, state = start.copy(), reference.new_state(rule, start)
        for k in order:
            update(rule, weight, state, *batches[k], lr=0.1)
        return weight

    orders = after((0, 1)), after((1, 0))
    assert (orders[0] != orders[1]).any()
    for _ in range(5):
        weight, state = start.copy(), reference.new_state(rule, start)
        run_together([lambda b=b: update(rule, weight, state, *b, lr=0.1) for b in batches])  # noqa: B023
        assert any(np.array_equal(weight, wanted) for wanted in orders)


def test_a_read_sees_the_table_before_or_after_an_update_never_between():
    table = np.zeros((20_000, 32), dtype=np.float32)
    ids = np.arange(20_000)
    ones, done, seen = np.ones((20_000, 32), dtype=np.float32), threading.Event(), []

    def write():
        try:
            for _ in range(20):
                F.sgd_update(table, ids, ones, lr=1.0)
        finally:
            done.set()

    def read():
        while not done.is_set():
            rows = F.embedding(ids, table)
            seen.append((rows.min(), rows.max()))

    run_together([write, read, read])
    assert all(low == high for low, high in seen)
    assert_array_equal(table, np.full(table.shape, -20))


def test_reads_of_one_table_run_side_by_side_and_agree():
    rng = np.random.default_rng(2)
    table, ids = rng.standard_normal((5_000, 64)), rng.integers(0, 5_000, 20_000)
    results = [None] * WORKERS

    def read(k):
        for _ in range(5):
            results[k] = F.embedding(ids, table)

    run_together([lambda k=k: read(k) for k in range(WORKERS)])
    for result in results:
        assert_array_equal(result, table[ids])


def test_the_gil_is_released():
    """Another thread must get on with its counting while a call is under way; with the GIL held it stands still."""
    rng = np.random.default_rng(3)
    table = np.zeros((100_000, 100), dtype=np.float32)
    ids, grad = rng.integers(0, 100_000, 100_000), np.ones((100_000, 100), dtype=np.float32)
    count, stop = [0], threading.Event()

    def keep_counting():
        while not stop.is_set():
            count[0] += 1
            time.sleep(0)

    counter = threading.Thread(target=keep_counting)
    counter.start()
    most = 0
    try:
        for _ in range(20):  # A busy machine may leave the counter out for one call, not for all.
            before = count[0]
            F.sgd_update(table, ids, grad, lr=1.0)
            most = max(most, count[0] - before)
    finally:
        stop.set()
        counter.join()
    assert most > 10


def test_settings_may_change_while_calls_run():
    rng = np.random.default_rng(4)
    table, ids = rng.standard_normal((5_000, 64)), rng.integers(0, 5_000, 20_000)
    before = fv.get_num_threads()

    def change():
        for threads in (1, 3, 2, 8) * 5:
            fv.set_num_threads(threads)
            fv.empty_cache()

    def read():
        for _ in range(20):
            assert_array_equal(F.embedding(ids, table), table[ids])

    try:
        run_together([change, read, read])
    finally:
        fv.set_num_threads(before)


def assert_child_succeeds(work, seconds=60):
    """Fork; the child must find `work` true and end within so many seconds, else it is killed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + seconds
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended == (0, 0):
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert ended == (child, 0), "the child hangs" if ended == (0, 0) else f"the child ended with {ended[1]}"


@needs_fork
def test_a_forked_child_computes_the_same():
    rng = np.random.default_rng(5)
    start = rng.standard_normal((5_000, 64)).astype(np.float32)
    ids, grad = rng.integers(0, 5_000, 20_000), rng.standard_normal((20_000, 64)).astype(np.float32)

    def result():
        weight = start.copy()
        F.sgd_update(weight, ids, grad, lr=0.1)
        return weight, F.embedding(ids, weight)

    wanted = result()  # The pool is running when the process forks.
    for _ in range(3):
        assert_child_succeeds(lambda: all(map(np.array_equal, result(), wanted)))
    for got, expected in zip(result(), wanted, strict=True):
        assert_array_equal(got, expected)


@needs_fork
def test_a_child_forked_in_the_middle_of_calls_goes_on():
    """The threads that were inside calls are gone in the child; what they held must not stop it."""
    rng = np.random.default_rng(6)
    table = rng.standard_normal((5_000, 64)).astype(np.float32)
    start = table.copy()
    ids, grad = rng.integers(0, 5_000, 20_000), rng.standard_normal((20_000, 64)).astype(np.float32)
    stop = threading.Event()

    def result():
        weight = start.copy()
        F.sgd_update(weight, ids, grad, lr=0.1)
        return F.embedding(ids, weight)

    wanted = result()

    def child_work():
        # The table that was being written at that moment, then one of the child's own.
        F.embedding(ids, table)
        F.sgd_update(table, ids, grad, lr=0.1)
        return np.array_equal(result(), wanted)

    def keep(call):
        while not stop.is_set():
            call()

    def fork_often():
        try:
            for _ in range(8):
                time.sleep(0.003)
                assert_child_succeeds(child_work, seconds=20)
        finally:
            stop.set()

    run_together(
        [
            fork_often,
            lambda: keep(lambda: F.embedding(ids, table)),
            lambda: keep(lambda: F.sgd_update(table, ids, grad, lr=0.0)),
            lambda: keep(lambda: F.embedding(ids, start)),
        ]
    )
    assert_array_equal(table, start)
    assert_array_equal(result(), wanted)
