"""The fused LSTM cell: its two functions beside exact values, states and gradients beside plain NumPy in float64."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from itertools import pairwise, product

import finevec as fv
import numpy as np
import pytest
from finevec import _finevec
from hypothesis import given
from hypothesis import strategies as st
from reference import EPS
from strategies import FLOATS, INTEGERS, floats, seeds
from test_train_text_cnn import WORKERS, workers

DIMS = (1, 3, 7, 8, 15, 16, 17, 31, 33, 100, 150)
COUNTS = (0, 1, 2, 40)
LEVELS = _finevec.simd_levels()
MOST_ULPS = 4  # of the kernel's sigmoid and tanh
NUMPYS_ULPS = 4  # of NumPy's tanh and exp, in any of its builds


@dataclass
class Nodes:
    """The arguments of `lstm_states`, but for where it writes."""

    iou: np.ndarray
    forget: np.ndarray
    projected: np.ndarray
    words: np.ndarray
    cells: np.ndarray
    children: np.ndarray
    offsets: np.ndarray

    @property
    def dim(self):
        return self.cells.shape[1]

    def states(self):
        """Return gates, forget gates, cells and hidden states. The arguments are not changed."""
        iou, forget = self.iou.copy(), self.forget.copy()
        cell, hidden = np.full((2, len(self.words), self.dim), 7, self.cells.dtype)
        kept = {name: getattr(self, name) for name in ("projected", "words", "cells", "children", "offsets")}
        _finevec.lstm_states(iou, forget, cell, hidden, **kept)
        return iou, forget, cell, hidden


@dataclass
class Back:
    """The arguments of `lstm_gradients`, but for where it writes."""

    iou: np.ndarray
    forget: np.ndarray
    cell: np.ndarray
    grad_cell: np.ndarray
    grad_hidden: np.ndarray
    cells: np.ndarray
    children: np.ndarray
    offsets: np.ndarray

    def gradients(self):
        """Return the gradients of what words give, of the products of forget gates, and of the children's cells."""
        (edges, dim), dtype = self.forget.shape, self.cells.dtype
        found = [np.full((rows, wide), 7, dtype) for rows, wide in ((len(self.cell), 4 * dim), *[(edges, dim)] * 2)]
        _finevec.lstm_gradients(*found, **vars(self))
        return found


def drawn(rng, dim, counts, dtype=np.float64):
    """Return nodes with so many children, of 9 cells and 5 words that come again."""
    nodes, edges = len(counts), sum(counts)
    return Nodes(
        iou=(2 * rng.standard_normal((nodes, 3 * dim))).astype(dtype),
        forget=(2 * rng.standard_normal((edges, dim))).astype(dtype),
        projected=rng.standard_normal((5, 4 * dim)).astype(dtype),
        words=rng.integers(5, size=nodes),
        cells=rng.standard_normal((9, dim)).astype(dtype),
        children=rng.integers(9, size=edges),
        offsets=np.cumsum([0, *counts]),
    )


def way_back(rng, nodes):
    iou, forget, cell, _ = nodes.states()
    grad_cell, grad_hidden = rng.standard_normal((2, *cell.shape)).astype(cell.dtype)
    return Back(iou, forget, cell, grad_cell, grad_hidden, nodes.cells, nodes.children, nodes.offsets)


def bits(arrays):
    return b"".join(array.tobytes() for array in arrays)


def assert_within(found, wanted, bound):
    assert found.shape == wanted.shape
    assert (np.abs(found.astype(np.float64) - wanted) <= bound + np.finfo(found.dtype).tiny).all()


# --- the two functions -----------------------------------------------------------------------------------------------


