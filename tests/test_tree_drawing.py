"""Trees with the classes of their nodes: what is known of them, and what is drawn as text."""

from __future__ import annotations

import numpy as np
import pytest
from classified_trees import CLASSES, LONG_CLASSES, chain, constituency, dependency, of, random_tree, said
from finevec.datasets.trees import parse_bracketed
from finevec.tree_drawing import ClassifiedTree, drawn_lines
from finevec.tree_drawing.text import MARKS, plain
from finevec.trees import NO_LABEL, NO_PARENT, Tree

# --- what is drawn ---------------------------------------------------------------------------------------------------


def test_what_the_models_say():
    tree = constituency(fixed=[2, 2, 3, 2, 3, 3, 3], tuned=[2, 2, 3, 2, 3, 4, 3])
    assert tree.predicted.tolist() == [[2, 2, 3, 2, 3, 3, 3], [2, 2, 3, 2, 3, 4, 3]]
    assert tree.differs.tolist() == [False] * 5 + [True, False]
    assert (tree.labelled, tree.correct) == (7, [6, 7])
    assert tree.labels("abcde") == ["c", "c", "d", "c", "d", "e", "d"]
    tree = dependency(tuned=[2, 2, 2, 3, 2, 2, 3, 2])
    assert (tree.labelled, tree.correct) == (7, [6])
    assert tree.labels("abcde") == ["c", "c", "c", "d", "d", "", "d", "c"]
    assert tree.wrong.tolist() == [[False] * 4 + [True] + [False] * 3]  # and not where there is no label


@pytest.mark.parametrize(
    ("labels", "proba", "message"),
    [
        ([0, 1, 2], {}, "expected the probabilities of a model, got none"),
        (
            [0, 1, 2],
            {"m": said([0, 0, 0]), "n": said([0, 0])},
            r"probabilities of n: expected shape \(3, 5\), got \(2, 5\)",
        ),
        ([0, 5, 2], {"m": said([0, 0, 0])}, "expected labels from 0 to 4, got 5"),
        ([0, -2, 2], {"m": said([0, 0, 0])}, "expected labels from 0 to 4, got -2"),
    ],
)
def test_what_does_not_fit_is_refused(labels, proba, message):
    tree = Tree(np.array([2, 2, -1]), ["a", "b", None], np.array(labels))
    with pytest.raises(ValueError, match=message):
        ClassifiedTree(tree, "constituency", CLASSES, proba)


# --- as text ---------------------------------------------------------------------------------------------------------


def test_a_node_stands_above_its_children_with_the_words_below_it():
    tree = constituency(fixed=[2, 2, 3, 2, 3, 3, 3], tuned=[2, 2, 3, 2, 3, 4, 3])
    assert list(drawn_lines(tree)) == [
        "fixed     tuned    gold",
        "+  0.75   +  0.75  +     ─┬ It 's lovely film",
        "0  0.75   0  0.75  0      ├─ It",
        "+  0.75 ≠ ++ 0.75  ++     └┬ 's lovely film",
        "0  0.75   0  0.75  0       ├─ 's",
        "+  0.75   +  0.75  +       └┬ lovely film",
        "+  0.75   +  0.75  +        ├─ lovely",
        "0  0.75   0  0.75  0        └─ film",
        "7 nodes; the models differ at 1; as labelled: fixed 6 of 7, tuned 7 of 7",
    ]


def test_a_word_stands_between_its_children():
    assert list(drawn_lines(dependency(tuned=[2, 2, 2, 3, 2, 2, 3, 2]))) == [
        "tuned    gold",
        "0  0.75  0      ┌─ It",
        "0  0.75  0      ├─ 's",
        "0  0.75  0      ├─ a",
        "+  0.75  +      ├─ lovely",
        "0  0.75  +     ─┼ film",
        "0  0.75         ├┬ with",
        "+  0.75  +      │└─ heart",
        "0  0.75  0      └─ .",
        "8 nodes; as labelled: tuned 6 of 7",
    ]


def test_one_node_without_a_label():
    tree = Tree(np.array([-1]), ["film"], np.array([NO_LABEL]))
    for structure in ("constituency", "dependency"):
        assert list(drawn_lines(of(tree, structure))) == ["model", "a 0.75  ── film", "1 node"]


def leaves_below(tree, node):
    below = np.flatnonzero(tree.parents == node)
    return [tree.words[node]] if not len(below) else [word for child in below for word in leaves_below(tree, child)]


def read_back(lines, depth_of_line):
    """Return the line of each node's parent from the strokes, given where the strokes begin."""
    cells = {(row, column): stroke for row, line in enumerate(lines) for column, stroke in enumerate(line)}
    up, down = set("│└├┴┼"), set("│┌├┬┼")
    for (row, column), stroke in cells.items():
        assert (stroke in down) == (cells.get((row + 1, column)) in up), f"a stroke ends after {lines[row]}"
    parents = []
    for row, depth in enumerate(depth_of_line):
        ends = set()
        for step, onward in ((-1, up), (1, down)):
            at = row
            while cells[at, depth] in onward:
                at += step
                if cells[at, depth] in "┴┬┼":
                    ends.add(at)
        parents.append(min(ends, key=lambda at: abs(at - row)) if depth else NO_PARENT)
    return parents


