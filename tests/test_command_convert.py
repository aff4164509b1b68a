"""`finevec convert`: the same words and values in another format, and what is refused."""

from __future__ import annotations

import gzip
import os

import numpy as np
import pytest
from finevec import WordVectors
from finevec.commands import main

WORDS = ["the", "of", "ça", "2008"]
TABLE = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.txt"
    WordVectors(WORDS, TABLE).save(path)
    return path


def convert(capsys, *argv: object) -> str:
    assert main(["convert", *map(str, argv)]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def failure(capsys, *argv: object) -> str:
    assert main(["convert", *map(str, argv)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    return shown.err.removeprefix("finevec: error: ").rstrip("\n")


NAMES = ["v.txt", "v.txt.gz", "v.bin", "v.vec", "v.safetensors", "v.npy"]


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(tmp_path, capsys, source, name):
    out, back = tmp_path / name, tmp_path / "back.txt"
    told = convert(capsys, source, out)
    words = f"{out.with_suffix('')}.words.txt: the words\n" if name == "v.npy" else ""
    assert told == words + f"{out}: 4 words of 3 numbers, float32; {out.stat().st_size:,} bytes\n"
    assert convert(capsys, "--quiet", out, back) == ""
    assert back.read_bytes() == source.read_bytes()
    wv = WordVectors.load(out)
    assert (wv.index_to_key, wv.vectors.tobytes()) == (WORDS, TABLE.tobytes())


def test_only_some_words(tmp_path, capsys, source):
    out, listed = tmp_path / "v.safetensors", tmp_path / "words.txt.gz"
    listed.write_bytes(gzip.compress("2008\r\nça\nunheard-of\n".encode()))
    convert(capsys, source, out, "--vocabulary", listed)
    assert WordVectors.load(out).index_to_key == ["ça", "2008"]
    convert(capsys, source, out, "--vocabulary", listed, "--limit", 3)
    assert WordVectors.load(out).index_to_key == ["ça"]


def test_formats_by_name(tmp_path, capsys, source):
    out, back = tmp_path / "v", tmp_path / "w"
    convert(capsys, source, out, "--to", "npy")
    assert sorted(os.listdir(tmp_path)) == ["in.txt", "v", "v.words"]
    convert(capsys, out, back, "--from", "npy", "--to", "glove")
    assert back.read_text(encoding="utf-8") == source.read_text(encoding="utf-8").split("\n", 1)[1]
    assert "wanted a header of two counts" in failure(capsys, back, out, "--from", "word2vec")


@pytest.mark.parametrize("suffix", ["safetensors", "npy"])
def test_the_dtype_is_kept_or_chosen(tmp_path, capsys, source, suffix):
    half, again = tmp_path / f"half.{suffix}", tmp_path / "again.safetensors"
    assert "float16" in convert(capsys, source, half, "--dtype", "float16")
    wanted = TABLE.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(WordVectors.load(half).vectors, wanted)
    assert "float16" in convert(capsys, half, again)
    assert again.stat().st_size < 400
    assert "float32" in convert(capsys, half, again, "--dtype", "float32")
    np.testing.assert_array_equal(WordVectors.load(again, mmap=True).vectors, wanted)
    assert "float32" in convert(capsys, half, tmp_path / "half.txt")
    wide = tmp_path / f"wide.{suffix}"
    WordVectors(WORDS, TABLE.astype(np.float64) / 3).save(wide)
    assert "float64" in convert(capsys, wide, again)
    np.testing.assert_array_equal(WordVectors.load(again, dtype="float64").vectors, TABLE.astype(np.float64) / 3)
    assert "float32" in convert(capsys, wide, again, "--dtype", "float32")


def test_bad_utf8(tmp_path, capsys):
    path, out = tmp_path / "in.txt", tmp_path / "v.npy"
    path.write_bytes(b"caf\xe9 1\nthe 2\n")
    assert failure(capsys, path, out) == f'{path}: line 1: the word "caf\\xe9" is not UTF-8 (byte 3 of the line)'
    assert os.listdir(tmp_path) == ["in.txt"]
    convert(capsys, path, out, "--encoding-errors", "ignore")
    assert WordVectors.load(out).index_to_key == ["caf", "the"]


def test_what_is_refused(tmp_path, capsys, source):
    npy = tmp_path / "in.npy"
    convert(capsys, source, npy)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    assert failure(capsys, source, source) == f"{source}: would replace {source}, which is read: choose another OUT"
    beside = tmp_path / "in.words.txt"
    assert failure(capsys, npy, beside).startswith(f"{beside}: would replace {beside}, which is read")
    vocabulary = failure(capsys, source, npy, "--vocabulary", beside)
    assert vocabulary.startswith(f"{beside}: would replace {beside}, which is read")
    assert "only safetensors and npy hold float16" in failure(capsys, npy, tmp_path / "v.txt", "--dtype", "float16")
    assert "expected a name for a format that is written" in failure(capsys, source, tmp_path / "v.parquet")
    assert failure(capsys, tmp_path / "no.txt", npy) == f"{tmp_path / 'no.txt'}: No such file or directory"
    assert (
        failure(capsys, source, tmp_path / "no" / "v.npy") == f"{tmp_path / 'no' / 'v.npy'}: No such file or directory"
    )
    assert "No such file" in failure(capsys, source, npy, "--vocabulary", tmp_path / "no.txt")
    assert "expected a whole number of at least 0" in failure(capsys, source, npy, "--limit", "-1")
    assert "invalid choice: 'fasttext-binary'" in failure(capsys, source, npy, "--to", "fasttext-binary")
    huge = tmp_path / "huge.txt"
    huge.write_text("a 1e30\n")
    assert "out of the range of float16" in failure(capsys, huge, tmp_path / "h.npy", "--dtype", "float16")
    huge.unlink()
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


def test_binary_holds_float32_and_says_so(tmp_path, capsys):
    wide, out = tmp_path / "v.npy", tmp_path / "v.bin"
    WordVectors(WORDS, TABLE.astype(np.float64) / 3).save(wide)
    assert ", float64; " in convert(capsys, wide, tmp_path / "v.txt")
    assert ", float32; " in convert(capsys, wide, out)
    np.testing.assert_array_equal(WordVectors.load(out).vectors, (TABLE.astype(np.float64) / 3).astype(np.float32))
    assert "would be word2vec-binary, which holds float32" in failure(capsys, wide, out, "--dtype", "float64")


def test_words_that_are_not_there_are_counted(tmp_path, capsys, source):
    out, wanted = tmp_path / "v.bin", tmp_path / "wanted.txt"
    out.write_bytes(b"old")
    wanted.write_text("nobody 12\nknows 3\n")
    told = failure(capsys, source, out, "--vocabulary", wanted)
    assert told == f"{wanted}: none of its 2 words is in {source}: one a line?"
    assert out.read_bytes() == b"old"
    wanted.write_text(f"{WORDS[0]}\nnobody\n")
    assert convert(capsys, source, out, "--vocabulary", wanted).startswith(f"{wanted}: 1 of 2 words found\n")
