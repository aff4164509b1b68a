"""The text CNN's convolution beside im2col in float64, and its gradients beside central differences."""

from __future__ import annotations

import re
import tracemalloc
from itertools import pairwise

import finevec as fv
import numpy as np
import pytest
import reference_text_cnn as oracle
from finevec import _finevec
from finevec.layers import NgramMax
from hypothesis import given
from hypothesis import strategies as st
from reference import EPS
from strategies import seeds
from test_dense_layers import STEP, central_difference


def batch(rng, words, lengths):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return rng.integers(words, size=offsets[-1]), offsets


def expected(layer, vectors, ids, offsets):
    """Return the oracle's outputs, their sizes, and the margin to ties and kinks."""
    texts = [ids[start:end].tolist() for start, end in pairwise(offsets)]
    return oracle.ngram_max(layer.weight.data, layer.bias.data, layer.widths, layer.filters, vectors, texts)


@given(
    widths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    filters=st.sampled_from([1, 3, 16, 33]),
    dim=st.sampled_from([1, 5, 32]),
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=seeds,
)
def test_outputs_are_those_of_im2col(widths, filters, dim, lengths, dtype, seed):
    rng = np.random.default_rng(seed)
    layer = NgramMax(dim, widths=widths, filters=filters, dtype=dtype, seed=rng)
    layer.bias.data[...] = rng.normal(scale=0.01, size=layer.bias.shape)
    vectors = rng.standard_normal((7, dim)).astype(dtype)
    ids, offsets = batch(rng, 7, lengths)
    output, _ = layer.forward(vectors, ids, offsets)
    wanted, sizes, _ = expected(layer, vectors, ids, offsets)
    # A response is a sum of width * dim products and a bias; the oracle rounds too.
    assert (np.abs(output - wanted) <= 2 * (max(widths) * dim + 2) * np.finfo(dtype).eps * sizes).all()


@pytest.mark.parametrize("lengths", [[1], [2, 1, 6], [4, 0, 3]])
@pytest.mark.parametrize("widths", [(1,), (3, 4, 5), (2, 2)])
def test_gradients_of_every_parameter_and_of_the_words(widths, lengths):
    for seed in range(40):  # the first seed that is well away from ties and from the kinks of the ReLU
        rng = np.random.default_rng(seed)
        layer = NgramMax(3, widths=widths, filters=2, dtype="float64", seed=rng)
        layer.weight.data[...] *= 3
        layer.bias.data[...] = rng.normal(size=layer.bias.shape)
        vectors = rng.normal(size=(4, 3))
        ids, offsets = batch(rng, 4, lengths)
        ids[-1] = ids[0]  # a word that comes again
        if expected(layer, vectors, ids, offsets)[2] > 1e-4:  # steps of 1e-6 move a response by less
            break
    else:
        pytest.fail("no case away from the kinks")
    factor = rng.normal(size=(len(lengths), len(widths) * 2))

    def total():
        return float((layer.forward(vectors, ids, offsets)[0] * factor).sum())

    # The total is linear in each number by itself, so only rounding counts: of a response, a sum of width * dim
    # products and a bias, and of the sum over responses, twice; and of the number with the step added, twice. EPS is
    # two units of rounding: the second leaves room for that of the gradient itself, smaller by some 1e6.
    largest = float((expected(layer, vectors, ids, offsets)[1] * np.abs(factor)).sum())
    rounded = EPS[np.dtype("float64")] * (max(widths) * 3 + 2 + factor.size) * largest / STEP
    grad_vectors = layer.forward(vectors, ids, offsets)[1](factor)
    for found, array in [
        (grad_vectors, vectors),
        (layer.weight.grad, layer.weight.data),
        (layer.bias.grad, layer.bias.data),
    ]:
        wanted = central_difference(total, array)
        moved = EPS[np.dtype("float64")] * (np.abs(array) + STEP) / STEP
        assert (np.abs(found - wanted) <= rounded + moved * np.abs(wanted)).all()
        assert rounded < 1e-4 * np.abs(wanted).max(), "the bound is too wide to tell anything"
    assert layer.forward(vectors, ids, offsets)[1](factor, with_vectors=False) is None


def test_the_same_bits_at_any_number_of_threads():
    rng = np.random.default_rng(3)
    projected = rng.standard_normal((600, 1200), dtype=np.float32)
    vectors, weight = (rng.standard_normal((rows, 64), dtype=np.float32) for rows in (600, 1200))
    ids, offsets = batch(rng, 600, rng.integers(0, 45, size=60))
    grad = rng.standard_normal((60, 300), dtype=np.float32)
    kind = {"widths": [3, 4, 5], "filters": 100}
    before, seen = fv.get_num_threads(), set()
    try:
        for threads in (1, 2, 8):
            fv.set_num_threads(threads)
            responses, windows = _finevec.ngram_max(ids, offsets, projected, **kind)
            grads = _finevec.ngram_backward(ids, offsets, grad, windows, vectors, weight, **kind)
            seen.add(b"".join(array.tobytes() for array in (responses, windows, *grads)))
    finally:
        fv.set_num_threads(before)
    assert len(seen) == 1


