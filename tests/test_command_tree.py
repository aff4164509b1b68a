"""`finevec tree`: what is drawn of which trees, and what is refused."""

from __future__ import annotations

import gzip
import io
import os
import sys

import numpy as np
import pytest
from finevec.commands import main
from finevec.datasets.sst import BINARY_CLASSES, FINE_CLASSES
from finevec.datasets.trees import parse_bracketed, parse_dependencies
from finevec.models import BagClassifier, TreeLSTM, TreeRelatedness, load_model, save_model
from finevec.tree_drawing import ClassifiedTree, drawn_lines
from finevec.trees import NO_LABEL

WORDS = ["good", "bad", "film", "a", "very"]
BRACKETED = ["(3 (2 a) (4 (4 (2 very) (3 good)) (2 film)))", "(1 (1 bad) (2 film))", "(0 awful)"]
DEPENDENCIES = ["a very good film\t4 3 4 0\t\t2 # 3 3", "bad film\t2 0\t\t1 1", "awful\t0\t\t0"]
NUMBERS = ("0", "1", "2", "3", "4")


def saved(folder, structure="constituency", classes=NUMBERS, seed=0):
    """Save a model with random weights, large enough that it predicts different classes."""
    rng = np.random.default_rng(seed)
    model = TreeLSTM(rng.normal(size=(5, 8)).astype("f4"), WORDS, classes, structure=structure, mem_dim=6, seed=seed)
    model.output.weight.data[...] = rng.normal(size=(len(classes), 6), scale=8)
    save_model(model, folder)
    return str(folder)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for structure in ("constituency", "dependency"):
        saved(folder / f"{structure}-fixed", structure)
        saved(folder / f"{structure}-tuned", structure, seed=1)
    return folder


