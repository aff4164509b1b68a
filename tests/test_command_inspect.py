"""`finevec inspect`: what is told of good files and of bad ones."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
from finevec import WordVectors
from finevec.commands import main, reading
from tensor_files import made, tensor

GOLDEN = Path(__file__).parent / "golden"
TABLE = np.array([[0.5, -1.5], [3.0, 2.0], [0.25, 8.0]], np.float32)
TENSORS = "'word_offsets' I64 (4), 'vectors' F32 (3, 2), 'words' U8 (9); 'format'='finevec'"
WORDS = ["the", "a b", "ça"]


def report(capsys, *argv: object) -> dict:
    assert main(["inspect", "--json", *map(str, argv)]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return json.loads(shown.out)


@pytest.mark.parametrize(
    ("name", "format", "dtype", "header"),
    [
        ("v.txt", "word2vec", "text", "3 2"),
        ("v.txt.gz", "word2vec", "text", "3 2"),
        ("v.safetensors", "safetensors", "float32", TENSORS),
        ("v.npy", "npy", "float32", "<f4 (3, 2)"),
    ],
)  # fmt: skip
def test_a_sound_file(tmp_path, capsys, name, format, dtype, header):
    path = tmp_path / name
    WordVectors(WORDS, TABLE).save(path)
    found = report(capsys, path)
    assert found == {
        "sound": True,
        "file": str(path),
        "bytes": path.stat().st_size,
        "format": format,
        "header": header,
        "words": 3,
        "dim": 2,
        "dtype": dtype,
        "rows": 3,
        "promised": 3,
        "repeated": 0,
        "numbered": 0,
        "bad_rows": 0,
        "faults": [],
        "end": None,
        "final_newline": True,
        "first_words": WORDS,
        "smallest": -1.5,
        "largest": 8.0,
        "not_finite": 0,
        "memory": 24,
        "memory_dtype": "float32",
        "model": {},
    }


def test_word2vec_binary_and_values_that_are_not_finite(tmp_path, capsys):
    path = tmp_path / "v.bin"
    path.write_bytes(
        b"2 2\na " + np.array([np.nan, 1], "<f4").tobytes() + b"b " + np.array([2, np.inf], "<f4").tobytes()
    )
    found = report(capsys, path)
    assert (found["format"], found["dtype"], found["header"]) == ("word2vec-binary", "float32", "2 2")
    assert (found["smallest"], found["largest"], found["not_finite"]) == (1.0, 2.0, 2)


def test_bad_rows_are_told_and_the_rest_is_read(tmp_path, capsys):
    path = tmp_path / "v.txt"
    bad = "".join(f"bad{row} 1\n" for row in range(12))
    path.write_text(f"9 2\nthe 1 2\n{bad}the 3 4\nroute 66 1 2\nb 5 6", encoding="utf-8")
    found = report(capsys, path)
    assert (found["sound"], found["words"], found["rows"], found["bad_rows"]) == (False, 3, 4, 12)
    assert (found["repeated"], found["numbered"], found["final_newline"]) == (1, 1, False)
    assert found["faults"] == [f"{path}: line {row + 3}: found 1 numbers, wanted 2" for row in range(10)]
    assert main(["inspect", str(path)]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = {line[:13].strip(): line[13:].strip() for line in shown.out.splitlines()}
    assert lines["bad rows"] == "12"
    assert lines["wrong count"] == "the header promises 9 rows, the file has 16"
    assert lines["no line break"] == "after the last row: the file may be cut off there"
    assert lines["values"] == "1 to 6, all finite"
    assert lines["first words"] == "'the' 'route 66' 'b'"
    assert lines[""] == "and 2 others"
    assert f"{path}: line 3: found 1 numbers, wanted 2" in shown.out


def test_a_cut_file_is_told_with_the_rows_before_the_cut(tmp_path, capsys):
    path = tmp_path / "v.txt.gz"
    packed = gzip.compress(b"".join(b"w%d 0.5 -0.25\n" % row for row in range(60000)))
    path.write_bytes(packed[: len(packed) - 9])
    found = report(capsys, path)
    assert found["words"] > 1000
    assert "the gzip data is cut off after" in found["end"]
    assert not found["sound"]
    assert main(["inspect", str(path)]) == 0
    assert "broken off" in capsys.readouterr().out


def test_words_that_are_not_utf8_can_be_replaced(tmp_path, capsys):
    path = tmp_path / "v.txt"
    path.write_bytes(b"caf\xe9 1 2\nthe 3 4\n")
    assert (report(capsys, path)["bad_rows"], report(capsys, path)["words"]) == (1, 1)
    found = report(capsys, path, "--encoding-errors", "replace")
    assert (found["bad_rows"], found["first_words"]) == (0, ["caf\ufffd", "the"])


def test_repeated_words_of_a_table_and_float16(tmp_path, capsys):
    np.save(tmp_path / "v.npy", TABLE.astype(np.float16))
    (tmp_path / "v.words.txt").write_text("a\nb\na\n")
    found = report(capsys, tmp_path / "v.npy")
    assert (found["words"], found["repeated"], found["dtype"], found["memory_dtype"]) == (2, 1, "float16", "float32")


def test_a_model_of_fasttext_tells_its_parameters(capsys):
    found = report(capsys, GOLDEN / "fasttext_skipgram.bin")
    assert found["format"] == "fasttext-binary"
    assert found["model"] == {"kind": "skipgram", "version": 12, "labels": 0, "bucket": 40, "min_n": 2, "max_n": 4}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.txt", None, "No such file or directory"),
        ("v.txt", b"", "the file is empty: wanted rows of a word and its numbers"),
        ("v.npy", b"\x93NUMPY", "not the header of an npy file"),
        ("v.safetensors", b"\x02\0\0\0\0\0\0\0{}", "found no tensors"),
    ],
)
def test_what_cannot_be_understood_is_one_line(tmp_path, capsys, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert main(["inspect", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"finevec: error: {path}: ")
    assert said in shown.err
    assert shown.err.count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("own", [True, False])
def test_a_bar_is_shown_on_a_terminal_alone(tmp_path, monkeypatch, own):
    path = tmp_path / "v.txt"
    path.write_text("".join(f"w{row} 1 2\n" for row in range(200_000)))
    if own:
        monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    else:
        pytest.importorskip("tqdm", reason="needs tqdm")
    shown = {}
    for name, stream, quiet in [
        ("bar", Terminal(), False),
        ("quiet", Terminal(), True),
        ("pipe", io.StringIO(), False),
    ]:
        with reading.bars(stream, quiet=quiet) as bars:
            wv = WordVectors.load(path, progress=bars.reading())
            wv.save(tmp_path / "out.npy", progress=bars.writing(len(wv)))
        shown[name] = stream.getvalue()
    assert (shown["quiet"], shown["pipe"]) == ("", "")
    assert "\rreading" in shown["bar"]
    assert "\rwriting" in shown["bar"]
    assert "%" in shown["bar"]
    # Wiped at the end.
    assert shown["bar"].split("\r")[-2].strip() == "" or shown["bar"].endswith("\r")


def test_a_reader_that_fails_leaves_a_tidy_terminal(tmp_path):
    stream, path = Terminal(), tmp_path / "v.txt"
    path.write_text("a 1\n" * 200_000 + "b\n")
    with pytest.raises(ValueError, match="line 200001"), reading.bars(stream) as bars:
        WordVectors.load(path, progress=bars.reading())
    assert stream.getvalue().endswith("\r")


def test_no_string_of_a_file_reaches_the_terminal_as_it_is(tmp_path, capsys):
    """Escape sequences, line breaks that would forge lines, and characters that turn the order of others."""
    odd = "\x1b[2J\n\r\x9b\x7f\u202e\u2028"
    path, text = tmp_path / "v.safetensors", tmp_path / "v.txt"
    header = {"__metadata__": {f"key{odd}": odd}, f"name{odd}": tensor("F32", [1, 1], 0, 4)}
    path.write_bytes(made(header, np.ones(1, "<f4").tobytes()))
    word = odd.replace("\n", "")
    (tmp_path / "v.words.txt").write_text(word, encoding="utf-8", newline="")
    text.write_text(f"1 1\n{word} 1\nbad {odd[:4]}\n", encoding="utf-8", newline="")
    for name in (path, text):
        for options in ([], ["--json"]):
            assert main(["inspect", *options, str(name)]) == 0
            shown = capsys.readouterr().out
            assert all(line.isprintable() for line in shown.split("\n"))
            assert shown.count("\n") == len(shown.splitlines())
    assert repr(f"key{odd}") in report(capsys, path)["header"]
    assert report(capsys, path)["first_words"] == [word]
    unknown = {"a": {"dtype": odd, "shape": [1, 1], "data_offsets": [0, 4]}}
    for header in (unknown, {odd: tensor("F32", [1, 1], 0, 9)}, {odd: tensor("I8", [4], 0, 4)}):
        path.write_bytes(made(header, bytes(4)))
        assert main(["inspect", str(path)]) == 2
        assert capsys.readouterr().err.removesuffix("\n").isprintable()