def test_bad_arguments_are_refused():
    layer = NgramMax(3, widths=(2,), filters=2, seed=0)
    vectors, ids, offsets = np.ones((2, 3), np.float32), np.array([0, 1]), np.array([0, 2])
    with pytest.raises(ValueError, match=r"vectors: expected shape \(words, 3\), got \(2, 4\)"):
        layer.forward(np.ones((2, 4), np.float32), ids, offsets)
    with pytest.raises(IndexError, match="id 2 at position 1 is out of range for 2 rows"):
        layer.forward(vectors, np.array([0, 2]), offsets)
    with pytest.raises(ValueError, match=r"offsets\[1\] is 1, wanted 2"):
        layer.forward(vectors, ids, np.array([0, 1]))
    with pytest.raises(TypeError, match="projected"):
        _finevec.ngram_max(ids, offsets, np.ones((2, 4), np.int32), widths=[2], filters=2)
    with pytest.raises(ValueError, match="a width is 0, wanted at least 1"):
        _finevec.ngram_max(ids, offsets, np.ones((2, 4)), widths=[0], filters=2)
    weight = layer.weight.data
    for start in (-2, 2):
        windows = np.full((1, 2), start)
        with pytest.raises(ValueError, match="wanted the start of a window that sees a word of its text"):
            _finevec.ngram_backward(
                ids, offsets, np.ones((1, 2), np.float32), windows, vectors, weight, widths=[2], filters=2
            )
    for options, said in [({"widths": ()}, "at least one width"), ({"filters": 0}, "filters"), ({"dim": 0}, "dim")]:
        with pytest.raises(ValueError, match=said):
            NgramMax(**{"dim": 3, **options})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_another_shape_or_dtype_are_told_by_name(dtype):
    layer = NgramMax(3, widths=(2,), filters=2, dtype=dtype, seed=0)
    other = "float64" if dtype == "float32" else "float32"
    ids, offsets, vectors = np.array([0, 1]), np.array([0, 1, 2]), np.ones((2, 3), dtype)
    for wrong in (other, "int64", "float16"):
        with pytest.raises(TypeError, match=f"vectors: expected {dtype}, as the weights, got {wrong}"):
            layer.forward(vectors.astype(wrong), ids, offsets)
    with pytest.raises(TypeError, match="vectors: expected an ndarray, got list"):
        layer.forward(vectors.tolist(), ids, offsets)
    output, backprop = layer.forward(vectors, ids, offsets)
    for shape in ((), (1, 2), (2, 1), (4,), (2, 2, 1)):
        with pytest.raises(ValueError, match=re.escape(f"expected the output's shape (2, 2), got {shape}")):
            backprop(np.ones(shape, dtype))
    with pytest.raises(TypeError, match=f"grad_output: expected {dtype}, as the output, got {other}"):
        backprop(np.ones_like(output, other))
    with pytest.raises(TypeError, match="grad_output: expected an ndarray, got float"):
        backprop(1.0)
    assert layer.weight.grad is None
    assert layer.bias.grad is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_weights_are_drawn_at_once_in_float64_by_width_tap_and_filter(dtype):
    """Whatever memory drawing them takes, they are the numbers of one draw; published results start from them."""
    widths, filters, dim = (3, 1, 4), 5, 7
    drawn = np.random.default_rng(3).uniform(-1.0, 1.0, (sum(widths) * filters, dim))
    bounds = [1.0 / np.sqrt(width * dim) for width in widths for _ in range(width * filters)]
    wanted = (drawn * np.array(bounds)[:, None]).astype(dtype)
    layer = NgramMax(dim, widths=widths, filters=filters, dtype=dtype, seed=3)
    assert layer.weight.data.dtype == dtype
    assert np.array_equal(layer.weight.data, wanted)


def test_drawing_the_first_weights_takes_little_memory_beside_them():
    tracemalloc.start()
    try:
        layer = NgramMax(300, widths=(40,), filters=100, seed=0)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # One tap in float64, drawn and scaled, is a tenth of the weights in float32.
    assert most < 1.2 * layer.weight.data.nbytes


def test_windows_that_are_not_those_of_the_forward_pass_are_refused():
    layer, vectors, ids, offsets = small_case()
    shapes = {"widths": list(layer.widths), "filters": layer.filters}
    responses, windows = _finevec.ngram_max(ids, offsets, vectors @ layer.weight.data.T, **shapes)
    rest = (vectors, layer.weight.data)
    for wrong, error, message in [
        (windows.T.copy(), ValueError, r"windows has shape \(4, 2\), wanted \(2, 4\)"),
        (windows.astype(np.int64) + 2**40, ValueError, "a window"),
        (windows + 100, ValueError, "a window"),
        (windows.astype(np.float32), TypeError, "windows has dtype float32"),
    ]:
        with pytest.raises(error, match=message):
            _finevec.ngram_backward(ids, offsets, np.ones_like(responses), wrong, *rest, **shapes)


def test_shapes_are_checked_before_anything_is_allocated():
    with pytest.raises(ValueError, match=r"projected has shape \(1, 6\), wanted \(1, 1800000000\)"):
        _finevec.ngram_max(
            np.array([0]), np.array([0, 1]), np.zeros((1, 6), np.float32), widths=[3], filters=600_000_000
        )


def test_a_text_whose_windows_cannot_be_numbered_is_refused():
    ids = np.zeros(2**24, np.int8)
    with pytest.raises(ValueError, match=r"the words of a text.*2\*\*24"):
        _finevec.ngram_max(ids, np.array([0, len(ids)]), np.zeros((1, 1), np.float32), widths=[1], filters=1)


def small_case():
    rng = np.random.default_rng(0)
    layer = NgramMax(3, widths=(1, 2), filters=2, seed=rng)
    return layer, rng.standard_normal((4, 3)).astype(np.float32), np.array([0, 1, 2, 3, 1]), np.array([0, 3, 5])
