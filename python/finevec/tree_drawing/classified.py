"""A tree with what models say of its nodes: what is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..trees import NO_LABEL, NO_PARENT, Tree


@dataclass(frozen=True)
class ClassifiedTree:
    """A tree and the probabilities of its nodes' classes.

    Parameters
    ----------
    tree : Tree
        Its labels are positions in `classes`.
    structure : str
        "constituency": leaves have words, and a node stands for the words below it. "dependency": every node is a word,
        in the order of the sentence.
    classes : sequence of str
        Their names, in the order of a scale.
    proba : mapping of str to ndarray, shape (nodes, classes)
        What each model says, by the model's name. At least one.

    Raises
    ------
    ValueError
        There is no model, shapes do not fit, or a label is no position in `classes`.

    Examples
    --------
    >>> tree = Tree(np.array([2, 2, -1]), ["good", "film", None], np.array([1, -1, 0]))
    >>> proba = np.array([[0.25, 0.75], [0.5, 0.5], [0.25, 0.75]])
    >>> drawn = ClassifiedTree(tree, "constituency", ["neg", "pos"], {"tuned": proba})
    >>> drawn.predicted.tolist(), drawn.labels("-+"), drawn.correct, drawn.labelled
    ([[1, 0, 1]], ['+', '', '-'], [1], 2)
    """

    tree: Tree
    structure: str
    classes: Sequence[str]
    proba: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        """Check what was given."""
        if not self.proba:
            raise ValueError("expected the probabilities of a model, got none")
        wanted = (len(self.tree.parents), len(self.classes))
        for name, proba in self.proba.items():
            if proba.shape != wanted:
                raise ValueError(f"probabilities of {name}: expected shape {wanted}, got {proba.shape}")
        for label in self.tree.labels[(self.tree.labels < NO_LABEL) | (self.tree.labels >= len(self.classes))][:1]:
            raise ValueError(f"expected labels from 0 to {len(self.classes) - 1}, got {label}")

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each node, shape (models, nodes)."""
        return np.array([proba.argmax(axis=1) for proba in self.proba.values()])

    @cached_property
    def differs(self) -> NDArray[np.bool_]:
        """Where the models predict different classes, shape (nodes,)."""
        differs: NDArray[np.bool_] = np.any(self.predicted != self.predicted[0], axis=0)
        return differs

    def labels(self, names: Sequence[str]) -> list[str]:
        """Return each node's label by the `names` of the classes, an empty one where there is none."""
        return [names[label] if label != NO_LABEL else "" for label in self.tree.labels.tolist()]

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Where a node has a label that the model does not predict, shape (models, nodes)."""
        wrong: NDArray[np.bool_] = (self.predicted != self.tree.labels) & (self.tree.labels != NO_LABEL)
        return wrong

    @property
    def labelled(self) -> int:
        """How many nodes have a label."""
        return int((self.tree.labels != NO_LABEL).sum())

    @property
    def correct(self) -> list[int]:
        """For how many of these each model predicts the label."""
        return [self.labelled - int(count) for count in self.wrong.sum(axis=1)]

    @cached_property
    def children(self) -> list[list[int]]:
        """Of each node, from left to right."""
        children: list[list[int]] = [[] for _ in self.tree.parents]
        for node, parent in enumerate(self.tree.parents.tolist()):
            if parent != NO_PARENT:
                children[parent].append(node)
        return children

    def before(self, node: int) -> list[int]:
        """Return those children of a node whose words come before its own: none where it has no word of its own."""
        return [child for child in self.children[node] if self.structure == "dependency" and child < node]

    def after(self, node: int) -> list[int]:
        """Return the other children of a node."""
        return self.children[node][len(self.before(node)) :]

    @cached_property
    def order(self) -> list[int]:
        """All nodes: each after what is below `before` and before what is below `after`.

        Words are in the order of the sentence then, unless it is a dependency tree with crossing arcs.
        """
        order: list[int] = []
        waiting = [(self.root, False)]  # whether those before it are done
        while waiting:
            node, entered = waiting.pop()
            if entered:
                order.append(node)
            else:
                waiting += [(child, False) for child in reversed(self.after(node))]
                waiting.append((node, True))
                waiting += [(child, False) for child in reversed(self.before(node))]
        return order

    @property
    def root(self) -> int:
        """The node without a parent."""
        return int(np.flatnonzero(self.tree.parents == NO_PARENT)[0])

    @cached_property
    def depths(self) -> list[int]:
        """How far below the root each node is."""
        depths = [0] * len(self.children)
        level = [self.root]
        while level:
            level = [child for node in level for child in self.children[node]]
            for node in level:
                depths[node] = depths[self.tree.parents[node]] + 1
        return depths
