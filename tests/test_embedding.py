"""The layers `Embedding` and `EmbeddingBag`."""

import copy
import pickle
from types import SimpleNamespace

import finevec as fv
import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from strategies import bag_cases, cases, small_dyadic

LAYERS = (fv.Embedding, fv.EmbeddingBag)


def trained(weight, entries, *, padding_idx=None):
    """The table after one step of SGD at lr 1, by the oracle."""
    rows = reference.gradient(weight, entries, padding_idx).total
    return reference.update("sgd", weight, {}, rows, lr=1.0, padding_idx=padding_idx)[0]


@pytest.mark.parametrize("layer", LAYERS)
def test_drawn_by_seed(layer):
    first, second, other = layer(50, 30, seed=3), layer(50, 30, seed=3), layer(50, 30, seed=4)
    assert_array_equal(first.weight.data, second.weight.data)
    assert (first.weight.data != other.weight.data).any()
    assert first.weight.dtype == np.float32
    assert abs(first.weight.data.mean()) < 0.1
    assert abs(first.weight.data.std() - 1) < 0.1
    assert layer(5, 3, seed=3, dtype="float64").weight.dtype == np.float64
    assert (first.num_embeddings, first.embedding_dim) == (50, 30)


@pytest.mark.parametrize("layer", LAYERS)
def test_padding_row_is_zeroed_when_drawn_and_left_when_given(layer):
    drawn = layer(5, 3, padding_idx=-2, seed=0)
    assert drawn.padding_idx == 3
    assert_array_equal(drawn.weight.data[3], np.zeros(3))
    assert drawn.weight.data[[0, 1, 2, 4]].all()
    given_table = np.ones((5, 3))
    layer.from_pretrained(given_table, padding_idx=2)
    assert_array_equal(given_table, np.ones((5, 3)))


@pytest.mark.parametrize("layer", LAYERS)
def test_from_pretrained_shares_memory_and_freezes(layer):
    array = np.ones((4, 2), dtype=np.float32)
    for source in (array, SimpleNamespace(vectors=array)):
        frozen = layer.from_pretrained(source)
        assert frozen.weight.data is array
        assert not frozen.weight.requires_grad
        assert layer.from_pretrained(source, freeze=False).weight.requires_grad


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        ([[1.0]], TypeError, "vectors must be a NumPy array or have one as its attribute 'vectors', got list"),
        (np.ones((2, 2), dtype=np.float16), TypeError, "data has dtype float16"),
        (np.ones(3), ValueError, r"the table must have 2 dimensions \(rows, dim\), got shape \(3,\)"),
    ],
)
def test_bad_tables(layer, source, error, text):
    with pytest.raises(error, match=text):
        layer.from_pretrained(source)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(
    ("sizes", "options", "error", "text"),
    [
        ((0, 3), {}, ValueError, "num_embeddings must be at least 1, got 0"),
        ((3, -1), {}, ValueError, "embedding_dim must be at least 1, got -1"),
        ((3.0, 3), {}, TypeError, "float"),
        ((True, 3), {}, TypeError, "num_embeddings must be an integer, got bool"),
        ((3, 3), {"dtype": "float16"}, TypeError, "dtype must be float32 or float64 in native byte order, got float16"),
        ((3, 3), {"padding_idx": 3}, ValueError, "padding_idx must be within -3 <= padding_idx < 3, got 3"),
        ((3, 3), {"max_norm": -1}, ValueError, "max_norm must be above 0"),
    ],
)
def test_bad_sizes_and_options(layer, sizes, options, error, text):
    with pytest.raises(error, match=text):
        layer(*sizes, **options)


def test_bad_modes():
    with pytest.raises(ValueError, match='mode must be "sum", "mean" or "max", got \'min\''):
        fv.EmbeddingBag(3, 3, mode="min")
    with pytest.raises(ValueError, match='scale_grad_by_freq is not for mode="max"'):
        fv.EmbeddingBag(3, 3, mode="max", scale_grad_by_freq=True)


