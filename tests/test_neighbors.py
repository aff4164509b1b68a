"""`finevec neighbors`, as the command line runs it."""

from __future__ import annotations

import numpy as np
import pytest
from finevec.commands import main
from finevec.models import BagClassifier, save_model
from finevec.vectors import WordVectors

NO_VECTORS = "expected a file of vectors or a saved model, found a directory without vectors.txt"


@pytest.fixture
def files(tmp_path):
    """Vectors in which bad is near awful, and tuned ones in which it is near terrible."""
    words = ["bad", "awful", "terrible", "pear"]
    table = np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, -2.0]])
    before, after = tmp_path / "before.txt", tmp_path / "after.txt"
    WordVectors(words, table).save(before, format="glove")
    WordVectors(words, table[[0, 2, 1, 3]]).save(after)
    return str(before), str(after)


def test_one_file(files, capsys):
    assert main(["neighbors", "--vectors", files[0], "bad", "pear", "--topn", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "bad",
        "  awful      0.800",
        "  terrible   0.600",
        "",
        "pear",
        "  bad     0.000",
        "  awful  -0.600",
    ]


def test_two_files_side_by_side(files, capsys):
    assert main(["neighbors", "--vectors", files[0], "--versus", files[1], "bad", "--topn", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bad"
    assert lines[1].split() == list(files)
    assert [line.split() for line in lines[2:]] == [
        ["awful", "0.800", "terrible", "0.800"],
        ["terrible", "0.600", "awful", "0.600"],
    ]
    assert {line.index(right) for line, right in zip(lines[1:], [files[1], "terrible ", "awful "], strict=True)} == {
        lines[1].index(files[1])
    }


@pytest.mark.parametrize("versus", [False, True])
def test_an_unknown_word_is_an_error_and_nothing_is_printed(files, capsys, versus):
    arguments = ["neighbors", "--vectors", files[0], "bad", "apple", *(["--versus", files[1]] if versus else [])]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"finevec: error: {files[0]}: 'apple' is not among the 4 words\n"


def test_a_missing_file_is_an_error(files, capsys):
    assert main(["neighbors", "--vectors", files[0] + ".no", "bad"]) == 2
    assert capsys.readouterr().err == f"finevec: error: {files[0]}.no: No such file or directory\n"


def test_the_directory_of_a_model_stands_for_its_vectors(tmp_path, capsys):
    table = np.array([[1.0, 0.0], [0.8, 0.6]], np.float32)
    save_model(BagClassifier(table, ["bad", "awful"], ["neg", "pos"]), tmp_path / "model")
    assert main(["neighbors", "--vectors", str(tmp_path / "model"), "bad"]) == 0
    assert capsys.readouterr().out == "bad\n  awful   0.800\n"
    assert main(["neighbors", "--vectors", str(tmp_path), "bad"]) == 2
    assert capsys.readouterr().err == f"finevec: error: {tmp_path}: {NO_VECTORS}\n"