def functions(x):
    """Return sigmoid and tanh, each in both of the ways that a node computes it, for numbers of one dimension."""
    zeros = np.zeros((len(x), 1), x.dtype)
    open_gates = np.full_like(zeros, np.inf)
    count = np.arange(len(x) + 1)
    column = x[:, None]
    as_gates = Nodes(
        iou=np.concatenate([column] * 3, axis=1),
        forget=column,
        projected=np.zeros((1, 4), x.dtype),
        words=np.zeros(len(x), int),
        cells=zeros,
        children=count[:-1],
        offsets=count,
    )
    # i = 0, f = 1 and o = 1: the hidden state is the tanh of the child's cell.
    through = replace(as_gates, iou=np.concatenate([-open_gates, open_gates, zeros], axis=1), forget=open_gates)
    iou, forget, _, _ = as_gates.states()
    assert np.array_equal(iou[:, 0], iou[:, 1], equal_nan=True)
    *_, cell, hidden = replace(through, cells=column).states()
    assert np.array_equal(cell, column, equal_nan=True)
    return [iou[:, 0], forget[:, 0]], [iou[:, 2], hidden[:, 0]]


def exact_sigmoid(x):
    exponential = (-abs(x)).exp()
    return (1 if x > 0 else exponential) / (1 + exponential)


def exact_tanh(x):
    if abs(x) < Decimal("1e-15"):  # the next term of the series is 1e-60 times the first
        return x - x**3 / 3
    exponential = (-2 * abs(x)).exp()
    return ((1 - exponential) / (1 + exponential)).copy_sign(x)


def probes(rng, dtype):
    """Numbers of all sizes; where sigmoids become subnormal and 0; and next to the steps of the exponential."""
    info = np.finfo(dtype)
    lowest = np.log(float(info.smallest_subnormal))
    magnitudes = 10.0 ** rng.uniform(np.log10(float(info.tiny)), 2, 300)
    steps = np.log(2) * np.arange(-40, 40) / 2
    found = [
        rng.normal(scale=4, size=600),
        rng.uniform(-1, 1, 300),
        magnitudes,
        -magnitudes,
        rng.uniform(lowest - 3, 50, 300),
        rng.uniform(lowest - 1, np.log(float(info.tiny)) + 1, 100),
        steps,
        steps * (1 + 1e-12),
        [float(info.smallest_subnormal), float(info.tiny), -float(info.tiny), -100.0, 100.0, -800.0, 800.0],
    ]
    with np.errstate(under="ignore"):
        return np.concatenate(found).astype(dtype)


def test_float64_functions_are_within_4_units_in_the_last_place_of_exact_values():
    x = probes(np.random.default_rng(0), np.float64)
    with localcontext(Context(prec=60)):
        numbers = [Decimal(number) for number in x.tolist()]
        for computed, exact in zip(functions(x), (exact_sigmoid, exact_tanh), strict=True):
            wanted = [exact(number) for number in numbers]
            unit = np.spacing(np.abs([float(number) for number in wanted]))
            for found in computed:
                off = [abs(Decimal(got) - number) for got, number in zip(found.tolist(), wanted, strict=True)]
                assert max(error / Decimal(ulp) for error, ulp in zip(off, unit.tolist(), strict=True)) <= MOST_ULPS


