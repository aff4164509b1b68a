"""Reading label<TAB>text files: what is accepted, and every way in which a file can be wrong."""

from __future__ import annotations

import gzip
import os

import numpy as np
import pytest
from finevec.datasets.labelled import class_indices, class_names, read_labelled


def write(folder, data, name="data.tsv"):
    path = folder / name
    path.write_bytes(data)
    return path


def test_labels_and_texts_come_in_order_as_they_are(tmp_path):
    path = write(tmp_path, "pos\tgréat film …\nneg\tBad \x0b one\n".encode())
    labels, texts = read_labelled(path)
    assert labels == ["pos", "neg"]
    assert texts == ["gréat film …", "Bad \x0b one"]


@pytest.mark.parametrize(
    "data", [b"a\tone\nb\ttwo", b"a\tone\r\nb\ttwo\r\n", b"\xef\xbb\xbfa\tone\nb\ttwo\n", b" a \t one\nb\ttwo \n"]
)
def test_line_ends_byte_order_mark_and_outer_spaces(tmp_path, data):
    assert read_labelled(write(tmp_path, data)) == (["a", "b"], ["one", "two"])


def test_only_a_newline_ends_a_line(tmp_path):
    path = write(tmp_path, "a\tone\u2028two\x85three\n".encode())
    assert read_labelled(path).texts == ["one\u2028two\x85three"]


def test_gzip_is_known_by_its_first_bytes(tmp_path):
    path = write(tmp_path, gzip.compress(b"a\tone\n"), "no-gz-in-the-name.tsv")
    assert read_labelled(path) == (["a"], ["one"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"a\tone\nno tab here\n", ":2: expected label<TAB>text, found no tab"),
        (b"a\tone\ttwo\n", ":1: expected label<TAB>text, found 2 tabs"),
        (b"a\tone\rb\ttwo\r", ":1: a carriage return within the line: lines end in \\n or \\r\\n"),
        ("a\tone\n".encode("utf-16-be"), ":1: a zero byte: expected UTF-8, is this UTF-16?"),
        (b"a\tone\n\nb\ttwo\n", ":2: expected label<TAB>text, found no tab"),
        (b"a\tone\nb\t  \n", ":2: the text is empty"),
        (b" \tone\n", ":1: the label is empty"),
        (b"a\tone\nb\tcaf\xe9 noir\n", ":2: not UTF-8: byte 0xe9 at byte 6"),
        (gzip.compress(b"a\tone\n" * 50)[:-12], "damaged gzip file"),
        (b"\x1f\x8bnot gzip at all", "damaged gzip file"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path, data, message):
    path = write(tmp_path, data)
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the text is compared below, as it is
        read_labelled(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs an endless device")
def test_a_line_without_an_end_is_refused():
    with pytest.raises(ValueError, match="/dev/zero:1: longer than 16777216 bytes"):
        read_labelled("/dev/zero")


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_labelled(tmp_path / "none.tsv")


def test_classes_are_sorted_as_numbers_where_all_are_integers():
    assert class_names(["10", "-1", "9", "10"], "f") == ["-1", "9", "10"]
    assert class_names(["10", "9", "x"], "f") == ["10", "9", "x"]
    assert class_names(["1", "01"], "f") == ["01", "1"]


def test_one_class_is_too_few():
    with pytest.raises(ValueError, match="f: expected texts of at least 2 classes, found only the label 'a'"):
        class_names(["a", "a"], "f")


def test_indices_follow_the_classes_and_unknown_labels_are_refused():
    indices = class_indices(["b", "a", "b"], ["a", "b"], "f")
    assert indices.dtype == np.int64
    assert indices.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="f:2: label 'c' is not one of the training texts' labels: 'a', 'b'"):
        class_indices(["a", "c"], ["a", "b"], "f")
