"""The same bits for any number of threads and any instruction set."""

import finevec as fv
import finevec.functional as F
import numpy as np
import pytest
import reference
from finevec import Parameter, _finevec
from helpers import RULES, started_state, update
from numpy.testing import assert_array_equal
from strategies import values

THREADS = (1, 2, 3, 8)
LEVELS = _finevec.simd_levels()
MODES = ("sum", "mean", "max")
LONG = 4_400_000  # bytes: over the 4 MiB of traffic from which threads are woken


@pytest.fixture(autouse=True)
def restore_settings():
    threads, level = fv.get_num_threads(), _finevec.get_simd_level()
    yield
    fv.set_num_threads(threads)
    _finevec.set_simd_level(level)


def settings():
    """Every number of threads at every level, one of them again with the pool as the last one left it."""
    for level in LEVELS:
        _finevec.set_simd_level(level)
        for threads in (*THREADS, THREADS[1]):
            fv.set_num_threads(threads)
            yield f"{level} with {threads} threads"


def assert_same_everywhere(call):
    """`call` gives a list of arrays: the same bits under all settings."""
    first = None
    for setting in settings():
        got = [np.ascontiguousarray(array) for array in call()]
        if first is None:
            first = got
        for array, wanted in zip(got, first, strict=True):
            assert_array_equal(array.view(np.uint8), wanted.view(np.uint8), err_msg=setting)


def zipf(rng, rows, count):
    """Ids of which a few are frequent, as words are."""
    return np.minimum(rng.zipf(1.3, count) - 1, rows - 1)


def with_a_long_bag(rng, count):
    """Offsets of so many ids, all but 3,000 of them in one bag: threads are woken for its pieces of 4,096 alone."""
    return np.concatenate([[0, count - 3000], np.sort(rng.integers(count - 3000, count, 300)), [count]])


@pytest.fixture(params=[(np.float32, 100), (np.float32, 33), (np.float64, 50)], ids=str)
def big(request):
    """Enough work to wake all threads: a table, frequent ids, and their gradients."""
    dtype, dim = request.param
    rng = np.random.default_rng(11)
    weight = values(rng, (5_000, dim), dtype)
    count = LONG // weight[0].nbytes + 3000
    return rng, weight, zipf(rng, 5_000, count), values(rng, (count, dim), dtype)


def test_threads_are_set_and_told():
    for threads in THREADS:
        fv.set_num_threads(threads)
        assert fv.get_num_threads() == threads
    for level in LEVELS:
        _finevec.set_simd_level(level)
        assert _finevec.get_simd_level() == level
    assert LEVELS[0] == "portable"


@pytest.mark.parametrize("threads", [0, -1, 1025, 2**32 + 1, 2**64 + 1, 2**70, -(2**70)])
def test_bad_numbers_of_threads(threads):
    before = fv.get_num_threads()
    with pytest.raises(ValueError, match="threads"):
        fv.set_num_threads(threads)
    assert fv.get_num_threads() == before


def test_bad_level():
    with pytest.raises(ValueError, match="sse9"):
        _finevec.set_simd_level("sse9")


def test_lookup(big):
    _, weight, ids, _ = big
    assert_same_everywhere(lambda: [F.embedding(ids, weight)])


@pytest.mark.parametrize("mode", MODES)
def test_bags(big, mode):
    rng, weight, ids, _ = big
    offsets = with_a_long_bag(rng, len(ids))
    factors = values(rng, ids.shape, weight.dtype) if mode == "sum" else None
    assert_same_everywhere(
        lambda: [F.embedding_bag(ids, weight, offsets, mode=mode, per_sample_weights=factors, padding_idx=3)]
    )


def test_coalesce_and_scatter_add(big):
    _, weight, ids, grad = big

    def call():
        table = weight.copy()
        F.scatter_add(table, ids, grad, alpha=0.3)
        return [table, *F.coalesce(ids, grad)]

    assert_same_everywhere(call)


@pytest.mark.parametrize("rule", RULES)
def test_rules_on_rows(big, rule):
    rng, weight, ids, grad = big
    start = started_state(rule, weight, rng)
    row_lr = rng.choice([0.0, 0.5, 1.0], len(weight)).astype(weight.dtype)

    def call():
        table, state = weight.copy(), {name: array.copy() for name, array in start.items()}
        update(rule, table, state, ids, grad, lr=0.1, weight_decay=0.01, row_lr=row_lr, padding_idx=1)
        return [table, *state.values()]

    assert_same_everywhere(call)


@pytest.mark.parametrize("mode", MODES)
def test_updates_from_bags(big, mode):
    rng, weight, ids, grad = big
    offsets = with_a_long_bag(rng, len(ids))

    def call():
        table, state = weight.copy(), reference.new_state("adagrad", weight)
        update("adagrad", table, state, ids, grad[: len(offsets) - 1], lr=0.1, offsets=offsets, mode=mode)
        return [table, *state.values()]

    assert_same_everywhere(call)


@pytest.mark.parametrize("rule", RULES)
def test_optimizers_over_dense_and_row_sparse_parameters(big, rule):
    rng, weight, ids, grad = big
    dense_grad = values(rng, (len(ids) // 2, weight.shape[1]), weight.dtype)

    def call():
        table = Parameter(weight.copy(), max_norm=2.0)
        dense = Parameter(np.resize(weight, dense_grad.shape))
        groups = [{"params": table, "rule": rule}, {"params": dense, "rule": rule}]
        opt = fv.optim.SGD(groups, lr=0.1)
        norms = []
        for _ in range(2):
            opt.zero_grad()
            table.add_rows(ids, grad)
            table.add_rows(ids[:500], grad[:1], offsets=[0, 500], mode="mean")
            dense.add_grad(dense_grad)
            norms.append(opt.clip_grad_norm_(1.0))
            opt.step()
        return [table.data, dense.data, np.array(norms)]

    assert_same_everywhere(call)
