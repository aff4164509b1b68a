"""The README's examples run, and its two commands are there to the letter."""

import re
import shlex
from pathlib import Path

import finevec as fv
import numpy as np
import pytest
from finevec.commands import main
from toy_texts import BAD, GOOD, PLAIN, write_vectors
from toy_trees import write_trees

README = Path(__file__).parents[1] / "README.md"


def python_examples():
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_two_commands_are_there():
    text = README.read_text(encoding="utf-8")
    assert "\npip install . && finevec demo\n" in text
    assert "\npip install '.[test]' && pytest\n" in text


def test_the_first_example_trains_and_saves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["a", "moving", ",", "funny", "film", "dull", "and", "far", "too", "long", "fresh", "mess"]
    vectors = np.random.default_rng(0).standard_normal((len(words), 8)).astype(np.float32)
    fv.WordVectors(words, vectors).save("glove.txt")
    names = {}
    exec(python_examples()[0], names)
    assert names["loss"] < 0.1
    tuned = fv.WordVectors.load("tuned.txt")
    assert sorted(tuned.index_to_key) == sorted(words)
    assert not np.array_equal(tuned["dull"], vectors[words.index("dull")])


def test_the_second_example_sums_before_it_moves():
    names = {}
    exec(python_examples()[1], names)
    weight = names["weight"]
    assert weight[3] == pytest.approx(np.full(4, -0.1), rel=1e-6)
    assert weight[7] == pytest.approx(np.full(4, -0.1), rel=1e-6)
    assert np.count_nonzero(weight) == 8


def test_the_commands_for_own_data_run_and_the_model_predicts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["a", "charming", "film", "waste", "of", "time", "good", "bad"]
    vectors = np.random.default_rng(0).standard_normal((len(words), 100)).astype(np.float32)
    fv.WordVectors(words, vectors).save("glove.6B.100d.txt")
    lines = ["good\ta charming film", "bad\ta waste of time", "good\tgood film", "bad\tbad film"] * 10
    Path("reviews.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    commands = re.findall(
        r"^finevec (?:train|neighbors) .*--vectors.*$", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    commands = [command for command in commands if "tree-lstm" not in command]
    assert [main(shlex.split(command)[1:]) for command in commands] == [0, 0, 0]
    capsys.readouterr()
    names = {}
    exec(python_examples()[2], names)
    assert capsys.readouterr().out == "['good', 'bad']\n"
    assert "charming" in names["tuned"]


def test_the_commands_for_trees_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_vectors(Path("glove.6B.100d.txt"), [*GOOD, *BAD, *PLAIN])
    for part, count in (("train", 40), ("dev", 10), ("test", 10)):
        write_trees(Path(f"sst.{part}.txt"), "constituency", count, seed=count)
    commands = re.findall(r"^finevec (?:train --model tree-lstm|tree) .*$", README.read_text(encoding="utf-8"), re.M)
    assert len(commands) == 4
    for command in commands:
        if "--output" not in command:
            assert main(shlex.split(command, comments=True)[1:]) == 0
    assert "as labelled: trees " in capsys.readouterr().out
    pytest.importorskip("matplotlib", reason="a figure needs matplotlib, of the extra [plot]")
    figure = next(command for command in commands if "--output" in command)
    assert main(shlex.split(figure, comments=True)[1:]) == 0
    assert Path("tree.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_docstring_examples_run():
    """Every module's doctests, on the installed package."""
    import doctest
    import importlib
    import pkgutil

    attempted = 0
    for info in pkgutil.walk_packages(fv.__path__, "finevec."):
        if info.name.endswith(("__main__", "_finevec")):
            continue
        result = doctest.testmod(importlib.import_module(info.name))
        assert result.failed == 0, f"{info.name}: see the output above"
        attempted += result.attempted
    assert attempted > 50


def test_the_example_of_vector_files_runs_and_its_commands_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["king", "queen", "woman", "man", "cat", "dog"]
    vectors = np.random.default_rng(0).standard_normal((len(words), 300)).astype(np.float32)
    given = fv.WordVectors(words, vectors)
    given.save("GoogleNews-vectors-negative300.bin.gz", format="word2vec-binary")
    names = {}
    exec(python_examples()[3], names)
    assert names["tuned"].index_to_key == words
    assert np.array_equal(names["tuned"].vectors, vectors)
    assert names["emb"].weight.requires_grad
    given.save("vectors.bin")
    given.save("vectors.txt.gz")
    given.save("big.bin")
    Path("words.txt").write_text("dog\nking\nzebra\n", encoding="utf-8")
    commands = re.findall(r"^finevec (?:inspect|convert) .*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert [main(shlex.split(command, comments=True)[1:]) for command in commands] == [0, 0, 0]
    capsys.readouterr()
    small = fv.WordVectors.load("small.npy")
    assert small.index_to_key == ["king", "dog"]
    assert np.array_equal(small.vectors, vectors[[0, 5]].astype(np.float16).astype(np.float32))
