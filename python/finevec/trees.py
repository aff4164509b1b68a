"""Trees over the words of sentences, and batches of them laid out by level.

A tree's nodes are numbered so that the children of a node, from left to right, have ascending numbers; otherwise their
order does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

NO_PARENT = -1
"""What `Tree.parents` has for the root."""

NO_LABEL = -1
"""What `Tree.labels` has for a node without a label."""

NO_NODE = 0
"""The row of a `Forest` that belongs to no node: where a child is missing."""


class Tree(NamedTuple):
    """One tree.

    Attributes
    ----------
    parents : ndarray of int64, shape (nodes,)
        The number of each node's parent, `NO_PARENT` for the root.
    words : list of str or None
        The word at each node; None where there is none, as at the inner nodes of a constituency tree.
    labels : ndarray of int64, shape (nodes,)
        The label of each node, at least 0, or `NO_LABEL`.

    Examples
    --------
    >>> tree = Tree(np.array([2, 2, -1]), ["good", "film", None], np.array([3, 2, 3]))
    >>> heights(tree.parents)
    array([0, 0, 1])
    """

    parents: NDArray[np.int64]
    words: list[str | None]
    labels: NDArray[np.int64]


def heights(parents: ArrayLike) -> NDArray[np.int64]:
    """Return how far above its lowest leaf each node is: 0 for leaves, else one more than the highest child.

    Parameters
    ----------
    parents : array_like of integers, shape (nodes,)
        As in `Tree`.

    Returns
    -------
    ndarray of int64, shape (nodes,)

    Raises
    ------
    ValueError
        It is no tree: there is no node, a parent is no node, there is no root or more than one, or the parents form a
        cycle. Nodes are told by their numbers, from 0.

    Examples
    --------
    >>> heights([1, 3, 3, -1])
    array([0, 1, 0, 2])
    >>> heights([1, 2, 1, -1])
    Traceback (most recent call last):
        ...
    ValueError: the parents of node 1 form a cycle
    """
    above: list[int] = np.asarray(parents).tolist()
    nodes = len(above)
    waiting = [0] * nodes  # children whose height is not known yet
    roots = []
    for node, parent in enumerate(above):
        if parent == NO_PARENT:
            roots.append(node)
        elif 0 <= parent < nodes:
            waiting[parent] += 1
        else:
            raise ValueError(
                f"the parent of node {node} is {parent}, expected one of {nodes} nodes, or -1 for the root"
            )
    if len(roots) > 1:
        raise ValueError(f"expected one root, found {len(roots)}: nodes {roots[0]} and {roots[1]} have no parent")
    found = [0] * nodes
    ready = [node for node in range(nodes) if not waiting[node]]
    for node in ready:  # grows while it is gone through
        parent = above[node]
        if parent != NO_PARENT:
            found[parent] = found[node] + 1  # the last child to be ready is the highest
            waiting[parent] -= 1
            if not waiting[parent]:
                ready.append(parent)
    if len(ready) < nodes:
        raise ValueError(f"the parents of node {next(n for n in range(nodes) if waiting[n])} form a cycle")
    if not roots:
        raise ValueError("expected a tree of at least one node, got none")
    return np.array(found, np.int64)


_heights = heights  # which is also the name of an argument below


class Forest(NamedTuple):
    """The nodes of several trees as rows of a table: leaves first, then level by level, so children precede parents.

    Row `NO_NODE` belongs to no node, and holds zeros in a table of states. What belongs to nodes in the order of the
    trees, such as labels, is in the order of the rows as ``labels[forest.order]``, and belongs to ``states[1:]``.

    Attributes
    ----------
    levels : ndarray of int64, shape (levels + 1,)
        Nodes of height h have the rows from ``levels[h]`` up to ``levels[h + 1]``.
    order : ndarray of int64, shape (nodes,)
        The node in each row from 1 on; nodes count on from tree to tree.
    children : ndarray of int64, shape (edges,)
        The rows of the children of row 1, then of row 2, and so on.
    offsets : ndarray of int64, shape (nodes + 2,)
        The children of row r are ``children[offsets[r]:offsets[r + 1]]``.
    roots : ndarray of int64, shape (trees,)
        The row of each tree's root.

    Examples
    --------
    >>> trees = [np.array([2, 2, -1]), np.array([-1])]
    >>> forest = Forest.of(trees)
    >>> forest.levels, forest.order  # rows 1 to 3 are leaves: nodes 0, 1 and 3 of all
    (array([1, 4, 5]), array([0, 1, 3, 2]))
    >>> forest.children, forest.offsets, forest.roots
    (array([1, 2]), array([0, 0, 0, 0, 0, 2]), array([4, 3]))
    """

    levels: NDArray[np.int64]
    order: NDArray[np.int64]
    children: NDArray[np.int64]
    offsets: NDArray[np.int64]
    roots: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        parents: Sequence[NDArray[np.int64]],
        heights: Sequence[NDArray[np.int64]] | None = None,
        *,
        arity: int | None = None,
    ) -> Forest:
        """Lay trees out.

        Parameters
        ----------
        parents : sequence of ndarray of int64
            Of each tree, as in `Tree`. At least one.
        heights : sequence of ndarray of int64, optional
            What `heights` gives for each, where it is known.
        arity : int, optional
            Give every node that has children so many: those that are missing, behind its own, are `NO_NODE`.

        Raises
        ------
        ValueError
            There is no tree, or one is none (see `heights`, which is asked where the heights are not given); the
            heights are not those of the trees; or a node has more children than `arity`.
        """
        if heights is None:
            heights = [_heights(tree) for tree in parents]
        if not len(parents) or list(map(len, parents)) != list(map(len, heights)):
            raise ValueError(
                f"expected at least one tree, and a height for each node of each, got {len(parents)} trees with "
                f"{sum(map(len, parents))} nodes and {sum(map(len, heights))} heights"
            )
        sizes = np.array([len(tree) for tree in parents])
        starts = np.cumsum(sizes) - sizes
        above, height = np.concatenate(parents), np.concatenate(heights)
        order = np.argsort(height, kind="stable")
        row = np.empty(len(order), np.int64)
        row[order] = np.arange(1, len(order) + 1)
        levels = np.concatenate([[1], 1 + np.cumsum(np.bincount(height))])
        below = np.flatnonzero(above != NO_PARENT)
        parent_row = row[above[below] + np.repeat(starts, sizes)[below]]
        by_parent = np.argsort(parent_row, kind="stable")
        children = row[below[by_parent]]
        counts = np.bincount(parent_row, minlength=len(order) + 1)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        roots = row[np.flatnonzero(above == NO_PARENT)]
        if arity is not None:
            most = int(counts.max())
            if most > arity:
                raise ValueError(f"expected at most {arity} children of a node, found one with {most}")
            place = np.arange(len(children)) - np.repeat(offsets[:-1], counts)
            inner = np.cumsum(counts > 0)  # nodes with children, up to and with each row
            padded = np.full(arity * int(inner[-1]), NO_NODE)
            padded[arity * (inner[parent_row[by_parent]] - 1) + place] = children
            children, offsets = padded, np.concatenate([[0], arity * inner])
        return cls(levels, order, children, offsets, roots)
