"""The arrays that the fused LSTM cell takes: how they may lie in memory, and what is refused before a byte changes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from finevec import _finevec
from helpers import Unchanged
from strategies import FLOATS, LAYOUTS, lay_out
from test_gates import Back, Nodes, bits, drawn, way_back

# --- memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("layout", [*LAYOUTS, "fortran"])
def test_what_is_read_may_lie_in_any_way(layout, dtype):
    rng = np.random.default_rng(6)
    nodes = drawn(rng, 17, [2, 0, 1, 40], dtype)
    back = way_back(rng, nodes)
    for name in ("projected", "words", "children", "offsets"):
        laid_out = lay_out(getattr(nodes, name), layout)
        assert bits(replace(nodes, **{name: laid_out}).states()) == bits(nodes.states()), name
    for name in ("iou", "forget", "cell", "grad_cell", "grad_hidden", "children", "offsets"):
        laid_out = lay_out(getattr(back, name), layout)
        assert bits(replace(back, **{name: laid_out}).gradients()) == bits(back.gradients()), name


@pytest.mark.parametrize("dtype", FLOATS)
def test_rows_of_cells_may_have_gaps_or_stand_in_reverse(dtype):
    rng = np.random.default_rng(7)
    nodes = drawn(rng, 17, [2, 0, 1, 40], dtype)
    back = way_back(rng, nodes)
    wide = np.zeros((18, 40), dtype)
    wide[::-2, 5:22] = nodes.cells
    for case in (nodes, back):
        run = Nodes.states if case is nodes else Back.gradients
        assert bits(run(replace(case, cells=wide[::-2, 5:22]))) == bits(run(case))


@pytest.mark.parametrize("dtype", FLOATS)
def test_disjoint_parts_of_one_array_are_read_and_written(dtype):
    """As a level of a tree: its cells are written behind those of the level below, which they are computed from."""
    rng = np.random.default_rng(8)
    nodes = drawn(rng, 16, [2, 1, 40], dtype)
    wanted = nodes.states()
    everything = np.zeros(2 * 12 * 16 + nodes.iou.size + nodes.forget.size, dtype)
    cells, hidden = everything[: 2 * 12 * 16].reshape(2, 12, 16)
    rest = everything[2 * 12 * 16 :]
    iou, forget = rest[: nodes.iou.size].reshape(nodes.iou.shape), rest[nodes.iou.size :].reshape(nodes.forget.shape)
    cells[:9], iou[...], forget[...] = nodes.cells, nodes.iou, nodes.forget
    kept = {name: getattr(nodes, name) for name in ("projected", "words", "children", "offsets")}
    _finevec.lstm_states(iou, forget, cells[9:], hidden[9:], cells=cells[:9], **kept)
    assert bits([iou, forget, cells[9:], hidden[9:]]) == bits(wanted)
    assert np.array_equal(cells[:9], nodes.cells)
    assert not hidden[:9].any()


def test_no_nodes_and_no_numbers_are_fine():
    for dim, counts in [(3, []), (0, [0, 2])]:
        nodes = drawn(np.random.default_rng(0), dim, counts)
        assert [array.size for array in nodes.states()] == [0] * 4
        assert [array.size for array in way_back(np.random.default_rng(0), nodes).gradients()] == [0] * 3


# --- what is refused -------------------------------------------------------------------------------------------------

CALLS = {"states": _finevec.lstm_states, "gradients": _finevec.lstm_gradients}
WRITTEN = {"states": ("iou", "forget", "cell", "hidden"), "gradients": ("grad_projected", "grad_forget", "grad_cells")}
IDS = ("words", "children", "offsets")


def arguments(call):
    """Return arguments by name that are in order: 3 nodes with 0, 2 and 1 children, of dim 4."""
    rng = np.random.default_rng(9)
    nodes = drawn(rng, 4, [0, 2, 1], np.float32)
    if call == "states":
        return {**vars(nodes), "cell": np.full((3, 4), 7, np.float32), "hidden": np.full((3, 4), 7, np.float32)}
    shapes = {"grad_projected": (3, 16), "grad_forget": (3, 4), "grad_cells": (3, 4)}
    return {**vars(way_back(rng, nodes)), **{name: np.full(shape, 7, np.float32) for name, shape in shapes.items()}}


NAMES = [(call, name) for call in CALLS for name in arguments(call)]


def assert_refused(call, error, message, **change):
    given = {**arguments(call), **change}
    arrays = [array for array in given.values() if isinstance(array, np.ndarray)]
    with Unchanged(*map(np.ascontiguousarray, arrays)), pytest.raises(error, match=re.escape(message)):
        CALLS[call](**given)


def test_the_arguments_that_the_refused_ones_start_from_are_in_order():
    for call, run in CALLS.items():
        given = arguments(call)
        run(**given)
        assert all((given[name] != 7).any() for name in WRITTEN[call])


@pytest.mark.parametrize(("call", "name"), NAMES)
def test_an_argument_of_another_type_is_told_by_name(call, name):
    array = arguments(call)[name]
    assert_refused(call, TypeError, f"{name} is a list, wanted a numpy array", **{name: array.tolist()})
    assert_refused(call, TypeError, f"{name} is a NoneType, wanted a numpy array", **{name: None})
    if name in IDS:
        for dtype in ("float64", "bool"):
            message = f"{name} has dtype {dtype}, wanted an integer type"
            assert_refused(call, TypeError, message, **{name: array.astype(dtype)})
        return
    for dtype in ("float16", "int64"):
        assert_refused(call, TypeError, f"{name} has dtype {dtype}, wanted float32", **{name: array.astype(dtype)})
    wide = array.astype(np.float64)
    if name == "cells":  # the others are to be as it is
        assert_refused(call, TypeError, "has dtype float32, wanted float64", cells=wide)
    else:
        assert_refused(call, TypeError, f"{name} has dtype float64, wanted float32", **{name: wide})


@pytest.mark.parametrize(("call", "name"), NAMES)
def test_an_argument_of_another_shape_is_told_by_name(call, name):
    array = arguments(call)[name]
    with_more_axes = f"{name} has shape {(1, *array.shape)}, wanted "
    assert_refused(call, ValueError, with_more_axes, **{name: array[None]})
    if name in IDS:
        return
    assert_refused(call, ValueError, f"{name} has shape {array.ravel().shape}, wanted ", **{name: array.ravel()})
    narrow = array[:, :-1]
    if name == "cells":  # whose dim is that of all
        assert_refused(call, ValueError, ", wanted (", cells=np.ascontiguousarray(narrow))
        return
    assert_refused(call, ValueError, f"{name} has shape {narrow.shape}, wanted {array.shape}", **{name: narrow})
    if name != "projected":
        for rows in (array[:-1], np.concatenate([array, array])):
            assert_refused(call, ValueError, f"{name} has shape {rows.shape}, wanted {array.shape}", **{name: rows})


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("children", [0, 9, 1], IndexError, "id 9 at position 1 is out of range for 9 rows"),
        ("children", [0, 1, -1], IndexError, "id -1 at position 2 is out of range for 9 rows"),
        ("children", [2**32, 1, 1], IndexError, f"id {2**32} at position 0 is out of range for 9 rows"),
        ("words", [0, 5, 1], IndexError, "id 5 at position 1 is out of range for 5 rows"),
        ("words", [-1, 0, 1], IndexError, "id -1 at position 0 is out of range for 5 rows"),
        ("words", [0, 1], ValueError, "wanted (2, 12)"),
        ("words", [0, 1, 2, 3], ValueError, "wanted (4, 12)"),
        ("children", [0, 1], ValueError, "wanted (2, 4)"),
        ("offsets", [0, 0, 2, 4], ValueError, "offsets[3] is 4, wanted at most 3"),
        ("offsets", [0, 0, 2, 2], ValueError, "offsets[3] is 2, wanted 3"),
        ("offsets", [1, 1, 2, 3], ValueError, "offsets[0] is 1, wanted 0"),
        ("offsets", [0, 2, 1, 3], ValueError, "offsets[2] is 1, wanted at least 2"),
        ("offsets", [0, 0, 3], ValueError, "wanted"),
        ("offsets", [0, 0, 2, 3, 3], ValueError, "wanted"),
        ("offsets", [], ValueError, "wanted"),
    ],
)
def test_ids_and_offsets_that_do_not_fit_are_refused(call, name, value, error, message):
    if name in arguments(call):
        assert_refused(call, error, message, **{name: np.array(value, np.int64)})


@pytest.mark.parametrize(("call", "name"), [(call, name) for call in CALLS for name in WRITTEN[call]])
def test_what_is_written_must_lie_in_one_block(call, name):
    array = arguments(call)[name]
    for layout, error, message in [
        ("readonly", ValueError, f"{name} is read-only, wanted an array that can be written"),
        ("byteswapped", TypeError, f"{name} has dtype >f4, wanted float32 or float64 in native byte order"),
        ("misaligned", ValueError, f"{name} is not aligned, wanted an aligned array; a table is never copied"),
        ("strided", ValueError, f"{name} has shape {array.shape} with strides of "),
        ("fortran", ValueError, f"{name} has shape {array.shape} with strides of "),
    ]:
        assert_refused(call, error, message, **{name: lay_out(array, layout)})
    gaps = np.zeros((len(array), array.shape[1] + 1), array.dtype)[:, :-1]
    assert_refused(call, ValueError, f"the rows of {name} have gaps between them, wanted one block", **{name: gaps})
    assert_refused(call, ValueError, f"the rows of {name} have gaps", **{name: array[::-1]})
    overlapping = np.lib.stride_tricks.as_strided(array, array.shape, (4, 4))
    assert_refused(call, ValueError, f"the rows of {name} overlap, wanted rows apart", **{name: overlapping})


@pytest.mark.parametrize("call", CALLS)
def test_cells_are_never_copied(call):
    cells = arguments(call)["cells"]
    for layout, error, message in [
        ("byteswapped", TypeError, "cells has dtype >f4, wanted float32 or float64 in native byte order"),
        ("misaligned", ValueError, "cells is not aligned, wanted an aligned array; a table is never copied"),
        ("strided", ValueError, "wanted contiguous rows; a table is never copied"),
        ("fortran", ValueError, "wanted contiguous rows; a table is never copied"),
    ]:
        assert_refused(call, error, message, cells=lay_out(cells, layout))


@pytest.mark.parametrize(("call", "name"), [(call, name) for call in CALLS for name in WRITTEN[call]])
def test_what_is_written_shares_no_memory_with_another_argument(call, name):
    given = arguments(call)
    for other, array in given.items():
        if other == name:
            continue
        # Both in the same memory, and the last number of one the first of the other.
        for gap in (0, given[name].nbytes - 4 if other not in IDS else given[name].nbytes - 8):
            memory = np.zeros(gap + max(array.nbytes, given[name].nbytes) + 8, np.uint8)
            own = memory[: given[name].nbytes].view(np.float32).reshape(given[name].shape)
            shared = memory[gap : gap + array.nbytes].view(array.dtype).reshape(array.shape)
            if gap:
                shared[...] = array
            change = {name: own, other: shared}
            with Unchanged(memory), pytest.raises(ValueError, match="share memory, wanted arrays apart") as caught:
                CALLS[call](**{**given, **change})
            assert set(str(caught.value).split(" share ")[0].split(" and ")) == {name, other}
