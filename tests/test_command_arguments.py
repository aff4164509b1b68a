"""Arguments of commands that are refused, or told, beside those in `test_commands.py`."""

from __future__ import annotations

import os

import pytest
from finevec.commands import main
from toy_texts import arguments, read_json

REPRODUCE = ["reproduce", "kim", "--data", "d", "--vectors", "v", "--out", "o"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            [*REPRODUCE, "--seeds", "99999999999"],
            "--seeds: expected a whole number of at least 1 and at most 1000, got",
        ),
        (
            [*REPRODUCE, "--folds", "1001"],
            "--folds: expected a whole number of at least 2 and at most 1000, got '1001'",
        ),
        (["demo", "--seeds", "1001"], "--seeds: expected a whole number of at least 1 and at most 1000, got '1001'"),
        ([*REPRODUCE, "--seed", "3"], "unrecognized arguments: --seed 3"),
        (["train", "--train", "x", "--freeze", "1"], "unrecognized arguments: --freeze 1"),
        (["--vers"], "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(capsys, argv, message):
    assert main(argv) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("finevec: error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1


def test_a_saved_model_stands_for_its_vectors_to_train_on(files, tmp_path):
    assert main(arguments(files, "train", "vectors", "save", epochs=2)) == 0
    inside = os.path.join(files["save"], "vectors.txt")
    for name, vectors in (("a", files["save"]), ("b", inside)):
        argv = arguments(files, "train", epochs=2, save=tmp_path / name, metrics=tmp_path / f"{name}.json")
        assert main([*argv, "--vectors", vectors]) == 0
        assert read_json(tmp_path / f"{name}.json")["files"]["vectors"] == inside
    assert (tmp_path / "a" / "vectors.txt").read_bytes() == (tmp_path / "b" / "vectors.txt").read_bytes()
