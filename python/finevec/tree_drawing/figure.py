"""A tree as a figure: each node in the colour of its expected class, the words of the sentence below.

Drawing needs matplotlib, which the extra ``[plot]`` installs; it is imported where it is used. Neither pyplot nor a
display is involved. The axes are the whole figure, and their coordinates are inches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..trees import NO_PARENT
from .classified import ClassifiedTree
from .layout import BOX, CLASS_SIZE, LABEL_GAP, LABEL_SIZE, LINE, WORD_SIZE, Layout, box_width, laid_out, text_width
from .words import columns, printable, shortened

MOST_NODES = 150
"""Of a tree in a figure: the longest sentence of the Stanford Sentiment Treebank has 111."""

MOST_LEVELS = 40
"""Of a tree in a figure: the deepest there has 30."""

COLOURS = ("#e0543f", "#f7b6a6", "#ffffff", "#b7dfa8", "#4fae5b")
"""From the first class to the last; light enough for black letters."""

_EDGE, _DROP, _RING = "#8a8a8a", "#d0d0d0", "#222222"
_BOX_LOOK: dict[str, Any] = {"edgecolor": _EDGE, "linewidth": 0.8, "zorder": 4}
_LABEL_LOOK: dict[str, Any] = {"size": LABEL_SIZE, "weight": "bold", "color": "#1f4e9c"}
_TITLE_SIZE, _SMALL_SIZE = 11.0, 5.5  # points
_LONGEST_TITLE, _LONGEST_NAME, _LONGEST_ENTRY = 28, 4, 24  # columns; where a class's name is longer, nodes have numbers
_MOST_ENTRIES = 9  # classes in the legend; of more, the first and the last
_MARGIN = 0.2  # inches, around panels and between entries of the legend
_BESIDE = 0.1  # inches, between a mark of the legend and its text
_RING_GAP = 0.03  # inches, between a node and its ring
_LEGEND_LINE = BOX + 0.1  # inches
_LEAST_WIDTH = 7.0  # inches
_WIDEST_BESIDE = 18.0  # inches; panels that are wider together stand above each other, so that a screen shows more


def draw(tree: ClassifiedTree) -> Any:
    """Draw a tree once for each model.

    A node of a constituency tree stands above the middle of its children, the leaves in a row. A node of a dependency
    tree stands above its word, the lower the further it is from the root. In a node are its most probable class, as a
    number where names of classes are long, and that class's probability. Its colour is that of the expected position
    among the classes. Rings mark where the models predict different classes. A label stands beside a node for which
    another class is predicted.

    Parameters
    ----------
    tree : ClassifiedTree
        Of at most `MOST_NODES` nodes on `MOST_LEVELS` levels.

    Returns
    -------
    matplotlib.figure.Figure
        The group ids for model k, from 1, are ``model<k>.title``, ``model<k>.score`` if there are labels,
        ``model<k>.edges``, ``model<k>.drops``, and for node n, from 0, ``model<k>.node<n>`` and the same with
        ``.class``, ``.probability``, ``.word``, and where they occur ``.ring`` and ``.label``. Those of the legend
        start with ``legend``.

    Raises
    ------
    ImportError
        There is no matplotlib.
    ValueError
        The tree is too large.
    """
    nodes, levels = len(tree.order), 1 + max(tree.depths)
    if nodes > MOST_NODES or levels > MOST_LEVELS:
        raise ValueError(
            f"too large for a figure: a tree of {nodes:,} nodes on {levels:,} levels, expected at most {MOST_NODES} on "
            f"{MOST_LEVELS}"
        )
    from matplotlib.figure import Figure

    names = [printable(name) for name in tree.classes]
    if max(map(columns, names)) > _LONGEST_NAME:
        names = [str(number) for number in range(len(names))]
    layout = laid_out(tree, names)
    panel_height = layout.height + 2 * LINE
    beside = len(tree.proba) * layout.width <= _WIDEST_BESIDE
    across, down = (len(tree.proba), 1) if beside else (1, len(tree.proba))
    width = max(_LEAST_WIDTH, across * (layout.width + _MARGIN) + _MARGIN)
    legend = _Legend(tree, names, width)
    height = down * (panel_height + _MARGIN) + legend.height + _MARGIN
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    for number in range(len(tree.proba)):
        column, row = (number, 0) if beside else (0, number)
        middle = _MARGIN / 2 + (column + 0.5) * (width - _MARGIN) / across
        bottom = height - (row + 1) * (panel_height + _MARGIN)
        _Panel(axes, tree, number, layout, middle, bottom).draw(names)
    legend.draw(axes)
    return figure


def _colour(proba: NDArray[Any]) -> Any:
    """Return the colour of a node with these probabilities of the classes."""
    from matplotlib.colors import LinearSegmentedColormap

    scale = LinearSegmentedColormap.from_list("classes", COLOURS, N=257)  # odd, so that it has a middle
    return scale(float(proba @ np.linspace(0, 1, len(proba))))


def _draw_box(axes: Any, x: float, y: float, width: float, gid: str, *, ring: bool = False, **look: Any) -> None:
    from matplotlib.patches import BoxStyle, FancyBboxPatch

    more = 2 * _RING_GAP if ring else 0.0
    size = width + more, BOX + more
    corner = x - size[0] / 2, y - size[1] / 2
    style = BoxStyle.Round(pad=0, rounding_size=size[1] / 2)
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, gid=gid, **look))


def _draw_ring(axes: Any, x: float, y: float, width: float, gid: str) -> None:
    _draw_box(axes, x, y, width, gid, ring=True, facecolor="white", edgecolor=_RING, linewidth=1.4, zorder=3)


def _draw_text(axes: Any, x: float, y: float, text: str, gid: str, **look: Any) -> None:
    """Write a text in which nothing has a meaning of its own."""
    axes.text(x, y, text, gid=gid, parse_math=False, zorder=5, **{"ha": "center", "va": "center"} | look)


class _Panel:
    """The tree as one model sees it."""

    def __init__(
        self, axes: Any, tree: ClassifiedTree, number: int, layout: Layout, middle: float, bottom: float
    ) -> None:
        self._axes, self._tree, self._number, self._layout = axes, tree, number, layout
        self._name = f"model{number + 1}"
        self._middle, self._bottom = middle, bottom
        self._x = [middle - layout.width / 2 + x for x in layout.x]
        self._y = [bottom + y for y in layout.y]

    def draw(self, names: Sequence[str]) -> None:
        """Draw all of it; `names` are written into the nodes."""
        self._draw_title()
        self._draw_lines()
        labels = self._tree.labels(names)
        for node in range(len(self._x)):
            self._draw_node(node, names, labels[node])

    def _draw_title(self) -> None:
        model = shortened(printable(list(self._tree.proba)[self._number]), _LONGEST_TITLE)
        top = self._bottom + self._layout.height
        _draw_text(
            self._axes, self._middle, top + 1.6 * LINE, model, f"{self._name}.title", size=_TITLE_SIZE, weight="bold"
        )
        if self._tree.labelled:
            score = f"{self._tree.correct[self._number]} of {self._tree.labelled} as labelled"
            _draw_text(self._axes, self._middle, top + 0.8 * LINE, score, f"{self._name}.score", size=CLASS_SIZE)

    def _draw_lines(self) -> None:
        from matplotlib.collections import LineCollection

        x, y = self._x, self._y
        edges = [
            [(x[node], y[node]), (x[node], y[parent]), (x[parent], y[parent])]
            for node, parent in enumerate(self._tree.tree.parents.tolist())
            if parent != NO_PARENT
        ]
        words = self._bottom + LINE
        drops = [[(x[node], y[node]), (x[node], words)] for node in self._layout.words]
        lines = LineCollection(drops, colors=_DROP, linewidths=1.0, zorder=1, gid=f"{self._name}.drops")
        self._axes.add_collection(lines, autolim=False)
        lines = LineCollection(edges, colors=_EDGE, linewidths=1.0, zorder=2, gid=f"{self._name}.edges")
        self._axes.add_collection(lines, autolim=False)

    def _draw_node(self, node: int, names: Sequence[str], label: str) -> None:
        axes, tree, x, y, box = self._axes, self._tree, self._x[node], self._y[node], self._layout.box
        name = f"{self._name}.node{node}"
        proba = list(tree.proba.values())[self._number][node]
        predicted = int(tree.predicted[self._number, node])
        if tree.differs[node]:
            _draw_ring(axes, x, y, box, f"{name}.ring")
        _draw_box(axes, x, y, box, name, facecolor=_colour(proba), **_BOX_LOOK)
        _draw_text(axes, x, y + 0.04, names[predicted], f"{name}.class", size=CLASS_SIZE)
        _draw_text(axes, x, y - 0.08, f"{proba[predicted]:.2f}", f"{name}.probability", size=_SMALL_SIZE)
        if tree.wrong[self._number, node]:
            beside = x + box / 2 + LABEL_GAP
            _draw_text(axes, beside, y + 0.05, label, f"{name}.label", ha="left", va="bottom", **_LABEL_LOOK)
        if node in self._layout.words:
            below = {"va": "baseline", "size": WORD_SIZE}
            _draw_text(axes, x, self._bottom + 0.08, self._layout.words[node], f"{name}.word", **below)


class _Legend:
    """What colours, rings and labels mean, in as many lines as it takes."""

    def __init__(self, tree: ClassifiedTree, names: Sequence[str], width: float) -> None:
        self._names = names
        self._box = box_width(names)
        count = len(names)
        meanings: dict[str | int, str] = {}
        for number in range(count) if count <= _MOST_ENTRIES else (0, count - 1):
            full = printable(tree.classes[number])
            meanings[number] = "" if names[number] == full else shortened(full, _LONGEST_ENTRY)
        meanings["mean"] = "a node's colour: the mean of the classes, by probability"
        if tree.differs.any():
            meanings["ring"] = "the models differ"
        if tree.wrong.any():
            meanings["label"] = "label, where another class is predicted"
        self._lines: list[list[tuple[float, str | int, str]]] = [[]]
        x = _MARGIN
        for what, meaning in meanings.items():
            wide = self._box + _BESIDE + text_width(meaning, CLASS_SIZE) + _MARGIN
            if self._lines[-1] and x + wide > width:
                self._lines.append([])
                x = _MARGIN
            self._lines[-1].append((x, what, meaning))
            x += wide
        self.height = len(self._lines) * _LEGEND_LINE

    def draw(self, axes: Any) -> None:
        """Draw it above the lower edge."""
        for row, entries in enumerate(reversed(self._lines)):
            y = _MARGIN + BOX / 2 + row * _LEGEND_LINE
            for x, what, meaning in entries:
                name = f"legend.{what}" if isinstance(what, str) else f"legend.class{what}"
                self._draw_mark(axes, x + self._box / 2, y, what, name)
                if meaning:
                    x += self._box + _BESIDE
                    _draw_text(axes, x, y, meaning, f"{name}.meaning", size=CLASS_SIZE, ha="left")

    def _draw_mark(self, axes: Any, x: float, y: float, what: str | int, name: str) -> None:
        if what == "ring":
            _draw_ring(axes, x, y, self._box, name)
        elif what == "mean":
            first_two = np.eye(len(self._names))[:2].mean(axis=0)
            _draw_box(axes, x, y, self._box, name, facecolor=_colour(first_two), **_BOX_LOOK)
        elif isinstance(what, str):
            _draw_text(axes, x, y, self._names[-1], name, **_LABEL_LOOK)
        else:
            colour = _colour(np.eye(len(self._names))[what])
            _draw_box(axes, x, y, self._box, name, facecolor=colour, **_BOX_LOOK)
            _draw_text(axes, x, y, self._names[what], f"{name}.class", size=CLASS_SIZE)