@pytest.mark.parametrize("structure", ["constituency", "dependency"])
def test_the_strokes_are_the_tree(structure):
    rng = np.random.default_rng(5)
    for nodes in [1, 2, 3, *rng.integers(4, 60, 20)]:
        tree = random_tree(rng, int(nodes), structure)
        drawn = of(tree, structure)
        lines = [line.removeprefix("a 0.75  ") for line in list(drawn_lines(drawn, 1000))[1:-1]]
        line = {node: row for row, node in enumerate(drawn.order)}
        strokes = [text[: drawn.depths[node] + 2] for node, text in zip(drawn.order, lines, strict=True)]
        assert all(text[len(stroke)] == " " for stroke, text in zip(strokes, lines, strict=True))
        above = read_back(strokes, [drawn.depths[node] for node in drawn.order])
        assert above == [line.get(tree.parents[node], NO_PARENT) for node in drawn.order]
        words = [text[len(stroke) + 1 :] for stroke, text in zip(strokes, lines, strict=True)]
        if structure == "dependency":
            assert words == tree.words  # from top to bottom, the sentence
        else:
            assert words == [" ".join(leaves_below(tree, node)) for node in drawn.order]


def test_crossing_arcs_lose_no_word():
    tree = Tree(np.array([2, 3, -1, 2]), list("abcd"), np.full(4, NO_LABEL))
    assert [line[8:] for line in drawn_lines(of(tree))] == ["", " ┌─ a", "─┼ c", " │┌─ b", " └┴ d", ""]


def test_long_spans_are_shortened_to_the_width():
    rng = np.random.default_rng(6)
    words = ["word" * int(count) for count in rng.integers(1, 5, 56)]
    words[0], words[-1] = "x" * 300, "映画" * 20
    tree = chain(111, "constituency")
    leaves = iter(words)
    tree = tree._replace(words=[word and next(leaves) for word in tree.words])
    for width in (60, 80, 120):
        lines = list(drawn_lines(of(tree, "constituency"), width))
        widest = max(len(line) + sum(line.count(c) for c in "映画") for line in lines)
        assert width - 3 <= widest <= width
        assert " … " in lines[1]
        assert lines[2].count("x") > 20
        assert "x…x" in lines[2]


@pytest.mark.parametrize("structure", ["constituency", "dependency"])
def test_a_deep_tree_is_moved_to_the_left(structure):
    nodes = 5001
    lines = list(drawn_lines(of(chain(nodes, structure), structure), 80))
    assert len(lines) == nodes + 2
    assert max(map(len, lines)) <= 80
    deepest = 2500 if structure == "constituency" else 5000
    told, strokes = lines[-2].removeprefix("a 0.75  +").split(" ", 1)
    assert int(told) + strokes.index("└") == deepest
    assert sum("+" in line for line in lines) > 0.95 * nodes
    assert not any("+" in line for line in lines[:20])


def test_a_star_of_thousands():
    tree = Tree(np.array([-1] + [0] * 5000), ["hub"] + ["arm"] * 5000, np.full(5001, NO_LABEL))
    lines = list(drawn_lines(of(tree)))
    assert [line[8:] for line in lines[:3]] == ["", "─┬ hub", " ├─ arm"]
    assert lines[-2:] == ["a 0.75   └─ arm", "5,001 nodes"]


def test_names_of_classes_become_numbers_where_they_take_too_much_room():
    tree = parse_bracketed("(4 (0 not) (3 bad))", "here")
    both = ClassifiedTree(tree, "constituency", LONG_CLASSES, {"fixed": said([0, 1, 3]), "tuned": said([0, 3, 4])})
    assert list(drawn_lines(both, 80)) == [
        "0 very negative, 1 negative, 2 neutral, 3 positive, 4 very positive",
        "fixed    tuned   gold",
        "3 0.75 ≠ 4 0.75  4     ─┬ not bad",
        "0 0.75   0 0.75  0      ├─ not",
        "1 0.75 ≠ 3 0.75  3      └─ bad",
        "3 nodes; the models differ at 2; as labelled: fixed 1 of 3, tuned 3 of 3",
    ]
    assert list(drawn_lines(both, 150))[:2] == [
        "fixed                tuned               gold",
        "positive      0.75 ≠ very positive 0.75  very positive  ─┬ not bad",
    ]
    assert max(map(len, drawn_lines(both, 40))) > 40  # the summary
    assert list(drawn_lines(both, 40))[:2] == ["0 very negative, 1 negative, 2 neutral,", "3 positive, 4 very positive"]
    names = {"one/trained-for-long": said([0, 1, 3]), "two/trained-for-longer": said([0, 3, 4])}
    short = ClassifiedTree(tree, "constituency", list("abcde"), names)  # numbers would be no shorter
    assert next(drawn_lines(short, 80)) == "one/trai…or-long   two/trai…-longer  gold"


def test_nothing_printed_is_obeyed_by_a_terminal():
    tree = Tree(np.array([2, 2, -1]), ["\x1b[2J", "8\xa01/2", None], np.array([1, 1, 0]))
    drawn = ClassifiedTree(tree, "constituency", ["a\tb", "\udcff"], {"m\n": said([0, 0, 1], 2)})
    text = "".join(drawn_lines(drawn))
    assert text.isprintable()
    for shown in ("\\x1b[2J 8\\xa01/2", "a\\tb ", "\\udcff", "m\\n"):
        assert shown in text


def test_strokes_in_ascii():
    assert len(MARKS) == len(set(plain(MARKS)) - {"|", "`"}) + 3  # ├ looks as │
    for line in drawn_lines(constituency(a=[2] * 7, b=[3] * 7)):
        assert plain(line).isascii()
        assert len(plain(line)) == len(line)
