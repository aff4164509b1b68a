"""Dependency trees as binary constituency trees."""

from __future__ import annotations

import numpy as np
import pytest
from finevec.datasets.binarized import binarized
from finevec.datasets.sick import read_sick
from finevec.trees import NO_LABEL, NO_PARENT, Tree, heights
from hypothesis import given
from hypothesis import strategies as st


def dependency_tree(parents):
    """Word w7 at node 7."""
    words = [f"w{node}" for node in range(len(parents))]
    return Tree(np.array(parents, np.int64), words, np.zeros(len(parents), np.int64))


@st.composite
def any_parents(draw):
    order = draw(st.permutations(range(draw(st.integers(1, 14)))))
    parents = [NO_PARENT] * len(order)
    for place in range(1, len(order)):
        parents[order[place]] = order[draw(st.integers(0, place - 1))]
    return parents


@st.composite
def projective_parents(draw):
    """Each span is cut into a first part, which gets a head of its own, and a rest, which depends on the same head."""
    count = draw(st.integers(1, 14))
    parents = [NO_PARENT] * count
    root = draw(st.integers(0, count - 1))
    spans = [(0, root, root), (root + 1, count, root)]
    while spans:
        start, end, above = spans.pop()
        if start < end:
            middle = draw(st.integers(start + 1, end))
            head = draw(st.integers(start, middle - 1))
            parents[head] = above
            spans += [(start, head, head), (head + 1, middle, head), (middle, end, above)]
    return parents


def slow_binarized(parents, head):
    """Nested pairs, by the words of the docstring."""
    found = f"w{head}"
    dependents = [node for node, above in enumerate(parents) if above == head]
    for node in sorted(node for node in dependents if node > head):
        found = (found, slow_binarized(parents, node))
    for node in sorted((node for node in dependents if node < head), reverse=True):
        found = (slow_binarized(parents, node), found)
    return found


def nested(tree, node):
    """A constituency tree as nested tuples."""
    children = np.flatnonzero(tree.parents == node).tolist()
    assert bool(children) == (tree.words[node] is None)
    return tuple(nested(tree, child) for child in children) if children else tree.words[node]


def leaves(tree):
    return [word for word in tree.words if word is not None]


@given(any_parents() | projective_parents())
def test_the_order_is_as_documented(parents):
    tree = binarized(dependency_tree(parents))
    nodes = 2 * len(parents) - 1
    assert len(tree.parents) == len(tree.words) == nodes
    assert nested(tree, nodes - 1) == slow_binarized(parents, parents.index(NO_PARENT))
    assert tree.parents.dtype == tree.labels.dtype == np.int64
    assert tree.labels.tolist() == [NO_LABEL] * nodes


@given(any_parents())
def test_nodes_are_in_postorder(parents):
    tree = binarized(dependency_tree(parents))
    above = tree.parents.tolist()
    sizes = [1] * len(above)
    for node, parent in enumerate(above[:-1]):
        assert parent > node
        sizes[parent] += sizes[node]
    for node, parent in enumerate(above[:-1]):  # the last child is just before its parent, the first before the last
        assert parent == node + 1 or parent == node + 1 + sizes[parent - 1]


@given(projective_parents())
def test_leaves_of_projective_trees_are_in_the_order_of_the_sentence(parents):
    tree = dependency_tree(parents)
    assert leaves(binarized(tree)) == tree.words


def test_words_that_a_crossing_arc_cuts_off_are_moved_beside_their_head():
    tree = dependency_tree([2, 3, NO_PARENT, 2])  # w1 depends on w3, across the root w2; w0 on the root
    assert leaves(binarized(tree)) == ["w0", "w2", "w1", "w3"]
    tree = dependency_tree([NO_PARENT, 3, 0, 0])  # w1 depends on w3, across the arc from w0 to w2
    assert leaves(binarized(tree)) == ["w0", "w2", "w1", "w3"]


DEEP = 5000


@pytest.mark.parametrize(
    "parents",
    [
        [NO_PARENT, *range(DEEP - 1)],
        [*range(1, DEEP), NO_PARENT],
        [NO_PARENT] + [0] * (DEEP - 1),
        [DEEP - 1] * (DEEP - 1) + [NO_PARENT],
    ],
    ids=["chain to the right", "chain to the left", "star to the right", "star to the left"],
)
def test_depth_does_not_recurse(parents):
    tree = dependency_tree(parents)
    found = binarized(tree)
    assert leaves(found) == tree.words
    assert heights(found.parents).max() == DEEP - 1


def test_what_is_no_dependency_tree_is_refused():
    with pytest.raises(ValueError, match=r"^expected one root, found 2: nodes 0 and 2 have no parent$"):
        binarized(dependency_tree([NO_PARENT, 0, NO_PARENT]))
    with pytest.raises(ValueError, match=r"^the parents of node 1 form a cycle$"):
        binarized(dependency_tree([NO_PARENT, 2, 1]))
    constituency = Tree(np.array([2, 2, NO_PARENT]), ["a", "b", None], np.zeros(3, np.int64))
    with pytest.raises(ValueError, match=r"^expected a dependency tree, a word at every node: node 2 has none$"):
        binarized(constituency)


def test_sick_is_projective(data_dir):
    pairs = read_sick(data_dir / "sick" / "sick.trial.dep.tsv.gz", data_dir / "sick" / "sick.trial.tsv.gz")
    for pair in pairs:
        for tree in (pair.left, pair.right):
            found = binarized(tree)
            assert leaves(found) == tree.words
            assert len(found.words) == 2 * len(tree.words) - 1
