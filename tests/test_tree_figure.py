"""Trees with the classes of their nodes, drawn as figures: what is where, and what is too large."""

from __future__ import annotations

import numpy as np
import pytest
from classified_trees import CLASSES, LONG_CLASSES, chain, constituency, dependency, of, random_tree, said
from finevec import plot
from finevec.datasets.trees import parse_bracketed
from finevec.tree_drawing import ClassifiedTree, figure
from finevec.tree_drawing.layout import laid_out, text_width
from finevec.trees import NO_LABEL, Tree, heights
from numpy.testing import assert_array_equal


@pytest.fixture
def drawing():
    pytest.importorskip("matplotlib", reason="needs matplotlib")


def parts(drawn):
    """Return what a figure shows by its group id."""
    (axes,) = drawn.axes
    artists = [*axes.texts, *axes.patches, *axes.collections]
    found = {artist.get_gid(): artist for artist in artists}
    assert len(found) == len(artists)
    return found


def texts(found, ending):
    return {gid: part.get_text() for gid, part in found.items() if gid.endswith(ending)}


def middle(box):
    return box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2


@pytest.mark.usefixtures("drawing")
def test_every_node_has_its_class_and_probability():
    predicted = [2, 2, 3, 2, 3, 3, 1]
    found = parts(figure.draw(constituency(tuned=predicted)))
    assert texts(found, ".title") == {"model1.title": "tuned"}
    assert texts(found, ".score") == {"model1.score": "5 of 7 as labelled"}
    for node, number in enumerate(predicted):
        name = f"model1.node{node}"
        assert found[f"{name}.class"].get_text() == CLASSES[number]
        assert found[f"{name}.probability"].get_text() == "0.75"
        x, y = middle(found[name])
        assert found[f"{name}.class"].get_position() == pytest.approx((x, y + 0.04))
        assert found[f"{name}.probability"].get_position() == pytest.approx((x, y - 0.08))
    assert texts(found, ".label") == {"model1.node5.label": "++", "model1.node6.label": "+", "legend.label": "++"}
    assert not any(gid.endswith("ring") for gid in found)


@pytest.mark.usefixtures("drawing")
def test_rings_are_where_the_models_differ():
    found = parts(figure.draw(dependency(fixed=[2, 2, 2, 3, 3, 2, 3, 2], tuned=[2, 1, 2, 3, 3, 4, 3, 2])))
    rings = {gid for gid in found if gid.endswith(".ring")}
    assert rings == {"legend.ring", *(f"model{k}.node{n}.ring" for k in (1, 2) for n in (1, 5))}
    assert texts(found, "legend.ring.meaning") == {"legend.ring.meaning": "the models differ"}
    assert set(texts(found, ".label")) == {"model2.node1.label", "legend.label"}  # node 5 has no label
    for gid in rings - {"legend.ring"}:
        assert middle(found[gid]) == pytest.approx(middle(found[gid.removesuffix(".ring")]))
        assert found[gid].get_width() > found[gid.removesuffix(".ring")].get_width()


@pytest.mark.usefixtures("drawing")
def test_colours_go_from_the_first_class_to_the_last():
    proba = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0, 0.5], [0.25, 0.75, 0]])
    tree = Tree(np.array([4, 4, 4, 4, -1]), list("abcde"), np.full(5, NO_LABEL))
    found = parts(figure.draw(ClassifiedTree(tree, "dependency", ["low", "mid", "high"], {"m": proba})))
    colours = [tuple(found[f"model1.node{node}"].get_facecolor()) for node in range(5)]
    legend = [tuple(found[f"legend.class{number}"].get_facecolor()) for number in range(3)]
    assert colours[:3] == legend
    (red, _, _, _), white, (_, green, _, _) = legend
    assert white == (1, 1, 1, 1)
    assert red > max(legend[0][1:3])
    assert green > max(legend[2][0], legend[2][2])
    assert colours[3] == white  # as likely the one end as the other
    assert legend[0][1] < colours[4][1] < 1  # between the first class and white
    assert colours[4][0] > colours[4][1]
    assert "model1.score" not in found


@pytest.mark.usefixtures("drawing")
def test_leaves_stand_in_a_row_above_their_words_and_others_above_their_children():
    rng = np.random.default_rng(7)
    tree = random_tree(rng, 60, "constituency")
    found = parts(figure.draw(of(tree, "constituency")))
    at = np.array([middle(found[f"model1.node{node}"]) for node in range(60)])
    step = np.ptp(at[:, 1]) / heights(tree.parents).max()
    np.testing.assert_allclose((at[:, 1] - at[:, 1].min()) / step, heights(tree.parents), atol=1e-9)
    words = {int(gid.split(".")[1][4:]): found[gid] for gid in texts(found, ".word")}
    assert [part.get_text() for part in words.values()] == [word for word in tree.words if word is not None]
    xs = [part.get_position()[0] for part in words.values()]
    np.testing.assert_allclose(xs, at[list(words), 0])
    assert np.all(np.diff(xs) > 0)
    assert len({part.get_position()[1] for part in words.values()}) == 1
    for node in range(60):
        below = np.flatnonzero(tree.parents == node)
        if len(below):
            assert at[node, 0] == pytest.approx((at[below[0], 0] + at[below[-1], 0]) / 2)
    lines = {tuple(np.round(path.vertices[[0, -1]].ravel(), 9)) for path in found["model1.edges"].get_paths()}
    below = np.flatnonzero(tree.parents >= 0)
    assert lines == {tuple(np.round([*at[node], *at[tree.parents[node]]], 9)) for node in below}


