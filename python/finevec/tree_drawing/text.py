"""A tree as text: a line for each node, with its class by each model, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from ..trees import NO_PARENT
from .classified import ClassifiedTree
from .words import columns, joined, printable, shortened

_LONGEST_NAME = 16  # columns, of a model or a class
_WIDEST_TABLE = 0.45  # of the width; where names of classes make the table wider, they become numbers
_LEAST_WORDS = 20  # columns that the words get, however narrow the terminal
_LEAST_LEVELS = 12  # levels that are drawn beside each other, however narrow the terminal


def drawn_lines(tree: ClassifiedTree, width: int = 100) -> Iterator[str]:
    r"""Draw a tree as lines of text: a heading, a line for each node, and how often models differ and are right.

    A node of a constituency tree stands above its children, with the words below it. A word of a dependency tree stands
    between its children, so that the lines from top to bottom read as the sentence. ``≠`` marks where the models
    predict different classes. Where a tree is too deep for the width, its deep part is moved to the left, and ``+20``
    says by how many levels. Names of classes become numbers where they would take too much of the width.

    Parameters
    ----------
    tree : ClassifiedTree
    width : int
        Columns of the terminal. Long spans of words are shortened to fit.

    Yields
    ------
    str
        Without a line feed.

    Examples
    --------
    >>> import numpy as np
    >>> from finevec.trees import Tree
    >>> tree = Tree(np.array([2, 2, -1]), ["good", "film", None], np.array([1, -1, 1]))
    >>> fixed = np.array([[0.5, 0.5], [0.5, 0.5], [0.75, 0.25]])
    >>> tuned = np.array([[0.25, 0.75], [0.75, 0.25], [0.25, 0.75]])
    >>> both = ClassifiedTree(tree, "constituency", ["neg", "pos"], {"fixed": fixed, "tuned": tuned})
    >>> print("\n".join(drawn_lines(both)))
    fixed      tuned     gold
    neg 0.75 ≠ pos 0.75  pos   ─┬ good film
    neg 0.50 ≠ pos 0.75  pos    ├─ good
    neg 0.50   neg 0.75         └─ film
    3 nodes; the models differ at 2; as labelled: fixed 0 of 2, tuned 2 of 2
    """
    names = [shortened(printable(name), _LONGEST_NAME) for name in tree.classes]
    table = _table(tree, names)
    if columns(table[0]) > _WIDEST_TABLE * width:
        shorter = _table(tree, [str(number) for number in range(len(names))])
        if columns(shorter[0]) < columns(table[0]):
            table = shorter
            yield from textwrap.wrap(", ".join(f"{number} {name}" for number, name in enumerate(names)), width)
    heading, *rows = table
    room = max(width - columns(heading), _LEAST_WORDS)
    words = _Words(tree)
    yield heading.rstrip()
    for row, node, guides in zip(rows, tree.order, _guides(tree, max(_LEAST_LEVELS, room // 2)), strict=True):
        yield f"{row}{guides} {words.of(node, max(_LEAST_WORDS, room - len(guides) - 1))}"
    yield _summary(tree)


def _table(tree: ClassifiedTree, names: Sequence[str]) -> list[str]:
    """Return what stands to the left of the tree, all equally wide: a heading, then a row for each line.

    `names` are those of the classes.
    """
    padded = _padded(names)
    marks = ["   ", *(" ≠ " if tree.differs[node] else "   " for node in tree.order)]
    parts: list[Sequence[str]] = []
    for (model, proba), predicted in zip(tree.proba.items(), tree.predicted, strict=True):
        cells = [f"{padded[predicted[node]]} {proba[node, predicted[node]]:.2f}" for node in tree.order]
        parts += [marks, _padded([shortened(printable(model), _LONGEST_NAME), *cells])]
    if tree.labelled:
        labels = tree.labels(names)
        parts += [["  "] * len(marks), _padded(["gold", *(labels[node] for node in tree.order)])]
    return ["".join(cells) + "  " for cells in zip(*parts[1:], strict=True)]


def _padded(texts: Sequence[str]) -> list[str]:
    """Return texts with spaces added, so that all are equally wide."""
    widest = max(map(columns, texts))
    return [text + " " * (widest - columns(text)) for text in texts]


def _guides(tree: ClassifiedTree, levels: int) -> Iterator[str]:
    """Yield, for each line, the strokes that join its node to its parent and children, and those that go past it.

    At most `levels` of the levels above a node are drawn, so that a chain of nodes takes no more than a page's width.
    """
    line = {node: number for number, node in enumerate(tree.order)}
    # A node's children hang on a vertical stroke from one line to another.
    top = {node: line[[*tree.before(node), node][0]] for node in tree.order}
    bottom = {node: line[[node, *tree.after(node)][-1]] for node in tree.order}
    parents = tree.tree.parents.tolist()
    for here, node in enumerate(tree.order):
        depth = tree.depths[node]
        hidden = 0 if depth < levels else (depth - levels) // (levels // 2) * (levels // 2) + levels // 2
        strokes = ["─┴┬┼"[(top[node] < here) + 2 * (here < bottom[node])]]
        above = parents[node]
        if above == NO_PARENT:
            strokes.append("─")
        else:
            strokes.append("┌" if here == top[above] else "└" if here == bottom[above] else "├")
        while len(strokes) < depth + 2 - hidden:
            above = parents[above]
            past = above != NO_PARENT and top[above] < here < bottom[above]
            strokes.append("│" if past else " ")
        yield (f"+{hidden} " if hidden else "") + "".join(reversed(strokes))


class _Words:
    """The words that a node stands for: its own, or those of the leaves below it."""

    def __init__(self, tree: ClassifiedTree) -> None:
        self._own = [printable(word or "") for word in tree.tree.words]
        self._spans: dict[int, tuple[int, int]] = {}
        if tree.structure == "constituency":
            leaves = [node for node in tree.order if not tree.children[node]]
            self._leaves = [self._own[leaf] for leaf in leaves]
            self._spans = {leaf: (place, place + 1) for place, leaf in enumerate(leaves)}
            for node in reversed(tree.order):  # children first
                if below := tree.children[node]:
                    self._spans[node] = self._spans[below[0]][0], self._spans[below[-1]][1]

    def of(self, node: int, width: int) -> str:
        """Return them in at most `width` columns."""
        if node in self._spans:
            return joined(self._leaves, *self._spans[node], width)
        return shortened(self._own[node], width)


def _summary(tree: ClassifiedTree) -> str:
    count = len(tree.order)
    parts = ["1 node" if count == 1 else f"{count:,} nodes"]
    if len(tree.proba) > 1:
        parts.append(f"the models differ at {int(tree.differs.sum()):,}")
    if tree.labelled:
        scores = zip(tree.proba, tree.correct, strict=True)
        told = (f"{printable(model)} {right:,} of {tree.labelled:,}" for model, right in scores)
        parts.append(f"as labelled: {', '.join(told)}")
    return "; ".join(parts)


MARKS = "─│┌├└┬┴┼≠…"
"""What drawn lines have beside names, words and ASCII."""

_PLAIN = str.maketrans(MARKS, "-|,|`.'+#~")


def plain(line: str) -> str:
    """Return a drawn line with its strokes and marks in ASCII, for a terminal that has no others.

    Examples
    --------
    >>> plain("neg 0.50 ≠ pos 0.75   └─ film")
    'neg 0.50 # pos 0.75   `- film'
    """
    return line.translate(_PLAIN)