def test_float32_functions_are_within_4_units_in_the_last_place_of_those_in_float64():
    x = probes(np.random.default_rng(1), np.float32)
    wide = x.astype(np.float64)
    with np.errstate(over="ignore"):
        sigmoid = 1 / (1 + np.exp(-wide))
    for computed, wanted in zip(functions(x), (sigmoid, np.tanh(wide)), strict=True):
        unit = np.spacing(wanted.astype(np.float32)).astype(np.float64)
        for found in computed:
            assert (np.abs(found - wanted) <= MOST_ULPS * np.abs(unit)).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_that_are_no_ordinary_ones_go_where_the_limits_lead(dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 800.0, -800.0, 1e30, -1e30], dtype)
    for found in functions(x)[0]:
        np.testing.assert_array_equal(found, [0.5, 0.5, 1, 0, np.nan, 1, 0, 1, 0])
    for found in functions(x)[1]:
        np.testing.assert_array_equal(found, [0, 0, 1, -1, np.nan, 1, -1, 1, -1])
    smallest, tiny = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny
    small = np.array([smallest, -smallest, 3 * smallest, tiny / 2, -tiny], dtype)
    for found in functions(small)[0]:
        assert (found == 0.5).all()
    for found in functions(small)[1]:
        assert np.array_equal(found, small)
    edge = dtype(np.log(float(tiny)) - 2)  # whose sigmoid is subnormal
    assert 0 < functions(np.array([edge]))[0][0][0] < tiny


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("dim", DIMS)
def test_what_is_not_finite_stays_in_its_column(dim, dtype):
    rng = np.random.default_rng(2)
    nodes = drawn(rng, dim, COUNTS, dtype)
    back = way_back(rng, nodes)
    states, gradients = nodes.states(), back.gradients()
    for column, bad in product({0, dim // 2, dim - 1}, (np.nan, np.inf, -np.inf)):
        spoiled = replace(nodes, cells=nodes.cells.copy())
        spoiled.cells[:, column] = bad
        spoiled_back = replace(back, grad_hidden=back.grad_hidden.copy())
        spoiled_back.grad_hidden[:, column] = bad
        pairs = [*zip(spoiled.states(), states, strict=True), *zip(spoiled_back.gradients(), gradients, strict=True)]
        for found, wanted in pairs:
            others = np.arange(found.shape[1]) % dim != column
            assert np.array_equal(found[:, others], wanted[:, others])
        *_, cell, hidden = spoiled.states()
        with_children = np.diff(nodes.offsets) > 0
        assert np.isfinite(cell[:, column]).tolist() == (~with_children).tolist()
        wanted_hidden = np.sign(bad) * states[0][with_children, dim + column]  # o, at the limit of tanh
        np.testing.assert_array_equal(hidden[with_children, column], wanted_hidden)


# --- states and gradients --------------------------------------------------------------------------------------------


def children_of(nodes):
    return [slice(start, end) for start, end in pairwise(nodes.offsets.tolist())]


def check_states(nodes):
    """Gates from sums in the dtype itself, which NumPy rounds alike; cells and hidden states from the gates found."""
    iou, forget, _, _ = found = nodes.states()
    eps, counts = EPS[iou.dtype], np.diff(nodes.offsets)[:, None]
    of_i, of_o, of_u, of_f = np.split(nodes.projected[nodes.words], 4, axis=1)
    add_i, add_o, add_u = np.split(nodes.iou, 3, axis=1)
    gates = np.concatenate([of_i + add_i, of_o + add_o, of_f.repeat(counts[:, 0], axis=0) + nodes.forget])
    gates = 1 / (1 + np.exp(-gates.astype(np.float64)))
    candidates = np.tanh((of_u + add_u).astype(np.float64))
    roundings = MOST_ULPS + NUMPYS_ULPS + 2  # of the functions, and of a sum and a quotient or product after them
    i, o, u = np.split(iou, 3, axis=1)
    assert_within(np.concatenate([i, o, forget]), gates, roundings * eps * gates)
    assert_within(u, candidates, roundings * eps * np.abs(candidates))
    iou, forget, cell, _ = (array.astype(np.float64) for array in found)
    i, o, u = np.split(iou, 3, axis=1)
    wanted, size = i * u, np.abs(i * u)
    for node, edges in enumerate(children_of(nodes)):
        terms = forget[edges] * nodes.cells[nodes.children[edges]]
        wanted[node] += terms.sum(axis=0)
        size[node] += np.abs(terms).sum(axis=0)
    # A sum for each child and a product; both sides round, and EPS is two units.
    assert_within(found[2], wanted, (counts + 1) * eps * size)
    squashed = o * np.tanh(cell)
    assert_within(found[3], squashed, roundings * eps * np.abs(squashed))


def check_gradients(back):
    """To first order the tanh of a cell is off by `roundings` of itself, and each product and sum rounds once."""
    grad_projected, grad_forget, grad_cells = back.gradients()
    eps = EPS[back.cells.dtype]
    floats = (back.iou, back.forget, back.cell, back.grad_cell, back.grad_hidden, back.cells)
    iou, forget, cell, above, grad_hidden, cells = (array.astype(np.float64) for array in floats)
    i, o, u = np.split(iou, 3, axis=1)
    squashed = np.tanh(cell)
    through = grad_hidden * o
    grad = above + through * (1 - squashed**2)
    size = np.abs(above) + np.abs(through) * (1 + squashed**2)
    roundings = 2 * (MOST_ULPS + NUMPYS_ULPS) + 4
    of_u, of_o = size * np.abs(u) * i * (1 - i), np.abs(through * squashed) * (1 - o)
    f_sum, f_size = np.zeros_like(cell), np.zeros_like(cell)
    for node, edges in enumerate(children_of(back)):
        own, child = forget[edges], cells[back.children[edges]]
        wanted, wanted_size = grad[node] * child * own * (1 - own), size[node] * np.abs(child) * own * (1 - own)
        assert_within(grad_forget[edges], wanted, (roundings + 4) * eps * wanted_size)
        assert_within(grad_cells[edges], grad[node] * own, (roundings + 1) * eps * size[node] * own)
        f_sum[node], f_size[node] = wanted.sum(axis=0), wanted_size.sum(axis=0)
    parts = [
        (grad * u * i * (1 - i), of_u),
        (through * squashed * (1 - o), of_o),
        (grad * i * (1 - u**2), size * i * (1 + u**2)),
        (f_sum, f_size),
    ]
    counts = np.diff(back.offsets)[:, None]
    for found, (wanted, part) in zip(np.split(grad_projected, 4, axis=1), parts, strict=True):
        assert_within(found, wanted, (roundings + 4 + counts) * eps * part)


@given(
    dim=st.sampled_from(DIMS),
    counts=st.lists(st.sampled_from(COUNTS), max_size=6),
    dtype=floats,
    integers=st.sampled_from(INTEGERS),
    seed=seeds,
)
def test_states_and_gradients_are_those_of_numpy(dim, counts, dtype, integers, seed):
    rng = np.random.default_rng(seed)
    nodes = drawn(rng, dim, counts, dtype)
    nodes.words, nodes.children = nodes.words.astype(integers), nodes.children.astype(integers)
    check_states(nodes)
    check_gradients(way_back(rng, nodes))


@pytest.mark.parametrize("dtype", FLOATS)
def test_gates_at_their_limits_have_no_gradient(dtype):
    nodes = drawn(np.random.default_rng(3), 17, COUNTS, dtype)
    nodes.iou[...] = np.where(nodes.iou > 0, np.inf, -np.inf)
    nodes.forget[...] = -800
    back = way_back(np.random.default_rng(3), nodes)
    grad_projected, grad_forget, grad_cells = back.gradients()
    assert (grad_projected == 0).all()
    assert (grad_forget == 0).all()
    assert (grad_cells == 0).all()  # the gates are 0


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_column_has_the_same_bits_in_a_row_of_any_length(dtype):
    """The columns of a row that fill no register go another way."""
    rng = np.random.default_rng(4)
    nodes = drawn(rng, 150, COUNTS, dtype)
    back = way_back(rng, nodes)
    whole = [*nodes.states(), *back.gradients()]
    for dim, start in product(DIMS, (0, 83)):
        if start + dim > 150:
            continue

        def cut(array, columns=slice(start, start + dim)):
            if array.dtype != dtype:  # ids
                return array
            return np.concatenate([block[:, columns] for block in np.split(array, array.shape[1] // 150, 1)], axis=1)

        parts = [type(case)(*map(cut, vars(case).values())) for case in (nodes, back)]
        assert bits([*parts[0].states(), *parts[1].gradients()]) == bits(map(cut, whole))


def test_the_same_bits_at_any_number_of_threads_and_level():
    """2,000 nodes of 150 numbers have 7 rows each in `lstm_states`, 8.4 MB: from 4 MiB on, threads share the work."""
    rng = np.random.default_rng(5)
    nodes = drawn(rng, 150, rng.permutation([0, 0, 1, 2, 2] * 399 + [40] * 5), np.float32)
    back = way_back(rng, nodes)
    threads_before, level_before, seen = fv.get_num_threads(), _finevec.get_simd_level(), set()
    try:
        for level, threads in product(LEVELS, (1, 2, 8)):
            _finevec.set_simd_level(level)
            for case in (Nodes.states, Back.gradients):
                fv.set_num_threads(threads)
                seen.add((case, bits(case(nodes if case is Nodes.states else back))))
                if threads > 1 and WORKERS.is_dir():  # workers are made when work is first shared among so many
                    assert workers(threads - 1) == threads - 1
    finally:
        fv.set_num_threads(threads_before)
        _finevec.set_simd_level(level_before)
    assert len(seen) == 2
