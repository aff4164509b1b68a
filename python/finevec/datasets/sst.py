"""The Stanford Sentiment Treebank: what its labels 0 to 4 mean, and what the binary task makes of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..trees import NO_LABEL, NO_PARENT, Tree

FINE_CLASSES = ("very negative", "negative", "neutral", "positive", "very positive")
"""The classes of the labels 0 to 4."""

BINARY_CLASSES = ("negative", "positive")
"""The classes of the labels that `binary_labels` gives."""

BINARY_POSITIONS = {0: 0, 1: 0, 3: 1, 4: 1}
"""For each label that is not neutral, the position of its class in `BINARY_CLASSES`."""

_BINARY = np.array([BINARY_POSITIONS.get(label, NO_LABEL) for label in range(NO_LABEL, len(FINE_CLASSES))])


def binary_labels(tree: Tree) -> Tree:
    """Return a tree with the labels of the binary task: 0 for 0 and 1, 1 for 3 and 4, none for 2.

    Raises
    ------
    ValueError
        A label is above 4, or the root has none.

    Examples
    --------
    >>> binary_labels(Tree(np.array([2, 2, -1]), ["good", "film", None], np.array([3, 2, 4]))).labels
    array([ 1, -1,  1])
    """
    check_labels(tree)
    return tree._replace(labels=_BINARY[tree.labels - NO_LABEL])


def check_labels(tree: Tree) -> None:
    """Refuse, with a ValueError, a tree with a label above 4 or without one at the root."""
    for label in tree.labels[tree.labels >= len(FINE_CLASSES)][:1]:
        raise ValueError(f"expected labels from 0 to {len(FINE_CLASSES) - 1}, found {label}")
    if not with_labelled_root([tree]):
        raise ValueError("the root has no label")


def with_labelled_root(trees: Iterable[Tree]) -> list[Tree]:
    """Return those of the trees whose root has a label.

    Examples
    --------
    >>> leaf = Tree(np.array([-1]), ["film"], np.array([2]))
    >>> [len(with_labelled_root([tree])) for tree in (leaf, binary_labels(leaf))]
    [1, 0]
    """
    return [tree for tree in trees if (tree.labels[tree.parents == NO_PARENT] != NO_LABEL).all()]