@given(cases(dtype=np.float64), st.booleans(), st.sampled_from((None, 0, -1)))
def test_embedding_forward_and_backward(case, by_freq, padding):
    emb = fv.Embedding.from_pretrained(
        case.weight.copy(), freeze=False, padding_idx=padding, scale_grad_by_freq=by_freq
    )
    rows = emb(case.ids)
    assert_array_equal(rows, reference.lookup(case.ids, case.weight))
    grad = case.grad(*case.ids.shape)
    emb.backward(case.ids, grad)
    assert_array_equal(emb.weight.data, case.weight)
    fv.optim.SGD([emb.weight], lr=1.0).step()
    entry = reference.Entry(case.ids, grad, scale_grad_by_freq=by_freq)
    wanted = trained(case.weight, [entry], padding_idx=padding)
    np.testing.assert_allclose(emb.weight.data, wanted, rtol=0, atol=1e-9)


@given(bag_cases(dtype=np.float64), st.sampled_from(("sum", "mean", "max")), st.booleans(), st.booleans())
def test_bag_forward_and_backward(case, mode, by_freq, weighted):
    by_freq, weighted = by_freq and mode != "max", weighted and mode == "sum"
    bag = fv.EmbeddingBag.from_pretrained(
        case.weight.copy(), freeze=False, mode=mode, padding_idx=0, scale_grad_by_freq=by_freq,
        include_last_offset=case.include_last_offset,
    )  # fmt: skip
    factors = case.rng.standard_normal(case.ids.shape) if weighted else None
    forms = {"mode": mode, "per_sample_weights": factors, "include_last_offset": case.include_last_offset}
    wanted = reference.bag(case.ids, case.weight, case.offsets, padding_idx=0, **forms)
    np.testing.assert_allclose(bag(case.ids, case.offsets, factors), wanted, rtol=1e-12, atol=1e-10)
    grad = case.grad(case.bags)
    bag.backward(case.ids, case.offsets, grad, factors)
    fv.optim.SGD([bag.weight], lr=1.0).step()
    entry = reference.Entry(case.ids, grad, offsets=case.offsets, scale_grad_by_freq=by_freq, **forms)
    wanted = trained(case.weight, [entry], padding_idx=0)
    np.testing.assert_allclose(bag.weight.data, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_calls_before_a_step_combine_in_one_grouping(dtype):
    rng = np.random.default_rng(2)
    weight = small_dyadic(rng, (8, 5), dtype)
    emb = fv.Embedding.from_pretrained(weight.copy(), freeze=False)
    ids, offsets = rng.integers(0, 8, 12), [0, 4, 4, 12]
    per_id, per_bag = small_dyadic(rng, (12, 5), dtype), small_dyadic(rng, (3, 5), dtype)
    entries = []
    for _ in range(2):
        emb.backward(ids, per_id)
        entries.append(reference.Entry(ids, per_id))
        for mode in ("sum", "mean", "max"):
            emb.weight.add_rows(ids, per_bag, offsets=offsets, mode=mode)
            entries.append(reference.Entry(ids, per_bag, offsets=offsets, mode=mode))
    opt = fv.optim.Adagrad([emb.weight], lr=0.5)
    opt.step()
    rows = reference.gradient(weight, entries).total
    state = reference.new_state("adagrad", weight)
    wanted, _ = reference.update("adagrad", weight, state, rows, lr=0.5)
    # Dyadic gradients sum exactly, but for the thirds of a mean: what is left are roundings of numbers below 4.
    np.testing.assert_allclose(emb.weight.data, wanted, rtol=0, atol=64 * reference.EPS[np.dtype(dtype)])
    assert opt.state_dict()["state"][0]["step"] == 1


def test_ids_may_change_after_backward_and_maxima_are_fixed_in_it():
    weight = np.array([[1.0], [2.0]])
    bag = fv.EmbeddingBag.from_pretrained(weight, freeze=False, mode="max")
    ids, offsets = np.array([0, 1]), np.array([0, 2])
    bag.backward(ids, offsets, np.ones((1, 1)))
    ids[:] = 7
    offsets[:] = 9
    weight[0] = 5.0
    fv.optim.SGD([bag.weight], lr=1.0).step()
    assert_array_equal(weight, [[5.0], [1.0]])


@pytest.mark.parametrize("copies", [False, True])
def test_gradient_by_reference_or_copied(copies):
    emb = fv.Embedding.from_pretrained(np.zeros((2, 1)), freeze=False)
    grad = np.ones((1, 1))
    emb.backward([1], grad, copy=copies)
    grad[:] = 3.0
    fv.optim.SGD([emb.weight], lr=1.0).step()
    assert emb.weight.data[1, 0] == (-1.0 if copies else -3.0)


def test_frozen_layers_check_and_drop():
    emb = fv.Embedding(4, 2, seed=0)
    emb.freeze()
    emb.backward([1], np.ones((1, 2), np.float32))
    assert emb.weight.grad is None
    with pytest.raises(IndexError, match="id 4 at position 1 is out of range for 4 rows"):
        emb.backward([1, 4], np.ones((2, 2), np.float32))
    with pytest.raises(ValueError, match="shape"):
        emb.backward([1], np.ones((1, 3), np.float32))
    with pytest.raises(TypeError, match="float64"):
        emb.backward([1], np.ones((1, 2)))
    emb.unfreeze()
    emb.backward([1], np.ones((1, 2), np.float32))
    assert len(emb.weight.grad) == 1


def test_max_norm_takes_effect_after_the_update_on_touched_rows():
    weight = np.array([[3.0, 4.0], [3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    emb = fv.Embedding.from_pretrained(weight, freeze=False, max_norm=1.0, padding_idx=3)
    before = weight.copy()
    emb([0, 1, 2, 3])
    assert_array_equal(weight, before)
    emb.backward([0, 2, 3], np.zeros((3, 2)))
    fv.optim.SGD([emb.weight], lr=1.0).step()
    np.testing.assert_allclose(weight[0], [0.6, 0.8], rtol=1e-7)
    assert_array_equal(weight[1:], before[1:])


def test_layers_of_a_read_only_table_look_up_and_refuse_to_train():
    table = np.ones((3, 2), dtype=np.float32)
    table.flags.writeable = False
    emb = fv.Embedding.from_pretrained(table, freeze=False)
    assert_array_equal(emb([1]), [[1, 1]])
    emb.backward([1], np.ones((1, 2), np.float32))
    with pytest.raises(ValueError, match="read-only"):
        fv.optim.SGD([emb.weight], lr=1.0).step()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_are_independent(again):
    bag = fv.EmbeddingBag(4, 2, mode="sum", padding_idx=1, max_norm=3.0, include_last_offset=False, seed=1)
    other = again(bag)
    assert repr(other) == repr(bag)
    assert_array_equal(other([1, 2], [0, 1]), bag([1, 2], [0, 1]))
    assert not np.shares_memory(other.weight.data, bag.weight.data)


def test_repr():
    assert repr(fv.Embedding(4, 2, padding_idx=0, scale_grad_by_freq=True)) == (
        "Embedding(4, 2, padding_idx=0, scale_grad_by_freq=True)"
    )
    assert repr(fv.EmbeddingBag.from_pretrained(np.ones((4, 2)))) == "EmbeddingBag(4, 2, frozen, mode='mean')"


@pytest.mark.parametrize("layer", LAYERS)
def test_the_table_cannot_be_replaced(layer):
    made = layer(3, 2, seed=0)
    weight = made.weight
    with pytest.raises(AttributeError, match=r"change its values by weight\.data\[\.\.\.\] = array"):
        made.weight = np.zeros((3, 2), np.float32)
    assert made.weight is weight
