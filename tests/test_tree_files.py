"""Reading bracketed trees, dependency trees and SICK: what is accepted, and every way in which a file can be wrong."""

from __future__ import annotations

import gzip
from collections import Counter

import numpy as np
import pytest
from finevec.datasets import trees as tree_files
from finevec.datasets.labelled import read_labelled
from finevec.datasets.sick import read_sick
from finevec.datasets.trees import parse_bracketed, parse_dependencies, read_trees
from finevec.trees import NO_LABEL, NO_PARENT, heights
from hypothesis import given
from hypothesis import strategies as st

# A byte order mark at the start of a file would be dropped; every other space and line separator is a word's own.
WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\r\n\0\ufeff"), min_size=1, max_size=5)
BARE_WORD = WORD.filter(lambda word: not set(word) & set("()"))
LABEL = st.integers(0, 12)
NODES = st.recursive(
    st.tuples(LABEL, BARE_WORD), lambda node: st.tuples(LABEL, st.lists(node, min_size=1, max_size=2)), max_leaves=20
)


def plain(tree):
    return tree.parents.tolist(), tree.words, tree.labels.tolist()


def write(folder, data, name="trees.txt"):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def bracketed(node):
    """The text of a tree of `NODES`."""
    label, below = node
    return f"({label} {below if isinstance(below, str) else ' '.join(map(bracketed, below))})"


def in_postorder(node, found):
    """Append parent, word and label of each node to the lists of `found`; return the number of the root."""
    label, below = node
    children = [] if isinstance(below, str) else [in_postorder(child, found) for child in below]
    number = len(found[0])
    for column, value in zip(found, (NO_PARENT, below if isinstance(below, str) else None, label), strict=True):
        column.append(value)
    for child in children:
        found[0][child] = number
    return number


@st.composite
def dependencies(draw):
    """Tokens, parents counted from 1, and labels: any shape, any order."""
    words = draw(st.lists(WORD, min_size=1, max_size=12))
    order = draw(st.permutations(range(len(words))))
    parents = [0] * len(words)
    for place in range(1, len(words)):
        parents[order[place]] = order[draw(st.integers(0, place - 1))] + 1
    labels = draw(st.lists(LABEL | st.just(NO_LABEL), min_size=len(words), max_size=len(words)))
    return words, parents, labels


def dependency_line(words, parents, labels):
    marks = ["#" if label == NO_LABEL else str(label) for label in labels]
    relations = ["dep"] * len(words)
    return "\t".join(" ".join(map(str, column)) for column in (words, parents, relations, marks))


@given(NODES, st.sampled_from(["as it is", "wide", "narrow"]))
def test_a_bracketed_tree_is_read_in_postorder(node, spaces):
    text = bracketed(node)
    if spaces == "wide":
        text = text.replace(")", " ) ").replace("(", " ( ")
    if spaces == "narrow":
        text = text.replace(" (", "(")
    wanted = ([], [], [])
    in_postorder(node, wanted)
    assert plain(parse_bracketed(text, "f:1")) == wanted
    unlabelled = parse_bracketed(text, "f:1", labelled=False)
    assert plain(unlabelled) == (wanted[0], wanted[1], [NO_LABEL] * len(wanted[0]))


