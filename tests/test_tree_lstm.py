"""Tree-LSTMs: states and gradients beside the oracle, one node at a time, and beside central differences."""

from __future__ import annotations

import numpy as np
import pytest
import reference_tree_lstm as oracle
from finevec.layers import ChildSumTreeLSTM, NaryTreeLSTM
from finevec.trees import NO_NODE, Forest, heights
from hypothesis import given
from hypothesis import strategies as st
from reference import EPS
from sized import Wanted, run
from strategies import floats, seeds
from test_dense_layers import STEP, central_difference

ARITIES = (None, 1, 2, 3)
"""None: children share their weights, and there are any number of them."""
KINDS = ("single", "chain", "right-branching", "star", "any")
PARAMETERS = ("weight", "recurrent", "forget", "bias")
WORDS = 4


def shape(rng, kind, arity, size):
    """Return the parents of a tree of a kind, its nodes in any order."""
    if kind == "single" or size == 1:
        return [oracle.NONE]
    if kind == "chain" or arity == 1:
        parents = [oracle.NONE, *range(size - 1)]
    elif kind == "right-branching":
        parents = [oracle.NONE]
        for inner in range(0, 2 * (size // 2), 2):  # two children, of which the second has two, and so on
            parents += [inner, inner]
    elif kind == "star":
        parents = [oracle.NONE] + [0] * (40 if arity is None else arity)
    else:
        parents, room = [oracle.NONE], [0] * (arity or 20)
        for node in range(1, size):
            parents.append(room.pop(rng.integers(len(room))))
            room += [node] * (arity or 20)
    number = np.arange(len(parents)) if kind == "right-branching" else rng.permutation(len(parents))
    shuffled = np.full(len(parents), oracle.NONE)
    for node, parent in enumerate(parents):
        shuffled[number[node]] = oracle.NONE if parent == oracle.NONE else number[parent]
    return shuffled.tolist()


def drawn_tree(rng, kind, arity, size=7, at_leaves=False):
    """Return a tree with words at any of its nodes, or at leaves only; few different ones, so that some come again."""
    parents = shape(rng, kind, arity, size)
    rows = rng.integers(-1, WORDS, len(parents))
    return oracle.Tree(parents, np.where(at_leaves & np.isin(np.arange(len(parents)), parents), -1, rows).tolist())


def drawn_layer(rng, arity, dim=3, mem=4, dtype=np.float64):
    """Return a layer of which no part hides another, and vectors of its words."""
    if arity is None:
        layer = ChildSumTreeLSTM(dim, mem, dtype=dtype, seed=rng)
    else:
        layer = NaryTreeLSTM(dim, mem, arity=arity, dtype=dtype, seed=rng)
    for parameter in layer.parameters():
        parameter.data[...] = rng.normal(scale=0.7, size=parameter.shape)
    return layer, rng.normal(size=(WORDS, dim)).astype(dtype)


def laid_out(trees, arity):
    parents = [np.array(tree.parents) for tree in trees]
    return Forest.of(parents, [heights(above) for above in parents], arity=arity)


def forward(layer, vectors, trees):
    """Return hidden states in the order of the nodes, and a callable from their gradient to that of the vectors."""
    forest = laid_out(trees, layer.arity)
    inputs = np.concatenate([tree.rows for tree in trees])
    hidden, backprop = layer.forward(vectors, inputs, forest)
    assert hidden.dtype == vectors.dtype
    assert (hidden[NO_NODE] == 0).all()
    in_order = np.empty_like(hidden[1:])
    in_order[forest.order] = hidden[1:]

    def backprop_in_order(grad, **options):
        rows = np.full_like(hidden, np.nan)  # also for the row of no node, which has no gradient
        rows[1:] = grad[forest.order]
        kept = rows.copy()
        found = backprop(rows, **options)
        assert np.array_equal(rows, kept, equal_nan=True)
        return found

    return in_order, backprop_in_order


def weights_of(layer, vectors):
    return {"vectors": vectors, **{name: getattr(layer, name).data for name in PARAMETERS}}


def gradients_of(layer, grad_vectors):
    return {"vectors": grad_vectors, **{name: getattr(layer, name).grad for name in PARAMETERS}}


def one_of_each(rng, arity, at_leaves=False):
    return [drawn_tree(rng, kind, arity, size=5, at_leaves=at_leaves) for kind in KINDS]


# --- beside the oracle -----------------------------------------------------------------------------------------------


@given(
    arity=st.sampled_from(ARITIES),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    size=st.integers(1, 8),
    at_leaves=st.booleans(),
    dim=st.sampled_from([1, 3]),
    mem=st.sampled_from([1, 4]),
    dtype=floats,
    seed=seeds,
)
def test_states_and_every_gradient_are_those_of_the_oracle(arity, kinds, size, at_leaves, dim, mem, dtype, seed):
    rng = np.random.default_rng(seed)
    layer, vectors = drawn_layer(rng, arity, dim, mem, dtype)
    trees = [drawn_tree(rng, kind, arity, size, at_leaves) for kind in kinds]
    weights = weights_of(layer, vectors)
    hidden, backprop = forward(layer, vectors, trees)
    Wanted(run(oracle.hidden, weights, arity, trees), dtype).assert_met(hidden, "hidden")
    grad = rng.normal(size=hidden.shape).astype(dtype)
    found = gradients_of(layer, backprop(grad))
    for name, wanted in run(oracle.hidden_gradients, weights, arity, trees, grad).items():
        assert found[name].dtype == dtype
        Wanted(wanted, dtype).assert_met(found[name], name)


@pytest.mark.parametrize("arity", ARITIES)
def test_the_bound_of_the_oracle_is_narrow(arity):
    """Else the test above could not fail."""
    rng = np.random.default_rng(1)
    layer, vectors = drawn_layer(rng, arity)
    trees = one_of_each(rng, arity)
    weights = weights_of(layer, vectors)
    found = {"hidden": run(oracle.hidden, weights, arity, trees)}
    found |= run(oracle.hidden_gradients, weights, arity, trees, np.ones(found["hidden"].shape))
    for name, numbers in found.items():
        for dtype, share in ((np.float64, 1e-10), (np.float32, 0.05)):
            wanted = Wanted(numbers, dtype)
            assert wanted.bound.max() < share * np.abs(wanted.value).max(), name


@pytest.mark.parametrize("at_leaves", [False, True])
@pytest.mark.parametrize("arity", ARITIES)
def test_gradients_against_central_differences(arity, at_leaves):
    rng = np.random.default_rng(2)
    layer, vectors = drawn_layer(rng, arity)
    trees = one_of_each(rng, arity, at_leaves)
    hidden, backprop = forward(layer, vectors, trees)
    factor = rng.normal(size=hidden.shape)
    found = gradients_of(layer, backprop(factor))
    wanted = {
        name: central_difference(lambda: float((forward(layer, vectors, trees)[0] * factor).sum()), array)
        for name, array in weights_of(layer, vectors).items()
    }
    # A difference errs by STEP**2 / 6 times a third derivative, and by the rounding of the total and of what it comes
    # from, some hundreds of units, over STEP.
    tolerance = 100 * STEP**2 + 500 * EPS[np.dtype(np.float64)] * np.abs(factor).sum() / STEP
    for name, grad in found.items():
        np.testing.assert_allclose(grad, wanted[name], rtol=0, atol=tolerance, err_msg=name)
        assert tolerance < 1e-3 * np.abs(grad).max(), "the bound is too wide to tell anything"
    of_f = layer.weight.grad[-4:]  # which no leaf has
    assert (of_f == 0).all() if at_leaves else np.abs(of_f).max() > 1e-3


@pytest.mark.parametrize("arity", [None, 2])
def test_children_that_are_missing_are_as_those_without_a_state(arity):
    """And where no word is, there is a vector of zeros."""
    rng = np.random.default_rng(3)
    layer, vectors = drawn_layer(rng, arity)
    vectors[3] = 0
    one_child = oracle.Tree([1, oracle.NONE], [0, 1])
    # The state of a node without a word is not that of a missing one: its biases still count.
    two_children = oracle.Tree([2, 2, oracle.NONE], [0, oracle.NONE, 1])
    zeros = oracle.Tree([2, 2, oracle.NONE], [0, 3, 1])
    states, _ = forward(layer, vectors, [one_child, two_children, zeros])
    np.testing.assert_allclose(states[2:5], states[5:8], rtol=0, atol=1e-13)
    assert np.abs(states[1] - states[4]).max() > 1e-3
    i, o, u, _ = np.split(layer.weight.data @ vectors[1] + layer.bias.data, 4)
    f = layer.weight.data[-4:] @ vectors[1] + layer.bias.data[-4:] + layer.forget.data[:4, :4] @ states[0]
    to_i, to_o, to_u = np.split(layer.recurrent.data[:, :4] @ states[0], 3)
    own = np.split(layer.weight.data @ vectors[0] + layer.bias.data, 4)
    cell = oracle.sigmoid(own[0]) * np.tanh(own[2])
    cell = oracle.sigmoid(i + to_i) * np.tanh(u + to_u) + oracle.sigmoid(f) * cell
    np.testing.assert_allclose(states[1], oracle.sigmoid(o + to_o) * np.tanh(cell), rtol=0, atol=1e-13)


# --- batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arity", [None, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_trees_in_any_company_and_order_have_the_same_states(arity, dtype):
    """Within the bound of rounding: BLAS may round a product of another shape differently."""
    rng = np.random.default_rng(4)
    layer, vectors = drawn_layer(rng, arity, dtype=dtype)
    trees = one_of_each(rng, arity) * 2
    grads = [rng.normal(size=(len(tree.parents), 4)).astype(dtype) for tree in trees]
    alone, grad_vectors = [], 0
    for tree, grad in zip(trees, grads, strict=True):
        hidden, backprop = forward(layer, vectors, [tree])
        alone.append(hidden)
        grad_vectors = grad_vectors + backprop(grad)
    wanted = gradients_of(layer, grad_vectors)
    weights = weights_of(layer, vectors)
    bounds = run(oracle.hidden_gradients, weights, arity, trees, np.concatenate(grads))
    for order in (range(len(trees)), rng.permutation(len(trees))):
        for parameter in layer.parameters():
            parameter.zero_grad()
        batch = [trees[place] for place in order]
        hidden, backprop = forward(layer, vectors, batch)
        bound = Wanted(run(oracle.hidden, weights, arity, batch), dtype).bound
        assert (np.abs(hidden - np.concatenate([alone[place] for place in order])) <= bound).all()
        found = gradients_of(layer, backprop(np.concatenate([grads[place] for place in order])))
        for name, grad in found.items():
            assert (np.abs(grad - wanted[name]) <= Wanted(bounds[name], dtype).bound).all(), name


def test_gradients_of_batches_add_up_until_they_are_zeroed():
    rng = np.random.default_rng(5)
    layer, vectors = drawn_layer(rng, None)
    found = []
    for tree in one_of_each(rng, None)[:2]:
        hidden, backprop = forward(layer, vectors, [tree])
        backprop(np.ones_like(hidden))
        found.append([parameter.grad.copy() for parameter in layer.parameters()])
        for parameter in layer.parameters():
            parameter.zero_grad()
    rng = np.random.default_rng(5)
    layer, vectors = drawn_layer(rng, None)
    for tree in one_of_each(rng, None)[:2]:
        hidden, backprop = forward(layer, vectors, [tree])
        assert backprop(np.ones_like(hidden), with_vectors=False) is None
    for parameter, first, second in zip(layer.parameters(), *found, strict=True):
        assert np.array_equal(parameter.grad, first + second)


@pytest.mark.parametrize(("arity", "shuffled"), [(None, True), (2, False)])
def test_a_right_branching_tree_of_5000_nodes(arity, shuffled):
    rng = np.random.default_rng(6)
    layer, vectors = drawn_layer(rng, arity)
    parents = np.array([*shape(rng, "right-branching", 2, 4999)])
    if shuffled:
        number = rng.permutation(len(parents))
        moved = np.empty_like(parents)
        moved[number] = np.where(parents < 0, parents, number[parents])
        parents = moved
    assert heights(parents).max() == 2499
    assert np.bincount(parents[parents >= 0]).tolist().count(2) == 2499
    is_leaf = ~np.isin(np.arange(4999), parents)
    assert is_leaf.sum() == 2500
    tree = oracle.Tree(parents.tolist(), np.where(is_leaf, rng.integers(0, WORDS, 4999), oracle.NONE).tolist())
    weights = weights_of(layer, vectors)
    hidden, backprop = forward(layer, vectors, [tree])
    grad = rng.normal(size=hidden.shape)
    found = gradients_of(layer, backprop(grad))
    nodes = oracle.tree_forward(weights, arity, tree)
    sums = oracle.Sums(weights, oracle.TREE_WEIGHTS)
    oracle.tree_backward(weights, arity, tree, nodes, grad, sums.add)
    # What comes from far away has been multiplied by many forget gates: a state's own errors are those of a few levels,
    # some hundred units; a gradient sums over up to 5,000 nodes besides.
    eps = EPS[np.dtype(np.float64)]
    assert np.abs(hidden - [node.h for node in nodes]).max() <= 1000 * eps
    for name in oracle.TREE_WEIGHTS:
        assert (np.abs(found[name] - sums.grads[name]) <= 10_000 * eps * sums.sizes[name]).all(), name


# --- arguments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_weights_are_drawn_as_documented(dtype):
    for arity, layer in [
        (1, ChildSumTreeLSTM(5, 6, dtype=dtype, seed=3)),
        (2, NaryTreeLSTM(5, 6, dtype=dtype, seed=3)),
        (3, NaryTreeLSTM(5, 6, arity=3, dtype=dtype, seed=np.random.default_rng(3))),
    ]:
        rng = np.random.default_rng(3)
        for parameter, wanted, inputs in [
            (layer.weight, (24, 5), 5),
            (layer.recurrent, (18, 6 * arity), 6),
            (layer.forget, (6 * arity, 6 * arity), 6),
        ]:
            bound = 1 / np.sqrt(inputs)
            assert parameter.data.dtype == dtype
            assert np.array_equal(parameter.data, rng.uniform(-bound, bound, wanted).astype(dtype))
        assert layer.bias.data.dtype == dtype
        assert layer.bias.data.tolist() == [0] * 24
        assert layer.parameters() == [layer.weight, layer.recurrent, layer.forget, layer.bias]
    assert NaryTreeLSTM(5, 6).arity == 2
    assert ChildSumTreeLSTM(5, 6).arity is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dim": 0}, ValueError, "dim must be at least 1, got 0"),
        ({"mem_dim": 0}, ValueError, "mem_dim must be at least 1, got 0"),
        ({"mem_dim": 2.0}, TypeError, "mem_dim must be an integer, got float"),
        ({"arity": 0}, ValueError, "arity must be at least 1, got 0"),
        ({"arity": None}, TypeError, "arity must be an integer, got NoneType"),
        ({"dtype": "int64"}, TypeError, "int64, wanted float32 or float64"),
    ],
)
def test_layers_that_cannot_be_are_refused(options, error, message):
    for layer in (ChildSumTreeLSTM, NaryTreeLSTM):
        if layer is NaryTreeLSTM or "arity" not in options:
            with pytest.raises(error, match=message):
                layer(**{"dim": 3, "mem_dim": 4, **options})


