"""`finevec train` and `finevec predict` with trees: what is learnt and written, and how bad input is told."""

from __future__ import annotations

import errno
import io
import os
import sys

import numpy as np
import pytest
from finevec import WordVectors, blas
from finevec.commands import main
from finevec.datasets.trees import read_trees
from finevec.models import load_model
from test_commands import failure
from toy_texts import BAD, GOOD, PLAIN, arguments, read_json, write_vectors
from toy_trees import FORMATS, write_trees


@pytest.fixture(params=list(FORMATS))
def trees(request, tmp_path):
    """Training, dev and test trees of one structure, and vectors; "superb" has none."""
    structure = request.param
    sizes = {"train": (60, 0), "dev": (30, 1), "test": (30, 2)}
    files = {part: write_trees(tmp_path / f"{part}.trees", structure, *size) for part, size in sizes.items()}
    return {
        **files,
        "structure": structure,
        "vectors": write_vectors(tmp_path / "vectors.txt", [*GOOD[:4], *BAD, *PLAIN, "spare"]),
        "save": str(tmp_path / "model"),
        "metrics": str(tmp_path / "metrics.json"),
        "checkpoint": str(tmp_path / "run.ckpt"),
    }


def train(trees, *names, **more):
    options = {"model": "tree-lstm", "mem_dim": 8, "epochs": 6, "lr": 0.1, **more}
    return main(arguments(trees, "train", "dev", "test", "vectors", *names, **options))


