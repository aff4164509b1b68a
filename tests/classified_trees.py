"""Trees with made-up classes of their nodes, for the tests of drawing them."""

from __future__ import annotations

import numpy as np
from finevec.datasets.trees import parse_bracketed, parse_dependencies
from finevec.tree_drawing import ClassifiedTree
from finevec.trees import NO_LABEL, NO_PARENT, Tree

CLASSES = ("--", "-", "0", "+", "++")
LONG_CLASSES = ("very negative", "negative", "neutral", "positive", "very positive")
BRACKETED = "(3 (2 It) (4 (2 's) (3 (3 lovely) (2 film))))"
DEPENDENCIES = "It 's a lovely film with heart .\t5 5 5 5 0 5 6 5\t\t2 2 2 3 3 # 3 2"


def said(predicted, classes=5, p=0.75):
    """Return probabilities by which these are the classes of the nodes."""
    proba = np.full((len(predicted), classes), (1 - p) / (classes - 1))
    proba[np.arange(len(predicted)), predicted] = p
    return proba


def constituency(**predicted):
    tree = parse_bracketed(BRACKETED, "here")
    proba = {name: said(classes) for name, classes in (predicted or {"model": tree.labels}).items()}
    return ClassifiedTree(tree, "constituency", CLASSES, proba)


def dependency(**predicted):
    tree = parse_dependencies(DEPENDENCIES, "here")
    proba = {name: said(classes) for name, classes in (predicted or {"model": [2] * 8}).items()}
    return ClassifiedTree(tree, "dependency", CLASSES, proba)


def random_tree(rng, nodes, structure):
    """Return a tree whose arcs do not cross: postorder numbers, or the order of a sentence."""
    parents = np.full(nodes, NO_PARENT)

    def grow(first, last, above):
        """Give the nodes from `first` up to `last` one root below `above`, and children on both sides or before it."""
        waiting = [(first, last, above)]
        while waiting:
            first, last, above = waiting.pop()
            root = int(rng.integers(first, last)) if structure == "dependency" else last - 1
            parents[root] = above
            for start, end in ((first, root), (root + 1, last)):
                while start < end:
                    middle = int(rng.integers(start, end)) + 1
                    waiting.append((start, middle, root))
                    start = middle

    grow(0, nodes, NO_PARENT)
    inner = set(parents.tolist()) if structure == "constituency" else set()
    words = [None if node in inner else f"w{node}" for node in range(nodes)]
    return Tree(parents, words, np.full(nodes, NO_LABEL))


def chain(nodes, structure):
    """Return a tree as deep as can be: every other node a leaf to the left, or each token's head before it."""
    if structure == "dependency":
        return Tree(np.arange(nodes) - 1, [f"w{node}" for node in range(nodes)], np.full(nodes, NO_LABEL))
    above = np.arange(nodes) // 2 * 2 - 2  # node 2k has the leaf 2k + 1 and the node 2k + 2
    above[1::2] += 2
    above[0] = NO_PARENT
    words = ["w" if node % 2 or node == nodes - 1 else None for node in range(nodes)]
    return Tree(above, words, np.full(nodes, NO_LABEL))


def of(tree, structure="dependency", classes=("a", "b")):
    return ClassifiedTree(tree, structure, classes, {"model": said([0] * len(tree.parents), len(classes))})