@pytest.mark.parametrize("arity", [None, 2])
def test_what_does_not_fit_is_refused(arity):
    layer, vectors = drawn_layer(np.random.default_rng(7), arity)
    trees = [oracle.Tree([2, 2, oracle.NONE], [0, oracle.NONE, 3])]
    forest, inputs = laid_out(trees, arity), np.array(trees[0].rows)
    for change, error, message in [
        ({"vectors": vectors.tolist()}, TypeError, "vectors: expected an ndarray, got list"),
        ({"vectors": vectors.astype(np.float32)}, TypeError, "vectors: expected float64, as the weights, got float32"),
        ({"vectors": vectors[:, :2]}, ValueError, r"vectors: expected shape \(words, 3\), got \(4, 2\)"),
        ({"vectors": vectors[0]}, ValueError, r"vectors: expected shape \(words, 3\), got \(3,\)"),
        ({"inputs": inputs[:2]}, ValueError, r"inputs: expected shape \(3,\), one for each node, got \(2,\)"),
        ({"inputs": inputs[None]}, ValueError, r"inputs: expected shape \(3,\), one for each node, got \(1, 3\)"),
        ({"inputs": np.array([0, 1, 4])}, IndexError, "inputs: expected rows of 4 vectors, or -1 for no word, got 4"),
        ({"inputs": np.array([5, 1, 2])}, IndexError, "inputs: expected rows of 4 vectors, or -1 for no word, got 5"),
        ({"inputs": np.array([0.0, 1.0, 2.0])}, TypeError, "inputs: expected integers, got float64"),
    ]:
        with pytest.raises(error, match=message):
            layer.forward(**{"vectors": vectors, "inputs": inputs, "forest": forest, **change})
    hidden, backprop = layer.forward(vectors, inputs, forest)
    for grad in (hidden[1:], hidden[:, :2], hidden.astype(np.float32)):
        with pytest.raises(ValueError, match=r"grad_hidden: expected shape \(4, 4\) and float64, as the hidden states"):
            backprop(grad)
    assert all(parameter.grad is None for parameter in layer.parameters())


