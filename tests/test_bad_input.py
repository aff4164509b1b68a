"""Bad input is refused with a text that says what was got and what was wanted, and changes no byte."""

import re

import finevec.functional as F
import numpy as np
import pytest
import reference
from finevec import Embedding, EmbeddingBag, _finevec, optim
from helpers import RULES, Unchanged, update
from strategies import lay_out

ROWS, DIM = 6, 4


def table(dtype=np.float32):
    return np.arange(ROWS * DIM, dtype=dtype).reshape(ROWS, DIM) / 8


def out_of_range(position, value):
    return IndexError, f"id {value} at position {position} is out of range for 6 rows: ids must be 0 <= id < 6"


BAD_IDS = {
    "too large": ([0, 6], *out_of_range(1, 6)),
    "negative": ([-1, 0], *out_of_range(0, -1)),
    "int64 max": (np.array([1, 2**63 - 1]), *out_of_range(1, 2**63 - 1)),
    "int64 min": (np.array([1, -(2**63)]), *out_of_range(1, -(2**63))),
    "uint64 max": (np.array([1, 2**64 - 1], np.uint64), *out_of_range(1, 2**64 - 1)),
    "2^32, which a narrowing would take for 0": (np.array([1, 2**32]), *out_of_range(1, 2**32)),
    "strided": (np.array([0, 9, 6, 9])[::2], *out_of_range(1, 6)),
    "byte-swapped": (lay_out(np.array([0, 6]), "byteswapped"), *out_of_range(1, 6)),
    "float": ([0.0, 1.0], TypeError, "ids has dtype float64, wanted an integer type"),
    "bool": ([True, False], TypeError, "ids has dtype bool, wanted an integer type"),
    "complex": ([0j, 1j], TypeError, "ids has dtype complex128, wanted an integer type"),
    "text": (["a", "b"], TypeError, "ids has dtype <U1, wanted an integer type"),
    "objects": (np.array([0, 1], object), TypeError, "ids has dtype object, wanted an integer type"),
    "times": (np.array([0, 1], "m8[s]"), TypeError, "ids has dtype timedelta64[s], wanted an integer type"),
    "beyond 64 bits": ([0, 2**70], TypeError, "ids has dtype object, wanted an integer type"),
    "an empty array of floats": (np.zeros(0), TypeError, "ids has dtype float64, wanted an integer type"),
}

BAD_OFFSETS = {
    "first is not 0": ([1, 3], True, ValueError, "offsets[0] is 1, wanted 0"),
    "negative": ([-1, 3], True, ValueError, "offsets[0] is -1, wanted 0"),
    "fall": ([0, 2, 1, 3], True, ValueError, "offsets[2] is 1, wanted at least 2"),
    "fall below zero": ([0, -1, 3], True, ValueError, "offsets[1] is -1, wanted at least 0"),
    "overrun": ([0, 4], True, ValueError, "offsets[1] is 4, wanted at most 3"),
    "overrun in between": ([0, 9, 3], True, ValueError, "offsets[1] is 9, wanted at most 3"),
    "end early": ([0, 2], True, ValueError, "offsets[1] is 2, wanted 3, the number of ids"),
    "none": ([], True, ValueError, "offsets is empty"),
    "float": ([0.0, 3.0], True, TypeError, "offsets has dtype float64, wanted an integer type"),
    "bool": ([False, True], True, TypeError, "offsets has dtype bool, wanted an integer type"),
    "2-D": ([[0, 3]], True, ValueError, "offsets have 2 axes, wanted 1"),
    "first is not 0, torch's form": ([1], False, ValueError, "offsets[0] is 1, wanted 0"),
    "fall, torch's form": ([0, 2, 1], False, ValueError, "offsets[2] is 1, wanted at least 2"),
    "overrun, torch's form": ([0, 4], False, ValueError, "offsets[1] is 4, wanted at most 3"),
    "none, torch's form, for ids": ([], False, ValueError, "offsets"),
}

