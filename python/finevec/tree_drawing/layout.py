"""Where the nodes of a tree and its words stand in a figure. All lengths are in inches. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..trees import heights
from .classified import ClassifiedTree
from .words import printable, shortened

WORD_SIZE, CLASS_SIZE, LABEL_SIZE = 9.0, 8.5, 7.0
"""Of letters, in points: of words, of classes in nodes, of labels beside them."""

BOX = 0.3
"""Height of a node, and its least width."""

LABEL_GAP = 0.05
"""Between a node and the label beside it."""

LINE = 0.26
"""From a line of text to the next."""

_LEVEL = 0.46  # from a level to the next
_GAP = 0.1  # between neighbours
_LONGEST_WORD = 16  # columns


@dataclass(frozen=True)
class Layout:
    """A tree in a panel, whose lower left corner is (0, 0).

    Attributes
    ----------
    x, y : list of float
        The middle of each node.
    words : dict of int to str
        What stands below, by the node that it belongs to; from left to right.
    width, height : float
        Of the panel.
    box : float
        Width of a node.
    """

    x: list[float]
    y: list[float]
    words: dict[int, str]
    width: float
    height: float
    box: float


def text_width(text: str, size: float) -> float:
    """Return how wide a text is, in the default font and with no meaning in dollar signs."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(width) / 72


def box_width(names: Sequence[str]) -> float:
    """Return how wide nodes are that hold one of these names."""
    return max(BOX, *(text_width(name, CLASS_SIZE) + BOX / 2 for name in names))


def laid_out(tree: ClassifiedTree, names: Sequence[str]) -> Layout:
    """Place the nodes of a tree so that nothing overlaps.

    Parameters
    ----------
    tree : ClassifiedTree
    names : sequence of str
        Of the classes, as they are written into nodes.
    """
    if tree.structure == "constituency":
        having = [node for node in tree.order if not tree.children[node]]
        levels = heights(tree.tree.parents)
    else:
        having = list(range(len(tree.order)))
        levels = max(tree.depths) - np.array(tree.depths)
    words = {node: shortened(printable(tree.tree.words[node] or ""), _LONGEST_WORD) for node in having}
    box = box_width(names)
    least = box + 2 * (LABEL_GAP + max(text_width(label, LABEL_SIZE) for label in tree.labels(names)))
    x = [0.0] * len(tree.order)
    width = 0.0
    for node, word in words.items():
        slot = max(least, text_width(word, WORD_SIZE)) + _GAP
        x[node] = width + slot / 2
        width += slot
    if tree.structure == "constituency":
        for node in reversed(tree.order):  # children first
            if below := tree.children[node]:
                x[node] = (x[below[0]] + x[below[-1]]) / 2
    y = (LINE + BOX / 2 + _LEVEL * levels).tolist()
    return Layout(x, y, words, width, max(y) + BOX / 2, box)