@pytest.fixture
def here(models, tmp_path, monkeypatch):
    """The current directory, with two models of each structure and a file of trees for them."""
    for name in os.listdir(models):
        (tmp_path / name).symlink_to(models / name)
    for structure, trees in (("constituency", BRACKETED), ("dependency", DEPENDENCIES)):
        (tmp_path / f"{structure}.txt").write_text("".join(f"{tree}\n" for tree in trees), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


@pytest.fixture
def drawing():
    pytest.importorskip("matplotlib", reason="needs matplotlib")


def drawn(capsys, *argv):
    assert main(["tree", *argv]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def failure(capsys, *argv):
    assert main(["tree", *argv]) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    return shown.out, shown.err.removeprefix("finevec: error: ").rstrip("\n")


def wanted(tree, structure, *names, width=100):
    loaded = [load_model(name) for name in names]
    proba = {name: model.node_proba(tree) for name, model in zip(names, loaded, strict=True)}
    return list(drawn_lines(ClassifiedTree(tree, structure, loaded[0].classes, proba), width))


# --- as text ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("structure", "parse", "trees"),
    [("constituency", parse_bracketed, BRACKETED), ("dependency", parse_dependencies, DEPENDENCIES)],
)
def test_all_trees_of_a_file_by_two_models(capsys, structure, parse, trees):
    fixed, tuned, file = (f"{structure}{end}" for end in ("-fixed", "-tuned", ".txt"))
    out = drawn(capsys, "--model", fixed, "--versus", tuned, file)
    lines = []
    for number, tree in enumerate(trees, start=1):
        lines += ["", f"{file}:{number}", *wanted(parse(tree, "here"), structure, fixed, tuned)]
    assert out.splitlines() == lines[1:]
    assert "the models differ at" in out
    assert "≠" in out
    assert "awful" in out  # which has no row


@pytest.mark.usefixtures("here")
def test_one_tree_by_one_model(capsys):
    out = drawn(capsys, "--model", "constituency-tuned", "--number", "2", "constituency.txt")
    tree = parse_bracketed(BRACKETED[1], "here")
    assert out.splitlines() == ["constituency.txt:2", *wanted(tree, "constituency", "constituency-tuned")]
    assert out.splitlines()[1].split() == ["constitu…y-tuned", "gold"]
    row = load_model("constituency-tuned").node_proba(tree)[2]
    assert out.splitlines()[2].split() == [str(row.argmax()), f"{row.max():.2f}", "1", "─┬", "bad", "film"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input(capsys, monkeypatch, pack):
    data = pack(("\ufeff" + "\r\n".join(DEPENDENCIES)).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    out = drawn(capsys, "--model", "dependency-fixed")
    lines = []
    for number, line in enumerate(DEPENDENCIES, start=1):
        tree = parse_dependencies(line, "here")
        lines += ["", f"standard input:{number}", *wanted(tree, "dependency", "dependency-fixed")]
    assert out.splitlines() == lines[1:]


@pytest.mark.usefixtures("here")
def test_models_of_the_same_name_are_told_apart(capsys):
    for folder in ("1", "2"):
        os.mkdir(folder)
        saved(os.path.join(folder, "model"), seed=int(folder))
    out = drawn(capsys, "--model", "1/model", "--versus", "2/model", "--number", "1", "constituency.txt")
    assert out.splitlines()[1].split() == ["1/model", "2/model", "gold"]
    out = drawn(capsys, "--model", "1/model/", "--number", "1", "constituency.txt")
    assert out.splitlines()[1].split() == ["model", "gold"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("structure", "line"),
    [
        ("constituency", "(NP (DT a) (good film))"),
        ("constituency", "((a) ((good) (film)))"),
        ("dependency", "a good film\t3 3 0"),
        ("dependency", "a good film\t3 3 0\tdet amod root\tx y z"),
    ],
)
def test_labels_may_be_missing_or_anything(capsys, here, structure, line):
    (here / "trees.txt").write_text(line + "\n", encoding="utf-8")
    out = drawn(capsys, "--model", f"{structure}-fixed", "trees.txt").splitlines()
    assert "gold" not in out[1]
    parse = parse_bracketed if structure == "constituency" else parse_dependencies
    assert out[1:] == wanted(parse(line, "here", labelled=False), structure, f"{structure}-fixed")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("line", "gold"),
    [
        ("(X (Y not) (Z good))", None),
        ("(7 (1 not) (3 good))", ["", "negative", "positive"]),
        ("(2 (1 not) (3 good))", ["", "negative", "positive"]),
    ],
)
def test_what_a_label_means_follows_from_the_classes_alone(capsys, monkeypatch, here, line, gold):
    monkeypatch.setenv("COLUMNS", "200")
    saved("model", classes=BINARY_CLASSES)
    (here / "trees.txt").write_text(line + "\n", encoding="utf-8")
    heading, *rows, _ = drawn(capsys, "--model", "model", "trees.txt").splitlines()[1:]
    column = heading.find("gold")
    assert (column >= 0) == (gold is not None)
    if gold is not None:
        assert [row[column:].split("  ")[0].strip() for row in rows] == gold


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("classes", "names", "labelled"),
    [
        (NUMBERS, ["3", "2", "4", "4", "2", "3", "2"], 7),
        (FINE_CLASSES, ["positive", "neutral", "very positive", "very positive", "neutral", "positive", "neutral"], 7),
        (BINARY_CLASSES, ["positive", "", "positive", "positive", "", "positive", ""], 4),
        (("2", "4", "7"), ["", "2", "4", "4", "2", "", "2"], 5),  # trained on a file that has these labels
        (("low", "mid", "high"), ["", "high", "", "", "high", "", "high"], 3),
    ],
)
def test_labels_are_classes_of_the_model(capsys, monkeypatch, classes, names, labelled):
    monkeypatch.setenv("COLUMNS", "200")
    saved("model", classes=classes)
    out = drawn(capsys, "--model", "model", "--number", "1", "constituency.txt").splitlines()
    start, end = out[1].index("gold"), out[2].index("─┬")
    assert [line[start:end].strip() for line in out[2:-1]] == names
    assert out[-1].endswith(f" of {labelled}")


@pytest.mark.usefixtures("here")
def test_as_wide_as_the_terminal(capsys, monkeypatch, here):
    (here / "long.txt").write_text("(2 (2 word) " * 60 + "(2 end)" + ")" * 60, encoding="utf-8")
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = drawn(capsys, "--model", "constituency-fixed", "long.txt").splitlines()
        assert width - 5 <= max(map(len, lines)) <= width
        assert "… " in lines[2]


@pytest.mark.usefixtures("here")
def test_thousands_of_levels(capsys, here):
    (here / "deep.txt").write_text("(2 (2 a) " * 2500 + "(2 end)" + ")" * 2500, encoding="utf-8")
    lines = drawn(capsys, "--model", "constituency-fixed", "deep.txt").splitlines()
    assert len(lines) == 5001 + 3
    assert lines[-2].endswith("└─ end")
    out, told = failure(capsys, "--model", "constituency-fixed", "deep.txt", "--output", "deep.svg")
    assert out == ""
    if "matplotlib" not in told:  # is not there
        assert told == (
            "deep.txt:1: too large for a figure: a tree of 5,001 nodes on 2,501 levels, expected at most 150 on 40"
        )
    assert not (here / "deep.svg").exists()


@pytest.mark.usefixtures("here")
def test_strokes_are_ascii_where_nothing_else_can_be_printed(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["tree", "--model", "constituency-fixed", "--number", "2", "constituency.txt"]) == 0
    lines = out.buffer.getvalue().decode("ascii").splitlines()
    assert lines[2].endswith("-. bad film")
    assert lines[4].endswith(" `- film")


# --- as a figure -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here", "drawing")
@pytest.mark.parametrize(("name", "magic"), [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG\r\n"), ("a.pdf", b"%PDF-")])
def test_the_ending_says_the_format_and_twice_gives_the_same_bytes(capsys, here, name, magic):
    argv = ["--model", "constituency-fixed", "--versus", "constituency-tuned", "constituency.txt", "--output", name]
    contents = []
    for _ in range(2):
        assert drawn(capsys, *argv) == f"saved  {name}\n"
        contents.append((here / name).read_bytes())
    assert contents[0].startswith(magic)
    assert contents[0] == contents[1]
    assert b"Date>" not in contents[0]
    assert b"CreationDate" not in contents[0]


@pytest.mark.usefixtures("here", "drawing")
@pytest.mark.parametrize(
    ("structure", "parse", "trees"),
    [("constituency", parse_bracketed, BRACKETED), ("dependency", parse_dependencies, DEPENDENCIES)],
)
def test_the_figure_has_every_node_of_the_tree_by_both_models(capsys, here, structure, parse, trees):
    names = f"{structure}-fixed", f"{structure}-tuned"
    for number, line in enumerate(trees, start=1):
        more = ["--number", str(number)] if number > 1 else []  # without, the first
        argv = ["--model", names[0], "--versus", names[1], f"{structure}.txt", "--output", "a.svg", *more]
        drawn(capsys, *argv)
        content = (here / "a.svg").read_text(encoding="utf-8")
        tree = parse(line, "here")
        for model, name in enumerate(names, start=1):
            assert group(content, f"model{model}.title") == name
            row = load_model(name).node_proba(tree)
            for node, word in enumerate(tree.words):
                start = f"model{model}.node{node}"
                assert group(content, f"{start}.class") == str(row[node].argmax())
                assert group(content, f"{start}.probability") == f"{row[node].max():.2f}"
                assert (f'<g id="{start}.word">' in content) == (word is not None)
                wrong = tree.labels[node] not in (NO_LABEL, row[node].argmax())
                assert (f'<g id="{start}.label">' in content) == wrong
        assert f'<g id="model1.node{len(tree.words)}">' not in content


def group(content, gid):
    """Return the text in a group of an SVG file, of which its outlines come after a comment."""
    return content.split(f'<g id="{gid}">')[1].split("<!-- ")[1].split(" -->")[0]


@pytest.mark.usefixtures("here", "drawing")
def test_characters_that_the_font_lacks_are_told(capsys, here):
    (here / "trees.txt").write_text("(2 (2 映画) (2 film))\n", encoding="utf-8")
    assert main(["tree", "--model", "constituency-fixed", "trees.txt", "--output", "a.png"]) == 0
    told = "finevec: trees.txt:1: the figure shows boxes for characters that its font lacks\n"
    assert capsys.readouterr() == ("saved  a.png\n", told)


@pytest.mark.usefixtures("here")
def test_without_matplotlib_the_extra_is_named(capsys, here, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    argv = ["--model", "constituency-fixed", "constituency.txt"]
    out, told = failure(capsys, *argv, "--output", "a.svg")
    assert out == ""
    assert told.startswith("finevec tree --output needs matplotlib (the extra [plot]): pip install matplotlib")
    assert not (here / "a.svg").exists()
    assert drawn(capsys, *argv)  # as text


# --- what is refused -------------------------------------------------------------------------------------------------


def two_classes(folder):
    return saved(folder, classes=("neg", "pos"))


def bag(folder):
    save_model(BagClassifier(np.zeros((5, 8), "f4"), WORDS, ["neg", "pos"]), folder)


def relatedness(folder):
    save_model(TreeRelatedness(np.zeros((5, 8), "f4"), WORDS, mem_dim=4), folder)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("make", "argv", "said"),
    [
        (None, ["constituency.txt"], "the following arguments are required: --model"),
        (None, ["--model", "none"], "none: there is no such model directory"),
        (bag, ["--model", "other"], "other: expected a model of kind tree-lstm, found bag"),
        (relatedness, ["--model", "other"], "other: expected a model of kind tree-lstm, found tree-lstm-relatedness"),
        (
            None,
            ["--model", "constituency-fixed", "--versus", "constituency-fixed"],
            "--versus: expected another model than constituency-fixed, which is --model",
        ),
        (
            two_classes,
            ["--model", "constituency-fixed", "--versus", "other"],
            "other: expected the classes of constituency-fixed, ['0', '1', '2', '3', '4'], found ['neg', 'pos']",
        ),
        (
            None,
            ["--model", "constituency-fixed", "dependency.txt"],
            "dependency.txt:1: a dependency tree, but constituency-fixed is a model of constituency trees",
        ),
        (
            None,
            ["--model", "constituency-fixed", "--versus", "dependency-tuned", "constituency.txt"],
            "constituency.txt:1: a constituency tree, but dependency-tuned is a model of dependency trees",
        ),
        (
            None,
            ["--model", "constituency-fixed", "--number", "4", "constituency.txt"],
            "--number: expected at most 3, as many trees as constituency.txt has, got 4",
        ),
        (None, ["--model", "constituency-fixed", "--number", "0"], "expected a whole number of at least 1, got '0'"),
        (None, ["--model", "constituency-fixed", "empty.txt"], "empty.txt: the file is empty, expected a tree a line"),
        (None, ["--model", "constituency-fixed", "none.txt"], "none.txt: No such file or directory"),
        (
            None,
            ["--model", "constituency-fixed", "--output", "a.gif"],
            "a.gif: expected a name that ends in .svg, .png,",
        ),
        (
            None,
            ["--model", "constituency-fixed", "trees.svg", "--output", "trees.svg"],
            "trees.svg: the figure would replace trees.svg, which is read",
        ),
    ],
)
def test_what_is_refused(capsys, here, make, argv, said):
    if make:
        make("other")
    for name in ("empty.txt", "trees.svg"):
        (here / name).touch()
    before = sorted(os.listdir(here))
    out, told = failure(capsys, *argv)
    assert out == ""
    assert said in told
    assert sorted(os.listdir(here)) == before
    assert (here / "trees.svg").read_bytes() == b""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("(2 (2 a) (2 film)", "trees.txt:2: column 18: the line ends "),
        ("a good film", "trees.txt:2: expected a bracketed tree such as (3 (2 good) (3 film)), or tokens<TAB>parents"),
        ("", "trees.txt:2: an empty line"),
        (DEPENDENCIES[0], "trees.txt:2: a dependency tree, but constituency-fixed is a model of constituency trees"),
    ],
)
def test_trees_before_a_bad_line_are_drawn(capsys, here, bad, said):
    (here / "trees.txt").write_text("\n".join([BRACKETED[0], bad, *BRACKETED]), encoding="utf-8")
    out, told = failure(capsys, "--model", "constituency-fixed", "trees.txt")
    tree = parse_bracketed(BRACKETED[0], "here")
    assert out.splitlines() == ["trees.txt:1", *wanted(tree, "constituency", "constituency-fixed")]
    assert said in told
    assert drawn(capsys, "--model", "constituency-fixed", "--number", "3", "trees.txt")


@pytest.mark.usefixtures("here")
def test_nowhere_to_print(capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        assert main(["tree", "--model", "constituency-fixed", "constituency.txt"]) == 2
    told = "finevec: error: standard output is closed: there is nowhere to print trees\n"
    assert capsys.readouterr().err == told