@given(dependencies())
def test_a_dependency_tree_is_read_in_the_order_of_its_tokens(tree):
    words, parents, labels = tree
    line = dependency_line(*tree)
    assert plain(parse_dependencies(line, "f:1")) == ([parent - 1 for parent in parents], words, labels)
    for less in (line, line.rsplit("\t", 1)[0], line.rsplit("\t", 2)[0]):
        unlabelled = parse_dependencies(less, "f:1", labelled=False)
        assert plain(unlabelled) == ([parent - 1 for parent in parents], words, [NO_LABEL] * len(words))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("structure", "lines"),
    [
        ("constituency", ["(3 (2 8\u00a01\\/2) (3 f\u2028\x85m))", "(0 (1 -LRB-))"]),
        ("dependency", ["( 8\u00a01\\/2 gr\u00fcn\t3 3 0\ta b c\t# 2 3", "film\t0\t\t1"]),
    ],
)
def test_files(tmp_path, structure, lines, end, packed):
    data = ("\ufeff" + end.join(lines)).encode()
    found = read_trees(write(tmp_path, gzip.compress(data) if packed else data + end.encode()))
    assert found.structure == structure
    parse = {"constituency": parse_bracketed, "dependency": parse_dependencies}[structure]
    assert [plain(tree) for tree in found.trees] == [plain(parse(line, "f:1")) for line in lines]
    assert all(tree.parents.dtype == tree.labels.dtype == np.int64 for tree in found.trees)
    assert "8\u00a01\\/2" in found.trees[0].words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("(film)", ["film"]),
        ("((the) (film))", ["the", "film", None]),
        ("(S (NP (the) (NN film)) (. .))", ["the", "film", None, ".", None]),
        ("(# (? a) (-1 b))", ["a", "b", None]),
    ],
)
def test_without_labels_they_may_be_missing_or_anything(line, words):
    tree = parse_bracketed(line, "f:1", labelled=False)
    assert tree.words == words
    assert set(tree.labels.tolist()) == {NO_LABEL}


def test_without_labels_their_column_may_be_empty_or_anything():
    for labels in ("", "x -1"):
        tree = parse_dependencies(f"a film\t2 0\t\t{labels}", "f:1", labelled=False)
        assert plain(tree) == ([1, NO_PARENT], ["a", "film"], [NO_LABEL, NO_LABEL])


DEEP = 5000


def test_depth_does_not_recurse():
    words = [f"w{number}" for number in range(DEEP)]
    leaves = [f"(2 {word})" for word in words]
    to_the_right = parse_bracketed("(3 ".join(f"{leaf} " for leaf in leaves[:-1]).join(["(3 ", ""])
                                   + leaves[-1] + ")" * (DEEP - 1), "f:1")  # fmt: skip
    to_the_left = parse_bracketed("(3 " * (DEEP - 1) + leaves[0] + "".join(f" {leaf})" for leaf in leaves[1:]), "f:1")
    for tree in (to_the_right, to_the_left):
        assert [word for word in tree.words if word is not None] == words
        assert heights(tree.parents).max() == DEEP - 1
    assert to_the_right.words[-2] is None
    assert to_the_left.words[-2] == words[-1]
    chain = parse_bracketed("(1 " * DEEP + "deep" + ")" * DEEP, "f:1")
    assert chain.parents.tolist() == [*range(1, DEEP), NO_PARENT]
    parents = " ".join(map(str, range(DEEP)))
    tree = parse_dependencies(f"{' '.join(words)}\t{parents}", "f:1", labelled=False)
    assert tree.parents.tolist() == list(range(-1, DEEP - 1))