@pytest.mark.parametrize(
    ("arity", "laid_out_with", "message"),
    [
        (2, None, "forest: expected one laid out with arity 2, got a node with room for 1 children"),
        (2, 3, "forest: expected one laid out with arity 2, got a node with room for 3 children"),
        (2, 4, "forest: expected one laid out with arity 2, got a node with room for 4 children"),
        (1, 2, "forest: expected one laid out with arity 1, got a node with room for 2 children"),
    ],
)
def test_a_forest_that_was_laid_out_with_another_arity_is_refused(arity, laid_out_with, message):
    layer, vectors = drawn_layer(np.random.default_rng(8), arity)
    trees = [oracle.Tree([1, oracle.NONE], [0, 1])]
    with pytest.raises(ValueError, match=message):
        layer.forward(vectors, np.array([0, 1]), laid_out(trees, laid_out_with))


def test_a_child_sum_layer_takes_a_forest_with_room_for_more_children():
    """What is missing has a state of zeros, which adds nothing."""
    layer, vectors = drawn_layer(np.random.default_rng(9), None)
    tree = oracle.Tree([1, oracle.NONE], [0, 1])
    found = []
    for arity in (None, 3):
        hidden, backprop = layer.forward(vectors, np.array(tree.rows), laid_out([tree], arity))
        found.append([hidden, backprop(np.ones_like(hidden)), *(p.grad.copy() for p in layer.parameters())])
        for parameter in layer.parameters():
            parameter.zero_grad()
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


def test_a_batch_without_any_word():
    for arity in (None, 2):
        layer, _ = drawn_layer(np.random.default_rng(10), arity)
        tree = oracle.Tree([1, oracle.NONE], [oracle.NONE] * 2)
        hidden, backprop = forward(layer, np.empty((0, 3)), [tree])
        wanted = oracle.hidden({**weights_of(layer, np.zeros((1, 3)))}, arity, [tree])
        np.testing.assert_allclose(hidden, wanted, rtol=0, atol=1e-13)
        assert backprop(np.ones_like(hidden)).shape == (0, 3)
        assert (layer.weight.grad == 0).all()
        assert np.abs(layer.bias.grad).max() > 0