def predicted(capsys, monkeypatch, model, data, *more):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data.encode()))))
    assert main(["predict", "--model", model, *more]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def test_a_model_of_trees_is_trained_saved_and_asked(trees, capsys, monkeypatch):
    assert train(trees, "save", "metrics") == 0
    capsys.readouterr()
    metrics = read_json(trees["metrics"])
    assert (metrics["model"], metrics["structure"], metrics["mem_dim"]) == ("tree-lstm", trees["structure"], 8)
    assert (metrics["optimizer"], metrics["embedding_optimizer"]) == ("adagrad", "sgd")
    assert (metrics["batch_size"], metrics["weight_decay"], metrics["embedding_lr"]) == (25, 1e-4, 0.1)
    assert (metrics["train_texts"], metrics["dev_texts"], metrics["test_texts"]) == (60, 30, 30)
    assert metrics["classes"] == ["1", "2", "3"]
    assert metrics["test_accuracy"] >= 0.9
    assert metrics["rows_changed"] == metrics["rows"]

    model = load_model(trees["save"])
    assert list(model.others.position) == ["spare"]
    tuned = WordVectors.load(f"{trees['save']}/vectors.txt")
    assert np.array_equal(tuned.vectors, model.vectors)
    test = read_trees(trees["test"]).trees
    labels = [str(tree.labels[tree.parents < 0][0]) for tree in test]
    assert np.mean(np.array(model.predict(test)) == labels) == metrics["test_accuracy"]
    with open(trees["test"], encoding="utf-8") as file:
        lines = file.read()
    assert predicted(capsys, monkeypatch, trees["save"], lines).split() == model.predict(test)
    table = predicted(capsys, monkeypatch, trees["save"], lines, "--proba").splitlines()
    assert table[0] == "1\t2\t3"
    found = np.array([row.split("\t") for row in table[1:]], float)
    assert np.abs(found - model.predict_proba(test)).max() <= 1e-6  # six digits are printed


def test_sst_as_two_classes_leaves_neutral_sentences_out(trees):
    with open(trees["train"], "a", encoding="utf-8") as file:
        file.write("(2 word)\n" if trees["structure"] == "constituency" else "word\t0\troot\t2\n")
    assert train(trees, "metrics", epochs=1) == 0
    assert read_json(trees["metrics"])["train_texts"] == 61
    argv = [*arguments(trees, "train", "dev", "vectors", "metrics", model="tree-lstm", epochs=1, mem_dim=4), "--binary"]
    assert main(argv) == 0
    metrics = read_json(trees["metrics"])
    assert metrics["train_texts"] == 60
    assert metrics["classes"] == ["negative", "positive"]


def test_without_dev_trees_a_tenth_is_held_out_class_by_class(trees):
    assert main(arguments(trees, "train", "metrics", model="tree-lstm", mode="random", dim=4, epochs=1, mem_dim=4)) == 0
    metrics = read_json(trees["metrics"])
    assert (metrics["train_texts"], metrics["dev_texts"], metrics["test_texts"]) == (54, 6, 0)


def test_a_run_goes_on_from_its_checkpoint(trees, tmp_path):
    assert train(trees, "save", epochs=4, patience=0) == 0
    other = {**trees, "save": str(tmp_path / "again")}
    assert train(other, "checkpoint", epochs=2, patience=0) == 0
    assert train(other, "checkpoint", "save", epochs=4, patience=0) == 0
    whole, again = load_model(trees["save"]).arrays(), load_model(other["save"]).arrays()
    for name, array in whole.items():
        assert array.tobytes() == again[name].tobytes(), name


def test_words_may_keep_their_case(trees):
    argv = arguments(trees, "train", "vectors", "save", model="tree-lstm", epochs=1, mem_dim=4)
    assert main([*argv, "--cased"]) == 0
    assert load_model(trees["save"]).lower is False


# --- bad input -------------------------------------------------------------------------------------------------------


def test_both_kinds_of_trees_in_one_run_are_refused(tmp_path, capsys):
    train, dev = (write_trees(tmp_path / name, name, 20, 0) for name in FORMATS)
    argv = ["train", "--model", "tree-lstm", "--train", train, "--dev", dev, "--mode", "random"]
    assert failure(capsys, argv) == f"{dev}: expected constituency trees, as in {train}, found dependency trees"


@pytest.mark.parametrize(
    ("lines", "more", "message"),
    [
        ("(1 good\n", [], "{train}:1: column 8: the line ends with 1 bracket open, from column 1"),
        (
            "(1 good)\n(x bad)\n",
            [],
            "{train}:2: column 2: expected a label, a whole number from 0 to 999999999, found 'x'",
        ),
        ("(1 good)\n(1 bad)\n", [], "{train}: expected labels of at least 2 classes, found [1]"),
        ("good\t0\troot\t#\nbad\t0\troot\t1\nfine\t0\troot\t2\n", [], "{train}:1: the root has no label"),
        ("(2 good)\n(2 bad)\n(2 (1 fine) (3 dull))\n", ["--binary"], "{train}: --binary: every tree is neutral"),
        ("(5 good)\n(2 bad)\n", ["--binary"], "{train}:1: --binary: expected labels from 0 to 4, found 5"),
        ("", [], "{train}: the file is empty, expected a tree a line"),
    ],
)
def test_training_trees_with_a_fault(tmp_path, capsys, lines, more, message):
    train = tmp_path / "train.trees"
    train.write_text(lines, encoding="utf-8")
    argv = ["train", "--quiet", "--model", "tree-lstm", "--train", str(train), "--mode", "random", *more]
    assert failure(capsys, argv) == message.format(train=train)


def test_a_label_that_training_does_not_have(tmp_path, capsys):
    train, dev = write_trees(tmp_path / "train", "constituency", 20, 0), tmp_path / "dev"
    dev.write_text("(1 good)\n(7 bad)\n", encoding="utf-8")
    argv = ["train", "--model", "tree-lstm", "--train", train, "--dev", str(dev), "--mode", "random"]
    assert failure(capsys, argv) == f"{dev}:2: label 7 is not one of the training trees' labels: 1, 2, 3"


@pytest.mark.parametrize(
    ("model", "more", "message"),
    [
        ("tree-lstm", ["--tokenizer", "kim"], "--tokenizer is not for --model tree-lstm"),
        ("tree-lstm", ["--filters", "3"], "--filters is not for --model tree-lstm"),
        ("bag", ["--binary"], "--binary is not for --model bag"),
        ("bag", ["--cased"], "--cased is not for --model bag"),
        ("cnn", ["--mem-dim", "3"], "--mem-dim is not for --model cnn"),
        ("tree-lstm", ["--mode", "multichannel"], "--mode multichannel is not for --model tree-lstm, which knows"),
    ],
)
def test_options_of_other_models(files, capsys, model, more, message):
    argv = ["train", "--model", model, "--train", files["train"], "--vectors", files["vectors"], *more]
    assert failure(capsys, argv).startswith(message)


def test_lines_may_end_in_carriage_returns(trees, capsys, monkeypatch):
    assert train(trees, "save", epochs=1) == 0
    capsys.readouterr()
    line = "(good)" if trees["structure"] == "constituency" else "good\t0"
    plain = predicted(capsys, monkeypatch, trees["save"], f"{line}\n{line}\n")
    assert predicted(capsys, monkeypatch, trees["save"], f"{line}\r\n{line}\r\n") == plain


def test_predict_tells_the_line_of_a_broken_tree_after_the_answers_before_it(trees, tmp_path, capsys):
    assert train(trees, "save", epochs=1) == 0
    capsys.readouterr()
    good, bad = ("(good)", "(good") if trees["structure"] == "constituency" else ("good\t0", "good\t1")
    path = tmp_path / "asked"
    path.write_text(f"{good}\n{good}\n{bad}\n", encoding="utf-8")
    assert main(["predict", "--model", trees["save"], str(path)]) == 2
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2
    assert shown.err.startswith(f"finevec: error: {path}:3: ")


def test_predict_tells_a_tree_of_the_other_structure(trees, tmp_path, capsys):
    assert train(trees, "save", epochs=1) == 0
    other = next(name for name in FORMATS if name != trees["structure"])
    path = write_trees(tmp_path / "asked", other, 2, 0)
    capsys.readouterr()
    wanted = f"{path}:1: a {other} tree, but {trees['save']} is a model of {trees['structure']} trees"
    assert failure(capsys, ["predict", "--model", trees["save"], path]) == wanted


def test_a_frozen_table_has_no_rate_and_no_rule(trees):
    assert train(trees, "metrics", epochs=1, mode="static") == 0
    metrics = read_json(trees["metrics"])
    assert (metrics["embedding_lr"], metrics["embedding_optimizer"], metrics["rows_changed"]) == (None, None, 0)


@pytest.mark.parametrize("variables", [{}, {"OPENBLAS_NUM_THREADS": "1"}])
def test_blas_threads_that_nobody_sets_are_told(trees, capsys, monkeypatch, variables):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    for name in blas.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    argv = arguments(trees, "train", model="tree-lstm", mode="random", dim=4, epochs=1, mem_dim=4)
    assert main([part for part in argv if part != "--quiet"]) == 0
    told = "which may be many times slower: install threadpoolctl" in capsys.readouterr().err
    assert told == (not variables)
    assert main(argv) == 0
    assert capsys.readouterr().err == ""


def test_accuracies_are_told_and_the_place_is_named_where_saving_fails(trees, capsys, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    assert train(trees, "save", epochs=1) == 2
    shown = capsys.readouterr()
    assert shown.out.startswith("accuracy  train ")
    assert shown.err == f"finevec: error: {trees['save']}: {os.strerror(errno.ENOSPC)}\n"
    assert not os.path.exists(trees["save"])