@pytest.mark.usefixtures("drawing")
def test_words_stand_in_order_below_and_the_deeper_the_lower():
    tree = dependency()
    found = parts(figure.draw(tree))
    at = np.array([middle(found[f"model1.node{node}"]) for node in range(8)])
    assert np.all(np.diff(at[:, 0]) > 0)
    assert_array_equal(np.unique(-at[:, 1].round(9), return_inverse=True)[1], tree.depths)
    words = texts(found, ".word")
    assert words == {f"model1.node{node}.word": word for node, word in enumerate(tree.tree.words)}
    assert len(found["model1.drops"].get_paths()) == 8


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize("structure", ["constituency", "dependency"])
def test_nothing_overlaps(structure):
    rng = np.random.default_rng(8)
    tree = random_tree(rng, 60, structure)
    tree = tree._replace(words=[word and "W" * int(rng.integers(1, 30)) for word in tree.words])
    layout = laid_out(of(tree, structure), ("a long name", "b"))
    assert max(map(len, layout.words.values())) == 16
    ends = 0.0
    for node, word in layout.words.items():
        half = text_width(word, 9.0) / 2
        assert layout.x[node] - half > ends
        ends = layout.x[node] + half
    assert ends < layout.width
    for height in set(layout.y):
        level = np.sort(np.array(layout.x)[np.array(layout.y) == height])
        assert np.all(np.diff(level) > layout.box)


@pytest.mark.usefixtures("drawing")
def test_two_models_stand_beside_each_other_or_where_wide_above():
    for words, beside in ((8, True), (80, False)):
        tree = chain(words, "dependency")._replace(parents=np.array([-1] + [0] * (words - 1)))
        proba = {name: said([0] * words, 2) for name in ("fixed", "tuned")}
        drawn = figure.draw(ClassifiedTree(tree, "dependency", ["a", "b"], proba))
        found = parts(drawn)
        (x1, y1), (x2, y2) = (found[f"model{k}.title"].get_position() for k in (1, 2))
        assert (x1 < x2 and y1 == y2) if beside else (x1 == x2 and y1 > y2)
        width, height = drawn.get_size_inches()
        for gid, part in found.items():
            if gid.count(".") == 1 and ".node" in gid:
                x, y = middle(part)
                assert 0 < x < width
                assert 0 < y < height
        shift = np.subtract(middle(found["model2.node3"]), middle(found["model1.node3"]))
        np.testing.assert_allclose(shift, (x2 - x1, y2 - y1))


@pytest.mark.usefixtures("drawing")
def test_long_names_are_numbers_that_the_legend_tells():
    tree = parse_bracketed("(4 (0 not) (3 bad))", "here")
    found = parts(figure.draw(ClassifiedTree(tree, "constituency", LONG_CLASSES, {"tuned": said([0, 1, 4])})))
    assert [found[f"model1.node{node}.class"].get_text() for node in range(3)] == ["0", "1", "4"]
    assert found["model1.node1.label"].get_text() == "3"
    assert [found[f"legend.class{number}.meaning"].get_text() for number in range(5)] == list(LONG_CLASSES)
    many = [f"class {number}" for number in range(50)]
    found = parts(figure.draw(ClassifiedTree(tree, "constituency", many, {"tuned": said([0, 1, 4], 50)})))
    assert (
        texts(found, ".meaning").items()
        >= {"legend.class0.meaning": "class 0", "legend.class49.meaning": "class 49"}.items()
    )
    assert "legend.class1" not in found


@pytest.mark.usefixtures("drawing")
def test_words_are_nothing_but_text():
    tree = Tree(np.array([2, 2, -1]), ["$\\frac{$", "$", "_\n\udcff"], np.full(3, NO_LABEL))
    drawn = figure.draw(ClassifiedTree(tree, "dependency", ["$", "^"], {"$m$": said([0, 0, 1], 2)}))
    data = plot.rendered(drawn, "svg")
    assert list(texts(parts(drawn), ".word").values()) == ["$\\frac{$", "$", "_\\n\\udcff"]
    assert b"<!-- $\\frac{$ -->" in data


@pytest.mark.usefixtures("drawing")
def test_the_parts_are_groups_of_the_file():
    data = plot.rendered(figure.draw(constituency(a=[2] * 7, b=[3] * 7)), "svg").decode()
    for gid in parts(figure.draw(constituency(a=[2] * 7, b=[3] * 7))):
        assert data.count(f'<g id="{gid}">') == 1


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize("structure", ["constituency", "dependency"])
def test_one_node_alone(structure):
    found = parts(figure.draw(of(Tree(np.array([-1]), ["film"], np.array([NO_LABEL])), structure)))
    assert texts(found, ".word") == {"model1.node0.word": "film"}
    assert len(found["model1.edges"].get_paths()) == 0


@pytest.mark.parametrize(
    ("tree", "size"),
    [
        (chain(41, "dependency"), "41 nodes on 41 levels"),
        (Tree(np.array([-1] + [0] * 150), ["w"] * 151, np.full(151, NO_LABEL)), "151 nodes on 2 levels"),
        (chain(5001, "dependency"), "5,001 nodes on 5,001 levels"),
    ],
)
def test_a_tree_too_large_for_a_figure_is_refused(tree, size):
    with pytest.raises(ValueError, match=f"^too large for a figure: a tree of {size}, expected at most 150 on 40$"):
        figure.draw(of(tree))


@pytest.mark.usefixtures("drawing")
def test_the_largest_that_is_drawn():
    found = parts(figure.draw(of(chain(40, "dependency"))))
    assert "model1.node39" in found