BAD_WEIGHTS = {
    "list": ([[1.0] * DIM] * ROWS, TypeError, "weight is a list, wanted a numpy array"),
    "None": (None, TypeError, "weight is a NoneType, wanted a numpy array"),
    "float16": (table(np.float16), TypeError, "weight has dtype float16, wanted float32 or float64"),
    "integers": (table().astype(int), TypeError, "weight has dtype int64, wanted float32 or float64"),
    "byte-swapped": (
        lay_out(table(), "byteswapped"),
        TypeError,
        "weight has dtype >f4, wanted float32 or float64 in na",
    ),
    "1-D": (table()[0], ValueError, "weight has shape (4,), wanted (rows, dim)"),
    "3-D": (table()[None], ValueError, "weight has shape (1, 6, 4), wanted (rows, dim)"),
    "Fortran order": (lay_out(table(), "fortran"), ValueError, "wanted contiguous rows; a table is never copied"),
    "misaligned": (lay_out(table(), "misaligned"), ValueError, "weight is not aligned"),
}


def refuses(error, text):
    return pytest.raises(error, match=re.escape(text))


@pytest.mark.parametrize(("ids", "error", "text"), BAD_IDS.values(), ids=BAD_IDS)
def test_ids(ids, error, text):
    weight, count = table(), len(ids)
    out, grad = np.full((count, DIM), 7, np.float32), np.ones((count, DIM), np.float32)
    emb, bag = Embedding.from_pretrained(weight, freeze=False), EmbeddingBag.from_pretrained(weight, freeze=False)
    offsets = [0, count]
    with Unchanged(weight, out):
        for call in (
            lambda: F.embedding(ids, weight),
            lambda: F.embedding(ids, weight, out=out),
            lambda: F.embedding_bag(ids, weight, offsets),
            lambda: F.embedding_bag(np.asarray(ids)[None], weight, mode="max", out=out[:1]),
            lambda: F.scatter_add(weight, ids, grad),
            lambda: emb(ids),
            lambda: emb.backward(ids, grad),
            lambda: bag(ids, offsets),
            lambda: bag.backward(ids, offsets, grad[:1]),
        ):
            with refuses(error, text):
                call()
        for rule in RULES:
            state = reference.new_state(rule, weight, 0.5)
            with Unchanged(*state.values()):
                with refuses(error, text):
                    update(rule, weight, state, ids, grad, lr=0.1)
                with refuses(error, text):
                    update(rule, weight, state, ids, grad[:1], lr=0.1, offsets=offsets, mode="sum")
    assert emb.weight.grad is None
    assert bag.weight.grad is None


@pytest.mark.parametrize(("offsets", "last", "error", "text"), BAD_OFFSETS.values(), ids=BAD_OFFSETS)
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_offsets(offsets, last, error, text, mode):
    weight, state = table(), table()
    ids = np.array([0, 5, 5])
    bags = max(np.size(offsets) - last, 0)
    out, grad = np.full((bags, DIM), 7, np.float32), np.ones((bags, DIM), np.float32)
    bag = EmbeddingBag.from_pretrained(weight, freeze=False, mode=mode, include_last_offset=last)
    with Unchanged(weight, state, out):
        for call in (
            lambda: F.embedding_bag(ids, weight, offsets, mode=mode, include_last_offset=last, out=out),
            lambda: F.adagrad_update(
                weight, state, ids, grad, lr=0.1, offsets=offsets, mode=mode, include_last_offset=last
            ),
            lambda: bag(ids, offsets),
            lambda: bag.backward(ids, offsets, grad),
        ):
            with refuses(error, text):
                call()
    assert bag.weight.grad is None


