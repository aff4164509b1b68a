"""Heights of nodes, and trees laid out by level."""

from __future__ import annotations

import numpy as np
import pytest
from finevec.trees import NO_NODE, NO_PARENT, Forest, heights
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def parents_of_trees(draw, most_children=20):
    """Parents of one tree, its nodes in any order."""
    order = draw(st.permutations(range(draw(st.integers(1, 15)))))
    parents = np.full(len(order), NO_PARENT)
    room = [order[0]] * most_children  # each node as often as it may still get a child
    for node in order[1:]:
        parents[node] = room.pop(draw(st.integers(0, len(room) - 1)))
        room += [node] * most_children
    return parents


def slow_heights(parents):
    """Walk up from every node: its ancestors are at least as high as the walk is long."""
    found = [0] * len(parents)
    for node in range(len(parents)):
        steps = 0
        while node != NO_PARENT:
            found[node] = max(found[node], steps)
            node = int(parents[node])
            steps += 1
    return found


@given(parents_of_trees())
def test_heights(parents):
    found = heights(parents)
    assert found.tolist() == heights(parents.tolist()).tolist() == slow_heights(parents)
    assert found.dtype == np.int64


def test_depth_does_not_recurse():
    deep = 5000
    assert heights([*range(1, deep), NO_PARENT]).tolist() == list(range(deep))
    assert heights([NO_PARENT, *range(deep - 1)]).tolist() == list(range(deep - 1, -1, -1))
    assert heights([NO_PARENT] + [0] * (deep - 1)).tolist() == [1] + [0] * (deep - 1)


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ([], "expected a tree of at least one node, got none"),
        ([0], "the parents of node 0 form a cycle"),
        ([1, 0], "the parents of node 0 form a cycle"),
        ([NO_PARENT, 0, 3, 4, 2], "the parents of node 2 form a cycle"),
        ([1, 3, 1, NO_PARENT, 5, 4, 4], "the parents of node 4 form a cycle"),
        ([NO_PARENT, 0, NO_PARENT], "expected one root, found 2: nodes 0 and 2 have no parent"),
        ([NO_PARENT] * 3, "expected one root, found 3: nodes 0 and 1 have no parent"),
        ([NO_PARENT, 2], "the parent of node 1 is 2, expected one of 2 nodes, or -1 for the root"),
        ([NO_PARENT, -2], "the parent of node 1 is -2, expected one of 2 nodes, or -1 for the root"),
    ],
)
def test_what_is_no_tree(parents, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the text is compared below, as it is
        heights(parents)
    assert str(caught.value) == message


def forest_of(trees, arity=None):
    return Forest.of(trees, [heights(parents) for parents in trees], arity=arity)


def check(forest, trees, arity):
    """Every field, from what its docstring says."""
    sizes = [len(parents) for parents in trees]
    starts = np.cumsum([0, *sizes]).tolist()
    total = starts[-1]
    assert all(array.dtype == np.int64 for array in forest)
    assert sorted(forest.order.tolist()) == list(range(total))
    row = {node: place for place, node in enumerate(forest.order.tolist(), start=1)}

    height = [level for parents in trees for level in slow_heights(parents)]
    assert len(forest.levels) == max(height) + 2
    assert (forest.levels[0], forest.levels[-1]) == (1, total + 1)
    for level in range(max(height) + 1):
        rows = range(forest.levels[level], forest.levels[level + 1])
        assert set(rows) == {row[node] for node in range(total) if height[node] == level}

    assert len(forest.offsets) == total + 2
    assert (forest.offsets[0], forest.offsets[1], forest.offsets[-1]) == (0, 0, len(forest.children))
    for start, parents in zip(starts, trees, strict=False):
        for node in range(len(parents)):
            below = [row[start + child] for child in range(len(parents)) if parents[child] == node]
            own = row[start + node]
            assert all(child < own for child in below)
            if arity is not None and below:
                below += [NO_NODE] * (arity - len(below))
            assert forest.children[forest.offsets[own] : forest.offsets[own + 1]].tolist() == below

    roots = [start + parents.tolist().index(NO_PARENT) for start, parents in zip(starts, trees, strict=False)]
    assert forest.roots.tolist() == [row[root] for root in roots]


@given(st.lists(parents_of_trees(), min_size=1, max_size=6))
def test_a_forest_is_what_its_fields_say(trees):
    check(forest_of(trees), trees, None)


@given(st.lists(parents_of_trees(most_children=2), min_size=1, max_size=6), st.integers(2, 4))
def test_missing_children_are_filled_up(trees, arity):
    check(forest_of(trees, arity), trees, arity)


def test_nodes_of_a_level_keep_the_order_of_the_trees():
    forest = forest_of([np.array([2, 2, NO_PARENT]), np.array([NO_PARENT]), np.array([1, NO_PARENT])])
    assert forest.order.tolist() == [0, 1, 3, 4, 2, 5]


def test_wide_and_deep_trees_together():
    star = np.array([NO_PARENT] + [0] * 40)
    chain = np.array([NO_PARENT, *range(9)])
    for trees in ([star, chain], [chain, star], [chain, chain, star]):
        check(forest_of(trees), trees, None)


@pytest.mark.parametrize("arity", [None, 1, 2])
def test_trees_of_one_node_have_no_children(arity):
    forest = forest_of([np.array([NO_PARENT])] * 3, arity)
    assert len(forest.children) == 0
    assert forest.offsets.tolist() == [0] * 5
    assert forest.roots.tolist() == [1, 2, 3]


def test_more_children_than_the_arity_are_refused():
    trees = [np.array([1, NO_PARENT]), np.array([NO_PARENT, 0, 0, 0])]
    with pytest.raises(ValueError, match=r"^expected at most 2 children of a node, found one with 3$"):
        forest_of(trees, 2)
    check(forest_of(trees, 3), trees, 3)