ANY_LABEL = "expected a label, a whole number from 0 to 999999999"
ONE_WORD = "expected one word or children"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("(3 (2 a) (2 b)", "column 15: the line ends with 1 bracket open, from column 1"),
        ("(3 (2 a) (2 b", "column 14: the line ends with 2 brackets open, from columns 1 and 10"),
        ("(3 (2 (1", "column 9: the line ends with 3 brackets open, from columns 1, 4 and 7"),
        ("(1(1(1(1(1(1(1", "column 15: the line ends with 7 brackets open, from columns 1, 3, 5, 7, 9 and 2 more"),
        ("(3 (2 a)))", "column 10: a closing bracket after the tree's end at column 9"),
        ("(3 a) (2 b)", "column 7: '(' after the tree's end at column 5"),
        ("(3 a)  b", "column 8: 'b' after the tree's end at column 5"),
        (") (3 a)", "column 1: expected an opening bracket, found ')'"),
        ("  3 a", "column 3: expected an opening bracket, found '3'"),
        ("", "an empty line, expected a bracketed tree"),
        ("  ", "an empty line, expected a bracketed tree"),
        ("(3 a\tb)", "column 5: a tab, expected spaces between words and brackets"),
        ("(3 (x a))", f"column 5: {ANY_LABEL}, found 'x'"),
        ("(3 (film))", f"column 5: {ANY_LABEL}, found 'film'"),
        ("(-1 a)", f"column 2: {ANY_LABEL}, found '-1'"),
        ("(+1 a)", f"column 2: {ANY_LABEL}, found '+1'"),
        ("(1.0 a)", f"column 2: {ANY_LABEL}, found '1.0'"),
        ("(\u0663 a)", f"column 2: {ANY_LABEL}, found '\u0663'"),
        ("(\u00b2 a)", f"column 2: {ANY_LABEL}, found '\u00b2'"),
        ("(# a)", f"column 2: {ANY_LABEL}, found '#'"),
        ("(1000000000 a)", f"column 2: {ANY_LABEL}, found '1000000000'"),
        ("(" + "9" * 5000 + " a)", f"column 2: {ANY_LABEL}, found '{'9' * 40}…'"),
        ("(3 ((2 a)))", f"column 5: {ANY_LABEL}, found '('"),
        ("(3 ())", "column 5: an empty node, opened at column 4, expected a word or children in it"),
        ("(3 (2 a) (2 ))", "column 13: an empty node, opened at column 10, expected a word or children in it"),
        ("(3 (2 a) (2 b) (2 c))", "column 16: child 3 of the node opened at column 1, expected a binary tree"),
        ("(3 new york)", f"column 8: 'york' after the word 'new', {ONE_WORD}"),
        ("(3 \u00e9 (2 a))", f"column 6: a child beside the word '\u00e9', {ONE_WORD}"),
        ("(3 (2 a) b)", f"column 10: the word 'b' beside a child, {ONE_WORD}"),
    ],
)
def test_what_is_wrong_with_a_bracketed_tree(line, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the text is compared below, as it is
        parse_bracketed(line, "a.txt:7")
    assert str(caught.value) == f"a.txt:7: {message}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("()", "column 2: an empty node, opened at column 1, expected a word or children in it"),
        ("(film", "column 6: the line ends with 1 bracket open, from column 1"),
        ("(a b c)", f"column 6: 'c' after the word 'b', {ONE_WORD}"),
        ("((a) b)", f"column 6: the word 'b' beside a child, {ONE_WORD}"),
        ("((a) (b) (c))", "column 10: child 3 of the node opened at column 1, expected a binary tree"),
    ],
)
def test_what_is_wrong_with_a_bracketed_tree_without_labels(line, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_bracketed(line, "a.txt:7", labelled=False)
    assert str(caught.value) == f"a.txt:7: {message}"


COLUMNS = "tokens<TAB>parents<TAB>relations<TAB>labels"
PARENT_OF_3 = "expected the number of one of 3 tokens, or 0 for the root, found"
LABEL_OF_2 = "the label of token 2: expected a whole number from 0 to 999999999, or #, found"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "an empty line, expected a dependency tree"),
        ("   ", "an empty line, expected a dependency tree"),
        ("a film", f"expected {COLUMNS}, found 1 column"),
        ("a\t0\tr\t1\t2", f"expected {COLUMNS}, found 5 columns"),
        ("\t0\t\t1", "no token, expected a sentence"),
        ("\t\t\t", "no token, expected a sentence"),
        ("a  film\t3 3 0\t\t1 1 1", "token 2 is empty, expected a single space between tokens"),
        ("a film \t2 0\t\t1 1", "token 3 is empty, expected a single space between tokens"),
        ("a film\t2 0", f"no labels, expected {COLUMNS} to learn from"),
        ("a film\t2 0\t1 1", f"no labels, expected {COLUMNS} to learn from"),
        ("a film\t2 0\tr r\t", f"no labels, expected {COLUMNS} to learn from"),
        ("a film\t2 0 2\t\t1 1", "2 tokens, 3 parents, 2 labels, expected as many of each"),
        ("a film\t2 0\tr\t1 1", "2 tokens, 2 parents, 1 relation, 2 labels, expected as many of each"),
        ("a film\t2 0\tr r\t1 1 1", "2 tokens, 2 parents, 2 relations, 3 labels, expected as many of each"),
        ("a film\t\t\t1 1", "2 tokens, 0 parents, 2 labels, expected as many of each"),
        ("a good film\t3 3 4\t\t1 1 1", f"the parent of token 3: {PARENT_OF_3} '4'"),
        ("a good film\t3 3 -1\t\t1 1 1", f"the parent of token 3: {PARENT_OF_3} '-1'"),
        ("a good film\t3 3 x\t\t1 1 1", f"the parent of token 3: {PARENT_OF_3} 'x'"),
        ("a good film\t3  0\t\t1 1 1", f"the parent of token 2: {PARENT_OF_3} ''"),
        (f"a good film\t3 3 {'1' * 5000}\t\t1 1 1", f"the parent of token 3: {PARENT_OF_3} '{'1' * 40}…'"),
        ("a good film\t2 3 2\t\t1 1 1", "no token has the parent 0, expected one root"),
        ("a good film\t0 3 0\t\t1 1 1", "tokens 1 and 3 have the parent 0, expected one root"),
        ("a b c d e f g\t0 0 0 0 0 0 0\t\t1 1 1 1 1 1 1", "tokens 1, 2, 3, 4, 5 and 2 more have the parent 0, "
         "expected one root"),
        ("a b c d e\t2 5 4 3 0\t\t1 1 1 1 1", "the parents of tokens 3 and 4 form a cycle"),
        ("a b c d e\t2 3 4 2 0\t\t1 1 1 1 1", "the parents of tokens 2, 3 and 4 form a cycle"),
        ("a good film\t0 2 1\t\t1 1 1", "the parents of token 2 form a cycle"),
        ("a film\t2 0\t\t1 x", f"{LABEL_OF_2} 'x'"),
        ("a film\t2 0\t\t1 -1", f"{LABEL_OF_2} '-1'"),
        ("a film\t2 0\t\t1 ", f"{LABEL_OF_2} ''"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_dependency_tree(line, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_dependencies(line, "a.tsv:7")
    assert str(caught.value) == f"a.tsv:7: {message}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ": the file is empty, expected a tree a line"),
        (b"(3 a)\n\n(3 b)\n", ":2: an empty line, expected a tree"),
        (b"(3 a)\n(3 b)\n\n", ":3: an empty line, expected a tree"),
        (b"(3 a)\r\n  \r\n", ":2: an empty line, expected a tree"),
        (b"\n", ":1: an empty line, expected a tree"),
        (b"a film\n", ":1: expected a bracketed tree such as (3 (2 good) (3 film)), or tokens<TAB>parents, "
         "found 'a film'"),
        (b"(3 a)\na film\t2 0\t\t1 1\n", ":2: a dependency tree (a tab in the line) after constituency trees, "
         "expected one kind in a file"),
        (b"film\t0\t\t1\n(3 a)\n", ":2: a constituency tree (no tab in the line) after dependency trees, "
         "expected one kind in a file"),
        (b"(3 a)\n(3 (2 a)\n", ":2: column 9: the line ends with 1 bracket open, from column 1"),
        (b"film\t0\t\t1\nfilm\t1\t\t1\n", ":2: no token has the parent 0, expected one root"),
        (b"(3 a)\n(3 \xe9)\n", ":2: not UTF-8: byte 0xe9 at byte 4"),
        (gzip.compress(b"(3 a)\n" * 50)[:-12], ": damaged gzip file after line "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_line(tmp_path, data, message):
    path = write(tmp_path, data)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_trees(path)
    assert str(caught.value).startswith(f"{path}{message}")


PARSES = "pair_ID\ttokens_A\tparents_A\trels_A\ttokens_B\tparents_B\n"
SCORES = "relatedness_score\tpair_ID\n"


def sick(folder, parses, scores):
    return [write(folder, parses, "dep.tsv"), write(folder, scores, "pairs.tsv")]


def test_sick_finds_its_columns_by_name(tmp_path):
    parses = PARSES + "7\ta film\t2 0\tdet root\tfilms\t0\n9\tA\t0\t\tb c\t0 1\n"
    scores = "\ufeff" + SCORES.replace("\n", "\r\n") + "4.5\t7\r\n1\t9"
    pairs = read_sick(*sick(tmp_path, parses, gzip.compress(scores.encode())))
    assert [pair.score for pair in pairs] == [4.5, 1.0]
    assert plain(pairs[0].left) == ([1, NO_PARENT], ["a", "film"], [NO_LABEL, NO_LABEL])
    assert plain(pairs[0].right) == ([NO_PARENT], ["films"], [NO_LABEL])
    assert plain(pairs[1].right) == ([NO_PARENT, 0], ["b", "c"], [NO_LABEL, NO_LABEL])


ROW = "7\ta film\t2 0\tdet root\tfilms\t0\n"
RANGE = "expected a relatedness_score from 1 to 5, found"


@pytest.mark.parametrize(
    ("parses", "scores", "message"),
    [
        ("", SCORES, "dep.tsv: expected a header line with the columns pair_ID, tokens_A, parents_A, tokens_B, "
         "parents_B, found none"),
        (PARSES, "\n" + SCORES, "pairs.tsv:1: expected a header line with the columns pair_ID, relatedness_score, "
         "found none"),
        (PARSES, SCORES, "dep.tsv: no pair after the header"),
        (PARSES.replace("tokens_B", "tokens_C"), SCORES, "dep.tsv:1: expected one column tokens_B, found pair_ID, "
         "tokens_A, parents_A, rels_A, tokens_C, parents_B"),
        (PARSES, "pair_ID\t" + SCORES, "pairs.tsv:1: expected one column pair_ID, found it 2 times"),
        (PARSES + ROW, SCORES, "dep.tsv:2: a pair more than in {folder}/pairs.tsv, which holds 0"),
        (PARSES + ROW, SCORES + "4\t7\n4\t8\n", "pairs.tsv:3: a pair more than in {folder}/dep.tsv, which holds 1"),
        (PARSES + ROW, SCORES + "4\t8\n", "dep.tsv:2: pair_ID '7', but {folder}/pairs.tsv:2 has '8'"),
        (PARSES + ROW + "\n", SCORES + "4\t7\n4\t8\n", "dep.tsv:3: expected 6 columns as in the header, "
         "found an empty line"),
        (PARSES + "7\n", SCORES + "4\t7\n", "dep.tsv:2: expected 6 columns as in the header, found 1 column"),
        (PARSES + ROW, SCORES + "4\t7\t8\n", "pairs.tsv:2: expected 2 columns as in the header, found 3 columns"),
        (PARSES + ROW, SCORES + "0.9\t7\n", f"pairs.tsv:2: {RANGE} '0.9'"),
        (PARSES + ROW, SCORES + "5.1\t7\n", f"pairs.tsv:2: {RANGE} '5.1'"),
        (PARSES + ROW, SCORES + "nan\t7\n", f"pairs.tsv:2: {RANGE} 'nan'"),
        (PARSES + ROW, SCORES + "inf\t7\n", f"pairs.tsv:2: {RANGE} 'inf'"),
        (PARSES + ROW, SCORES + "high\t7\n", f"pairs.tsv:2: {RANGE} 'high'"),
        (PARSES + ROW.replace("2 0", "2 1"), SCORES + "4\t7\n", "dep.tsv:2: sentence A: no token has the parent 0, "
         "expected one root"),
        (PARSES + ROW.replace("films", "films a"), SCORES + "4\t7\n", "dep.tsv:2: sentence B: 2 tokens, 1 parent, "
         "expected as many of each"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_sick(tmp_path, parses, scores, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_sick(*sick(tmp_path, parses, scores))
    assert str(caught.value) == f"{tmp_path}/{message.format(folder=tmp_path)}"


@pytest.mark.parametrize(
    ("part", "sentences", "tokens", "labels"),
    [
        ("train", 8544, 163_563, [8245, 34_362, 219_788, 44_194, 11_993]),
        ("dev", 1101, 21_274, [1070, 4613, 28_305, 5781, 1678]),
        ("test", 2210, 42_405, [2008, 9255, 56_548, 10_998, 3791]),
    ],
)
def test_the_sentiment_treebank(data_dir, part, sentences, tokens, labels):
    structure, trees = read_trees(data_dir / "trees" / f"sst.{part}.ptb.txt.gz")
    parsed_structure, parsed = read_trees(data_dir / "trees" / f"sst.{part}.dep.tsv.gz")
    assert (structure, parsed_structure) == ("constituency", "dependency")
    assert len(trees) == len(parsed) == sentences
    assert sum(len(tree.parents) for tree in trees) == 2 * tokens - sentences
    assert np.bincount(np.concatenate([tree.labels for tree in trees])).tolist() == labels
    for tree, dependency in zip(trees, parsed, strict=True):
        leaves = [word for word in tree.words if word is not None]
        assert leaves == [{"(": "-LRB-", ")": "-RRB-"}.get(word, word) for word in dependency.words]
        assert set(np.bincount(tree.parents[:-1], minlength=len(tree.parents)).tolist()) <= {0, 2}
        assert tree.parents[-1] == NO_PARENT
        root = dependency.parents.tolist().index(NO_PARENT)
        assert dependency.labels[root] == tree.labels[-1]
    roots = Counter((str(tree.labels[-1]), " ".join(filter(None, tree.words)).lower()) for tree in trees)
    given_sentences = read_labelled(data_dir / "sentences" / f"sst5.{part}.tsv.gz")
    assert roots == Counter(zip(*given_sentences, strict=True))
    without = sum(int((dependency.labels == NO_LABEL).sum()) for dependency in parsed)
    assert 1 - without / tokens == pytest.approx({"train": 0.908, "dev": 0.911, "test": 0.911}[part], abs=0.0005)


@pytest.mark.parametrize(
    ("part", "count", "mean"), [("train", 4500, 3.521), ("trial", 500, 3.594), ("test", 4927, 3.530)]
)
def test_sick(data_dir, part, count, mean):
    folder = data_dir / "sick"
    pairs = read_sick(folder / f"sick.{part}.dep.tsv.gz", folder / f"sick.{part}.tsv.gz")
    assert len(pairs) == count
    assert np.mean([pair.score for pair in pairs]) == pytest.approx(mean, abs=0.0005)
    with gzip.open(folder / f"sick.{part}.tsv.gz", "rt", encoding="utf-8") as lines:
        sentences = [[text.replace(" ", "") for text in line.split("\t")[1:3]] for line in lines][1:]
    assert [["".join(tree.words) for tree in (pair.left, pair.right)] for pair in pairs] == sentences


def test_a_line_with_too_many_nodes_is_refused_before_it_takes_memory(monkeypatch):
    monkeypatch.setattr(tree_files, "MOST_NODES", 3)
    assert len(parse_bracketed("(1 (1 a) (1 b))", "f:1").words) == 3
    with pytest.raises(ValueError, match=r"^f:1: 4 nodes, expected at most 3 in a tree$"):
        parse_bracketed("(1 (1 (1 (1 a", "f:1")
    with pytest.raises(ValueError, match=r"^f:1: 4 tokens, expected at most 3 in a tree$"):
        parse_dependencies("a b c d\t2 3 4 0", "f:1", labelled=False)