@pytest.mark.parametrize(("weight", "error", "text"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights(weight, error, text):
    grad = np.ones((1, DIM), np.float32)
    for call in (
        lambda: F.embedding([0], weight),
        lambda: F.embedding_bag([[0]], weight),
        lambda: F.scatter_add(weight, [0], grad),
        lambda: F.sgd_update(weight, [0], grad, lr=0.1),
    ):
        with refuses(error, text):
            call()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda w, out: F.embedding([0], w, out=out[:2]), ValueError, "out has shape (2, 4), wanted (1, 4)"),
        (
            lambda w, out: F.embedding([0], w, out=out[:1].astype(float)),
            TypeError,
            "out has dtype float64, wanted float32",
        ),
        (lambda w, out: F.embedding([0], w, out=w[1:2]), ValueError, "weight and out share memory"),
        (lambda w, out: F.embedding([0], w, out=lay_out(out[:1], "readonly")), ValueError, "out is read-only"),
        (lambda w, out: F.embedding([0], w, out=[[0.0] * 4]), TypeError, "out is a list, wanted a numpy array"),
        (lambda w, out: F.embedding_bag([[0]], w, out=out), ValueError, "out has shape (6, 4), wanted (1, 4)"),
        (lambda w, out: F.embedding_bag([[0]], w, out=w[1:2]), ValueError, "weight and out share memory"),
        (lambda w, out: F.embedding_bag([0], w), ValueError, "ids have 1 axes, wanted 1 with offsets or 2 without"),
        (lambda w, out: F.embedding_bag([[0]], w, [0, 1]), ValueError, "ids have 2 axes, wanted 1 with offsets"),
        (
            lambda w, out: F.embedding_bag([[0]], w, mode="min"),
            ValueError,
            'mode is "min", wanted "sum", "mean" or "max"',
        ),
        (
            lambda w, out: F.embedding_bag([[0]], w, padding_idx=6),
            ValueError,
            "padding_idx 6 is out of range for 6 rows",
        ),
        (lambda w, out: F.embedding_bag([[0]], w, padding_idx=-7), ValueError, "padding_idx -7 is out of range"),
        (lambda w, out: F.embedding_bag([[0]], w, padding_idx=2**70), ValueError, f"padding_idx {2**70} is out of"),
        (lambda w, out: F.embedding_bag([[0]], w, padding_idx=-(2**70)), ValueError, f"padding_idx {-(2**70)} is out"),
        (
            lambda w, out: F.embedding_bag([[0]], w, per_sample_weights=np.ones((1, 1), np.float32)),
            ValueError,
            'per_sample_weights is only for mode "sum"',
        ),
        (
            lambda w, out: F.embedding_bag([[0]], w, mode="sum", per_sample_weights=np.ones(1, np.float32)),
            ValueError,
            "per_sample_weights has shape (1,), wanted (1, 1)",
        ),
        (
            lambda w, out: F.embedding_bag([[0]], w, mode="sum", per_sample_weights=np.ones((1, 1))),
            TypeError,
            "per_sample_weights has dtype float64, wanted float32",
        ),
        (lambda w, out: F.coalesce([-1], out[:1]), IndexError, "id -1 at position 0"),
        (lambda w, out: F.coalesce([1, 2], out[:1]), ValueError, "grad has shape"),
        (
            lambda w, out: F.coalesce([1], np.ones((1, 2), int)),
            TypeError,
            "grad has dtype int64, wanted float32 or float64",
        ),
        (lambda w, out: F.coalesce([1.0], out[:1]), TypeError, "ids has dtype float64, wanted an integer type"),
    ],
)
def test_forward_arguments(call, error, text):
    weight, out = table(), np.full((ROWS, DIM), 7, np.float32)
    with Unchanged(weight, out), refuses(error, text):
        call(weight, out)


GRAD = np.ones((2, DIM), np.float32)
BAD_UPDATES = [
    ({"grad": GRAD[:1]}, ValueError, "grad has shape (1, 4), wanted (2, 4)"),
    ({"grad": GRAD[:, :3]}, ValueError, "grad has shape (2, 3), wanted (2, 4)"),
    ({"grad": GRAD.astype(float)}, TypeError, "grad has dtype float64, wanted float32"),
    ({"grad": GRAD.tolist()}, TypeError, "grad is a list, wanted a numpy array"),
    ({"lr": -0.1}, ValueError, "lr is -0.1, wanted a finite number >= 0"),
    ({"lr": np.nan}, ValueError, "lr is NaN, wanted a finite number >= 0"),
    ({"lr": np.inf}, ValueError, "lr is inf, wanted a finite number >= 0"),
    ({"lr": "fast"}, TypeError, "must be real number, not str"),
    ({"weight_decay": -1.0}, ValueError, "weight_decay is -1, wanted a finite number >= 0"),
    ({"padding_idx": 6}, ValueError, "padding_idx 6 is out of range for 6 rows: wanted -6 <= padding_idx < 6"),
    ({"padding_idx": 2**70}, ValueError, f"padding_idx {2**70} is out of range for 6 rows"),
    ({"row_lr": np.ones(5, np.float32)}, ValueError, "row_lr has shape (5,), wanted (6,)"),
    ({"row_lr": np.ones(6)}, TypeError, "row_lr has dtype float64, wanted float32"),
    ({"per_sample_weights": GRAD[:, 0]}, ValueError, "offsets and per_sample_weights are for bags"),
    ({"mode": "sum"}, ValueError, "ids have 1 axes, wanted 1 with offsets or 2 without"),
    ({"mode": "min", "offsets": [0, 1, 2]}, ValueError, 'mode is "min", wanted "sum", "mean" or "max"'),
    ({"offsets": [0, 2]}, ValueError, "grad has shape (2, 4), wanted (1, 4)"),
    (
        {"offsets": [0, 1, 2], "mode": "max", "per_sample_weights": GRAD[:, 0]},
        ValueError,
        'per_sample_weights is only for mode "sum"',
    ),
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("change", "error", "text"), BAD_UPDATES)
def test_updates(rule, change, error, text):
    weight = table()
    state = reference.new_state(rule, weight, 0.5)
    arguments = {"ids": [0, 5], "grad": GRAD, "lr": 0.1, **change}
    with Unchanged(weight, GRAD, *state.values()), refuses(error, text):
        update(rule, weight, state, arguments.pop("ids"), arguments.pop("grad"), **arguments)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "sgd"])
