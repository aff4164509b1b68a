"""What the labels of the Stanford Sentiment Treebank become."""

from __future__ import annotations

import numpy as np
import pytest
from finevec.datasets.sst import BINARY_CLASSES, FINE_CLASSES, binary_labels, check_labels, with_labelled_root
from finevec.datasets.trees import read_trees
from finevec.trees import NO_LABEL, Tree


def star(root, *leaves):
    """Return a tree whose root, the last node, is the parent of all others, with these labels."""
    parents = np.array([len(leaves)] * len(leaves) + [-1])
    return Tree(parents, ["word"] * (len(leaves) + 1), np.array([*leaves, root]))


def test_two_classes_and_none_for_neutral():
    tree = star(1, 0, 1, 2, 3, 4, NO_LABEL)
    found = binary_labels(tree)
    assert found.labels.tolist() == [0, 0, NO_LABEL, 1, 1, NO_LABEL, 0]
    assert found.parents is tree.parents
    assert tree.labels.tolist() == [0, 1, 2, 3, 4, NO_LABEL, 1]
    assert (FINE_CLASSES[0], FINE_CLASSES[4], *BINARY_CLASSES) == (
        "very negative", "very positive", "negative", "positive",
    )  # fmt: skip


def test_neutral_sentences_are_left_out():
    trees = [binary_labels(star(root, 3)) for root in (0, 2, 4, 2)]
    assert [tree.labels[-1] for tree in with_labelled_root(trees)] == [0, 1]


@pytest.mark.parametrize("check", [check_labels, binary_labels])
def test_other_labels_are_refused(check):
    with pytest.raises(ValueError, match="expected labels from 0 to 4, found 7"):
        check(star(3, 4, 7))
    with pytest.raises(ValueError, match="the root has no label"):
        check(star(NO_LABEL, 4, 3))


@pytest.mark.parametrize("ending", ["ptb.txt", "dep.tsv"])
def test_the_published_numbers_of_sentences(data_dir, ending):
    counts = []
    for part in ("dev", "test"):
        trees = read_trees(data_dir / "trees" / f"sst.{part}.{ending}.gz").trees
        counts.append((len(trees), len(with_labelled_root(map(binary_labels, trees)))))
    assert counts == [(1101, 872), (2210, 1821)]
