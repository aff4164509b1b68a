"""`Parameter`."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from finevec import Parameter, optim
from numpy.testing import assert_array_equal
from strategies import lay_out


def table(rows=4, dim=3, dtype=np.float32):
    return np.arange(rows * dim, dtype=dtype).reshape(rows, dim)


def sequential_sum(parts):
    total = np.float32(0.0)
    for value in itertools.chain.from_iterable(parts):
        total += value
    return total


def test_data_is_the_array_given():
    data = table()
    param = Parameter(data)
    assert param.data is data
    assert (param.shape, param.dtype, param.requires_grad, param.grad, param.grad_scale) == (
        (4, 3),
        np.float32,
        True,
        None,
        1.0,
    )
    with pytest.raises(AttributeError):
        param.data = table()


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ([[1.0]], TypeError, "data must be a NumPy array, got list"),
        (table(dtype=np.float16), TypeError, "data has dtype float16, wanted float32 or float64"),
        (table(dtype=np.int64), TypeError, "data has dtype int64, wanted float32 or float64"),
        (lay_out(table(), "byteswapped"), TypeError, "data has dtype >f4, wanted .* in native byte order"),
        (lay_out(table(), "misaligned"), ValueError, "data is not aligned"),
        (lay_out(table(), "fortran"), ValueError, r"data has shape \(4, 3\) with strides .* wanted contiguous rows"),
        (np.array(1.0), ValueError, r"data has shape \(\), wanted at least 1 axis"),
    ],
)
def test_bad_data(data, error, text):
    with pytest.raises(error, match=text):
        Parameter(data)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"padding_idx": 4}, ValueError, "padding_idx must be within -4 <= padding_idx < 4, got 4"),
        ({"padding_idx": -5}, ValueError, "padding_idx must be within -4 <= padding_idx < 4, got -5"),
        (
            {"padding_idx": 2**70},
            ValueError,
            "padding_idx must be within -4 <= padding_idx < 4, got 1180591620717",
        ),
        ({"padding_idx": 1.0}, TypeError, "padding_idx must be an integer, got float"),
        ({"padding_idx": True}, TypeError, "padding_idx must be an integer, got bool"),
        ({"max_norm": 0.0}, ValueError, "max_norm must be above 0, got 0.0"),
        ({"max_norm": float("nan")}, ValueError, "max_norm must be finite, got nan"),
        ({"max_norm": float("inf")}, ValueError, "max_norm must be finite, got inf"),
        ({"max_norm": 10**400}, ValueError, "max_norm must be within the range of a float, got a larger number"),
        ({"max_norm": "1"}, TypeError, "max_norm must be a number, got str"),
        ({"row_lr": [1.0]}, ValueError, r"row_lr must have the shape \(4,\), one number for each row, got \(1,\)"),
        ({"row_lr": [0, 1, -0.5, 1]}, ValueError, "row_lr must be finite and not negative, got -0.5 for row 2"),
        ({"row_lr": [0, np.inf, 1, 1]}, ValueError, "row_lr must be finite and not negative, got inf for row 1"),
        ({"row_lr": [0, 1e300, 1, 1]}, ValueError, r"row_lr must be finite and not negative, got 1e\+300 for row 1"),
        ({"row_lr": ["a", "b", "c", "d"]}, TypeError, "row_lr must hold numbers, got <U1"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        Parameter(table(), **options)


def test_negative_padding_counts_from_the_end():
    assert Parameter(table(), padding_idx=-1).padding_idx == 3


def test_row_lr_is_a_checked_copy_in_the_tables_dtype():
    given = np.array([0, 1, 2, 1])
    param = Parameter(table(), row_lr=given)
    given[0] = 9
    assert param.row_lr.dtype == np.float32
    assert_array_equal(param.row_lr, [0, 1, 2, 1])
    with pytest.raises(ValueError, match="read-only"):
        param.row_lr[0] = -1
    with pytest.raises(ValueError, match="cannot set WRITEABLE flag"):
        param.row_lr.flags.writeable = True
    param.row_lr = None
    assert param.row_lr is None


def test_dense_gradients_add_up_in_an_array_of_their_own():
    param, first, second = Parameter(table()), np.ones((4, 3), np.float32), np.full((4, 3), 2, np.float32)
    param.add_grad(first)
    kept = param.grad
    param.add_grad(second)
    assert param.grad is kept
    assert_array_equal(param.grad, np.full((4, 3), 3))
    assert_array_equal(first, np.ones((4, 3)))
    assert_array_equal(second, np.full((4, 3), 2))


def test_a_dense_gradient_may_be_kept_by_reference_and_is_never_written_to():
    p = Parameter(np.zeros((2, 3), np.float32))
    first = np.ones((2, 3), np.float32)
    p.add_grad(first, copy=False)
    assert p.grad is first
    p.add_grad(np.full((2, 3), 2, np.float32), copy=False)
    assert (p.grad == 3).all()
    assert (first == 1).all()


def test_a_gradient_that_was_set_is_never_written_to():
    param, given = Parameter(table()), np.ones((4, 3), np.float32)
    param.grad = given
    assert param.grad is given
    param.add_grad(given)
    param.add_grad(given)
    assert_array_equal(given, np.ones((4, 3)))
    assert_array_equal(param.grad, np.full((4, 3), 3))
    param.grad = None
    assert param.grad is None


@pytest.mark.parametrize(
    ("grad", "error", "text"),
    [
        ([1.0], TypeError, "grad must be a NumPy array, got list"),
        (np.ones((4, 3)), TypeError, "grad must have the parameter's dtype float32, got float64"),
        (np.ones((3, 4), np.float32), ValueError, r"grad must have the parameter's shape \(4, 3\), got \(3, 4\)"),
        (np.ones(3, np.float32), ValueError, r"grad must have the parameter's shape \(4, 3\), got \(3,\)"),
    ],
)
def test_bad_dense_gradients(grad, error, text):
    for param in (Parameter(table()), Parameter(table(), requires_grad=False)):
        with pytest.raises(error, match=text):
            param.add_grad(grad)
        with pytest.raises(error, match=text):
            param.grad = grad
        assert param.grad is None


def test_row_sparse_gradients_line_up_in_call_order():
    param = Parameter(table())
    grad = np.ones((2, 3), np.float32)
    param.add_rows([1, 3], grad)
    param.add_rows([0, 1, 1], grad, offsets=[0, 2, 3], mode="sum")
    assert [len(entry) for entry in param.grad] == [2, 3]
    assert param.grad[0].grad is grad
    assert isinstance(param.grad, tuple)
    param.zero_grad()
    assert param.grad is None


def test_entries_and_occurrences_are_summed_one_after_the_other():
    """Float32 sums whose bits depend on the order: over four entries, ids and bags mixed, 14 occurrences of one id."""
    big = np.float32(1e8)
    per_id = np.array([[big], [3.0], [1.0], [-big], [5.0]], np.float32)
    bags = np.array([[7.0], [big], [0.3]], np.float32)
    more = np.array([[0.5], [-big], [0.7], [1.0], [big], [0.1]], np.float32)
    param = Parameter(np.zeros((3, 1), np.float32))
    param.add_rows([1, 0, 1, 1, 1], per_id)
    param.add_rows([1, 1, 0, 1], bags, offsets=[0, 2, 3, 4], mode="sum")
    param.add_rows([1, 1, 1, 2, 1, 1], more)
    param.add_rows([[1, 1]], np.array([[0.9]], np.float32), mode="sum")
    entries = [per_id[[0, 2, 3, 4], 0], bags[[0, 0, 2], 0], more[[0, 1, 2, 4, 5], 0], np.float32([0.9, 0.9])]
    wanted = sequential_sum(entries)
    assert [sequential_sum(order) for order in itertools.permutations(entries)].count(wanted) == 1
    assert sequential_sum([entry[::-1] for entry in entries]) != wanted
    optim.SGD([param], lr=1.0).step()
    assert -param.data[1, 0] == wanted


def test_copy_keeps_the_gradient_apart():
    param, grad = Parameter(table()), np.ones((1, 3), np.float32)
    param.add_rows([1], grad, copy=True)
    grad[:] = 9
    assert_array_equal(param.grad[0].grad, np.ones((1, 3)))


def test_counts_of_ids_do_not_go_with_maxima():
    param = Parameter(table())
    with pytest.raises(ValueError, match='scale_grad_by_freq is not for mode "max"'):
        param.add_rows([0, 1], np.ones((1, 3), np.float32), offsets=[0, 2], mode="max", scale_grad_by_freq=True)
    assert param.grad is None


def test_the_two_kinds_do_not_mix():
    param = Parameter(table())
    param.add_rows([1], np.ones((1, 3), np.float32))
    with pytest.raises(ValueError, match="a row-sparse gradient is waiting"):
        param.add_grad(np.ones((4, 3), np.float32))
    param.zero_grad()
    param.add_grad(np.ones((4, 3), np.float32))
    with pytest.raises(ValueError, match="a dense gradient is waiting"):
        param.add_rows([1], np.ones((1, 3), np.float32))
    assert isinstance(param.grad, np.ndarray)


def test_frozen_parameters_check_and_drop():
    param = Parameter(table(), requires_grad=False)
    param.grad = np.ones((4, 3), np.float32)
    assert param.grad is None
    param.add_grad(np.ones((4, 3), np.float32))
    param.add_rows([1], np.ones((1, 3), np.float32))
    assert param.grad is None
    with pytest.raises(IndexError, match="id 4 at position 0"):
        param.add_rows([4], np.ones((1, 3), np.float32))


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (float("nan"), ValueError, "grad_scale must be finite, got nan"),
        (float("inf"), ValueError, "grad_scale must be finite, got inf"),
        (-0.5, ValueError, "grad_scale must not be negative, got -0.5"),
        (1e39, ValueError, r"grad_scale must be finite in float32, where the largest number is 3.403e\+38; got 1e\+39"),
        ("1", TypeError, "grad_scale must be a number, got str"),
    ],
)
def test_bad_scales(value, error, text):
    param = Parameter(table())
    with pytest.raises(error, match=text):
        param.grad_scale = value
    assert param.grad_scale == 1.0


def test_zero_grad_resets_the_scale():
    param = Parameter(table())
    param.grad_scale = 0.5
    param.zero_grad()
    assert param.grad_scale == 1.0


@pytest.mark.parametrize("again", [copy.deepcopy, lambda param: pickle.loads(pickle.dumps(param))])
def test_copies_take_all_but_the_gradient(again):
    param = Parameter(table(), requires_grad=False, padding_idx=1, max_norm=2.0, row_lr=[1, 1, 0, 1])
    param.requires_grad = True
    param.add_rows([1], np.ones((1, 3), np.float32))
    other = again(param)
    assert other.grad is None
    assert not np.shares_memory(other.data, param.data)
    assert_array_equal(other.data, param.data)
    assert_array_equal(other.row_lr, param.row_lr)
    assert (other.requires_grad, other.padding_idx, other.max_norm) == (True, 1, 2.0)
    assert param.grad is not None


def test_numpy_takes_a_parameter_for_its_data(tmp_path):
    data = np.arange(6, dtype=np.float32).reshape(3, 2)
    parameter = Parameter(data)
    assert np.asarray(parameter) is data
    assert np.asarray(parameter, np.float32) is data
    assert not np.shares_memory(np.array(parameter), data)
    assert_array_equal(np.array(parameter), data)
    doubles = np.asarray(parameter, dtype=np.float64)
    assert doubles.dtype == np.float64
    assert_array_equal(doubles, data)
    assert parameter.__array__(copy=False) is data
    assert not np.shares_memory(parameter.__array__(copy=True), data)
    with pytest.raises(ValueError, match="data has dtype float32: expected copy=True or None for float64, got False"):
        parameter.__array__(np.float64, copy=False)
    np.save(tmp_path / "weight.npy", parameter)
    assert_array_equal(np.load(tmp_path / "weight.npy"), data)