def test_states(rule):
    weight, good = table(), reference.new_state(rule, table(), 0.5)
    for name, array in good.items():
        for bad, error, text in (
            (array[:-1], ValueError, f"{name} has shape"),
            (array.astype(float), TypeError, f"{name} has dtype float64, wanted float32"),
            (array.tolist(), TypeError, f"{name} is a list, wanted a numpy array"),
            (lay_out(array, "readonly"), ValueError, f"{name} is read-only"),
            (lay_out(array, "misaligned"), ValueError, f"{name} is not aligned"),
            (weight if array.ndim == 2 else weight.ravel()[:ROWS], ValueError, f"weight and {name} share memory"),
        ):
            with Unchanged(weight, *good.values()), refuses(error, text):
                update(rule, weight, {**good, name: bad}, [0, 5], GRAD, lr=0.1)


@pytest.mark.parametrize("rule", RULES)
def test_hyper_parameters_of_a_rule(rule):
    weight = table()
    state = reference.new_state(rule, weight, 0.5)
    changes = {
        "sgd": [],
        "adagrad": [({"eps": -1.0}, "eps is -1, wanted a finite number >= 0")],
        "rowwise_adagrad": [({"eps": np.nan}, "eps is NaN, wanted a finite number >= 0")],
        "adam": [
            ({"step": 0}, "step is 0, wanted a whole number >= 1"),
            ({"step": -1}, "step is -1, wanted a whole number >= 1"),
            ({"step": -(2**70)}, "wanted a whole number >= 1"),
            ({"betas": (1.0, 0.9)}, "betas[0] is 1, wanted a number 0 <= beta < 1"),
            ({"betas": (0.9, -0.1)}, "betas[1] is -0.1, wanted a number 0 <= beta < 1"),
        ],
        "adadelta": [({"rho": 2.0}, "rho is 2, wanted a number 0 <= rho <= 1")],
    }[rule]
    for change, text in changes:
        with Unchanged(weight, *state.values()), refuses(ValueError, text):
            update(rule, weight, state, [0, 5], GRAD, **{"lr": 0.1, **change})


@pytest.mark.parametrize("rule", RULES)
def test_read_only_and_overlapping_arrays(rule):
    weight = table()
    state = reference.new_state(rule, weight, 0.5)
    with Unchanged(weight, *state.values()):
        with refuses(ValueError, "weight is read-only"):
            update(rule, lay_out(weight, "readonly"), state, [0, 5], GRAD, lr=0.1)
        with refuses(ValueError, "weight and grad share memory"):
            update(rule, weight, state, [0, 5], weight[:2], lr=0.1)
        with refuses(ValueError, "share memory"):
            update(rule, weight, state, [0, 5], GRAD, lr=0.1, row_lr=weight.ravel()[:ROWS])
        for name, array in state.items():
            with refuses(ValueError, f"{name} and grad share memory"):
                update(rule, weight, state, [0], array.ravel()[:DIM].reshape(1, DIM), lr=0.1)


@pytest.mark.parametrize(("strides", "text"), [((4, 4), "the rows of weight overlap"), ((0, 4), "the rows of weight")])
def test_rows_that_overlap_each_other(strides, text):
    memory = np.zeros(64, np.float32)
    weight = np.lib.stride_tricks.as_strided(memory, (ROWS, DIM), strides)
    with Unchanged(memory), refuses(ValueError, text):
        F.sgd_update(weight, [0, 5], GRAD, lr=0.1)
    assert F.embedding([0, 5], weight).shape == (2, DIM)


def test_disjoint_slices_of_one_array_are_fine():
    memory = np.zeros((ROWS, 3 * DIM), np.float32)
    weight, state, grad = memory[:, :DIM], memory[:, DIM : 2 * DIM], memory[:2, 2 * DIM :]
    grad[:] = 1.0
    F.adagrad_update(weight, state, [0, 5], grad, lr=0.5)
    np.testing.assert_array_equal(
        memory[[0, 5]], [[-0.5] * DIM + [1.0] * DIM + [1.0] * DIM, [-0.5] * 4 + [1.0] * 4 + [0.0] * 4]
    )
    halves = np.zeros((2 * ROWS, DIM), np.float32)
    F.adagrad_update(halves[::2], halves[1::2], [0, 5], GRAD, lr=0.5)
    assert (halves[[0, 10]] == -0.5).all()
    assert (halves[[1, 11]] == 1.0).all()


def test_row_grads_are_for_their_table():
    weight = table()
    entry = _finevec.RowGrad(weight, np.array([0, 5]), GRAD)
    for other, error in (
        (table()[:5], ValueError),
        (np.zeros((ROWS, 3), np.float32), ValueError),
        (table(float), TypeError),
    ):
        other = other.copy()
        with Unchanged(other), pytest.raises(error):
            _finevec.sgd_update(other, [entry], lr=0.1)
    for bad in ([GRAD], None, 3, [None], "ab"):
        with Unchanged(weight), pytest.raises(TypeError):
            _finevec.sgd_update(weight, bad, lr=0.1)
    with Unchanged(weight), refuses(ValueError, "the entries have different padding_idx"):
        _finevec.sgd_update(weight, [entry, _finevec.RowGrad(weight, np.array([0]), GRAD[:1], padding_idx=0)], lr=0.1)


@pytest.mark.parametrize("bad", [GRAD[:1], GRAD[0], np.ones((ROWS, DIM)), "ab"])
def test_dense_gradients(bad):
    weight, state = table(), table()
    with Unchanged(weight, state), pytest.raises((TypeError, ValueError)):
        _finevec.adagrad_update(weight, state, bad, lr=0.1)


@pytest.mark.parametrize("freeze", [False, True])
def test_a_gradient_that_shares_the_tables_memory_is_refused_when_it_arrives(freeze):
    memory = np.zeros((2 * ROWS, DIM), np.float32)
    weight = memory[::2]
    emb, bag = Embedding.from_pretrained(weight, freeze=freeze), EmbeddingBag.from_pretrained(weight, freeze=freeze)
    for call in (
        lambda: emb.backward([0], weight[1:2]),
        lambda: bag.backward([0, 1], [0, 2], weight[1:2]),
        lambda: setattr(emb.weight, "grad", weight),
        lambda: setattr(emb.weight, "grad", weight[::-1]),
    ):
        with refuses(ValueError, "grad shares memory with the parameter's data"):
            call()
    assert emb.weight.grad is None
    assert bag.weight.grad is None


def test_gradients_beside_the_table_and_copies_are_no_overlap():
    memory = np.ones((2 * ROWS, DIM), np.float32)
    emb = Embedding.from_pretrained(memory[::2], freeze=False)
    emb.backward([0], memory[1:2])
    emb.backward([0], memory[:1], copy=True)
    optim.SGD([emb.weight], lr=0.25).step()
    assert (memory[0] == 0.5).all()
    emb.weight.zero_grad()
    emb.weight.grad = memory[1::2]
    emb.weight.zero_grad()
    emb.weight.add_grad(memory[::2])
    optim.SGD([emb.weight], lr=1.0).step()
    assert (memory[::2] == 0.0).all()
    assert (memory[1::2] == 1.0).all()
