"""Files of word vectors: what is read, what is said of bad ones, what a save leaves behind."""

from __future__ import annotations

import gzip
import logging
import lzma
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from finevec.vectors import MAX_DIM, FileInfo, WordVectors
from finevec.vectors.load_save import FORMATS
from hypothesis import given
from hypothesis import strategies as st

GLOVE = "the 0.5 -1.25 3\n. . . 1e-3 2 0\n2008 1 2 3\n"
WORD2VEC = "3 3\n" + GLOVE
WORDS = ["the", ". . .", "2008"]
FORMAT_WANTED = "format: expected one of auto, glove, word2vec, word2vec-binary, fasttext, fasttext-binary, "
ROW_WANTED = "wanted a word, a space and 2 float32 values"
VALUE_WANTED = "wanted a finite number that the format can hold"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vectors.txt"


def bits(table: np.ndarray) -> bytes:
    return np.ascontiguousarray(table).tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("format", "text", "promised"), [("glove", GLOVE, None), ("word2vec", WORD2VEC, 3), ("fasttext", WORD2VEC, 3)]
)
def test_text_plain_and_packed(path, format, text, promised, dtype, pack):
    path.write_bytes(pack(text.encode()))
    # Independent of the reader: Python's own float, and a cast.
    rows = [line.split(" ")[-3:] for line in GLOVE.splitlines()]
    wanted = np.array([[float(field) for field in row] for row in rows]).astype(dtype)
    for asked in ("auto", format):
        wv = WordVectors.load(path, format=asked, dtype=dtype)
        assert wv.index_to_key == WORDS
        assert wv.vectors.dtype == dtype
        assert wv.vectors.flags.c_contiguous
        assert wv.vectors.flags.writeable
        assert bits(wv.vectors) == bits(wanted)
        told = "word2vec" if (asked, format) == ("auto", "fasttext") else format
        assert wv.file_info == FileInfo(str(path), told, 3, 0, 0, True, promised)


def test_only_what_is_asked_for(path):
    path.write_text(WORD2VEC)
    assert WordVectors.load(path, vocabulary={"2008", "zebra"}).index_to_key == ["2008"]
    assert WordVectors.load(path, vocabulary=iter(["2008", "the"])).index_to_key == ["the", "2008"]
    assert WordVectors.load(str(path), limit=2).index_to_key == WORDS[:2]
    assert WordVectors.load(path, limit=2, vocabulary=["2008", "the"]).index_to_key == ["the"]
    nothing = WordVectors.load(path, vocabulary=[])
    assert nothing.vectors.shape == (0, 3)
    nothing.save(path)
    assert path.read_text() == "0 3\n"
    assert WordVectors.load(path).vectors.shape == (0, 3)


def test_repeated_words_and_a_missing_line_break_are_logged_once(path, caplog):
    path.write_text("a 1\nb 2\na 3\na 4")
    with caplog.at_level(logging.WARNING):
        wv = WordVectors.load(path)
    assert wv.index_to_key == ["a", "b"]
    assert wv.vectors.tolist() == [[1.0], [2.0]]
    assert wv.file_info == FileInfo(str(path), "glove", 4, 2, 0, False)
    assert [record.message for record in caplog.records] == [
        f"{path}: left out 2 rows of repeated words: the first of each was kept",
        f"{path}: no line break after the last row: the file may be cut off there",
    ]


def test_a_row_with_one_number_too_many_is_logged_once(path, caplog):
    path.write_text("5 2\nthe 1 2\nroute 66 3 4\nextra 0.3 5 6\n. . . 7 8\nat name@domain.com 9 10\n")
    with caplog.at_level(logging.WARNING):
        wv = WordVectors.load(path)
    assert wv.index_to_key == ["the", "route 66", "extra 0.3", ". . .", "at name@domain.com"]
    assert wv.file_info.numbered == 2
    assert [record.message for record in caplog.records] == [
        f"{path}: 2 of 5 rows hold one number more than 2: it was taken as part of the word"
    ]


def test_the_bound_on_dim_is_the_readers_own(path):
    path.write_text(f"1 {MAX_DIM + 1}\na 1\n")
    with pytest.raises(ValueError, match=f"out of range: wanted rows and dim, 1 <= dim <= {MAX_DIM}$"):
        WordVectors.load(path)


def test_bad_utf8(path):
    path.write_bytes(b"ok 1\ncaf\xe9 2\n")
    said = f'{path}: line 2: the word "caf\\xe9" is not UTF-8 (byte 3 of the line)'
    with pytest.raises(ValueError, match=re.escape(said)):
        WordVectors.load(path)
    for errors in ("replace", "ignore"):
        wanted = b"caf\xe9".decode(errors=errors)
        assert WordVectors.load(path, encoding_errors=errors).index_to_key == ["ok", wanted]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a 1 2\nb 1\n", "line 2: found 1 numbers, wanted 2"),
        ("a 1 2\nb 5 6 1 2\nc 1 2\n", 'line 2: found 4 numbers, wanted 2 after the word "b 5 6"'),
        ("a 1 2\nb 1 x\n", 'line 2: number 2 is "x": wanted a finite number'),
        ("a 1 2\nb nan 1\n", 'line 2: number 1 is "nan": wanted a finite number'),
        ("a 1 2\nb 1 1e39\n", 'line 2: number 2 is "1e39": out of the range of float32'),
        ("3 2\na 1 2\nb 1 2\n", "the header promises 3 words, the file has 2"),
        ("1 2\na 1 2\nb 1 2\n", "the header promises 1 words, the file has 2"),
        ("1000000000000 2\na 1 2\n", "the header promises 1000000000000 words, the file has 1"),
        ("2 1\na 1 2\nb 1 2\n", "line 1: the header promises 1 numbers in a row, the rows have 2"),
        ("", "the file is empty: wanted rows of a word and its numbers"),
        ("word\n", 'line 1: found no numbers in "word": wanted a word and its numbers'),
        ("a 1\nb \0\n", "not a text file of vectors: a zero byte at byte 6"),
        ("1 2\n\0 \0\n", f"byte 4: the file ends inside a row: found 4 bytes, {ROW_WANTED}"),
        ("1 2\n\0\0\n", "not a text file of vectors: a zero byte at byte 4"),
    ],
)
def test_a_bad_file_is_one_clear_line(path, text, said):
    for pack in (bytes, gzip.compress) if text else (bytes,):
        path.write_bytes(pack(text.encode()))
        with pytest.raises(ValueError, match=f"^{re.escape(f'{path}: {said}')}$"):
            WordVectors.load(path)


def test_system_errors_are_pythons_own(tmp_path):
    missing = tmp_path / "no.txt"
    with pytest.raises(FileNotFoundError) as raised:
        WordVectors.load(missing)
    assert raised.value.filename == str(missing)
    assert raised.value.strerror == os.strerror(raised.value.errno)
    with pytest.raises(IsADirectoryError):
        WordVectors.load(tmp_path)
    wv = WordVectors(["a"], np.ones((1, 2)))
    with pytest.raises(FileNotFoundError):
        wv.save(tmp_path / "no" / "v.txt")
    with pytest.raises(IsADirectoryError):
        wv.save(tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"format": "fastest"}, ValueError, FORMAT_WANTED),
        ({"format": "word2vec"}, ValueError, "wanted a header of two counts, rows and dim"),
        ({"mmap": True}, ValueError, "mmap: expected False, got True: glove has to be parsed and cannot be mapped"),
        ({"mmap": "r+"}, ValueError, "mmap: expected False, True or \"c\", got 'r+'"),
        ({"limit": -1}, ValueError, "limit must be at least 0, got -1"),
        ({"limit": True}, TypeError, "limit must be an integer, got bool"),
        ({"limit": 2**70}, ValueError, "limit must be at most 9223372036854775807"),
        ({"dtype": "float16"}, TypeError, "dtype must be float32 or float64 in native byte order, got float16"),
        ({"dtype": ">f4"}, TypeError, "dtype must be float32 or float64 in native byte order, got >f4"),
        ({"encoding_errors": "lax"}, ValueError, 'encoding_errors is "lax", wanted "strict", "replace" or "ignore"'),
        ({"vocabulary": "the"}, TypeError, "vocabulary: expected a sequence of strings, got one string"),
        ({"vocabulary": ["a", 1]}, TypeError, "vocabulary[1]: expected a string, got int"),
    ],
)
def test_bad_options_are_refused(path, options, error, said):
    path.write_text(GLOVE)
    with pytest.raises(error, match=re.escape(said)):
        WordVectors.load(path, **options)


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="needs /dev/null")
@pytest.mark.parametrize("format", FORMATS)
def test_a_device_is_no_file_of_vectors(format):
    """Reading and writing, in every format: the same type of exception."""
    with pytest.raises(ValueError, match="/dev/null"):
        WordVectors.load("/dev/null", format=format)
    with pytest.raises(ValueError, match="format" if format == "fasttext-binary" else "/dev/null: "):
        WordVectors(["a"], np.ones((1, 2))).save("/dev/null", format=format)


@pytest.mark.parametrize("mmap", [False, True, "c"])
@pytest.mark.parametrize("suffix", ["npy", "safetensors"])
def test_bad_encoding_errors_are_refused_before_the_words_are_read(tmp_path, suffix, mmap):
    WordVectors(["a"], np.ones((1, 2), np.float32)).save(tmp_path / f"v.{suffix}")
    with pytest.raises(ValueError, match='encoding_errors is "lax", wanted "strict", "replace" or "ignore"'):
        WordVectors.load(tmp_path / f"v.{suffix}", mmap=mmap, encoding_errors="lax")


def test_a_packed_file_cut_anywhere_is_refused(path):
    whole = gzip.compress(WORD2VEC.encode())
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="cut off" if cut > 1 else "wanted a word and its numbers|is empty"):
            WordVectors.load(path)


def test_a_file_cut_anywhere_gives_an_error_or_its_first_rows(path):
    for text in (GLOVE, WORD2VEC):
        path.write_text(text)
        whole = WordVectors.load(path).vectors
        for cut in range(text.index("\n", text.index("the")), len(text)):
            path.write_text(text[:cut])
            try:
                part = WordVectors.load(path)
            except ValueError:
                continue
            assert part.index_to_key == WORDS[: len(part)]
            sure = part.vectors.size - (not part.file_info.final_newline)
            np.testing.assert_array_equal(part.vectors.ravel()[:sure], whole.ravel()[:sure])


# Words that any of the two formats can hold and tell from numbers.
words = st.lists(
    st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), max_size=6).map(lambda s: s + "z"),
    min_size=1,
    max_size=8,
    unique=True,
).filter(lambda words: not words[0].startswith("\ufeff"))


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("format", ["auto", "glove"])
@given(data=st.data())
def test_what_is_saved_is_loaded_bit_for_bit(tmp_path_factory, data, width, format):
    path = tmp_path_factory.mktemp("round") / data.draw(st.sampled_from(["v.txt", "v.txt.gz"]))
    listed = data.draw(words)
    dim = data.draw(st.integers(1, 5))
    numbers = st.floats(width=width, allow_nan=False, allow_infinity=False)
    values = data.draw(st.lists(numbers, min_size=dim * len(listed), max_size=dim * len(listed)))
    table = np.array(values, f"float{width}").reshape(len(listed), dim)
    WordVectors(listed, table).save(path, format=format)
    loaded = WordVectors.load(path, dtype=table.dtype)
    assert loaded.index_to_key == listed
    assert bits(loaded.vectors) == bits(table)
    assert path.read_bytes().startswith(b"\x1f\x8b") == path.name.endswith(".gz")


def test_saved_bytes(path):
    wv = WordVectors(["the", ". . ."], np.array([[0.1, -2.5e-7], [3.0, 1e20]], np.float32))
    wv.save(path)
    assert path.read_text() == "2 2\nthe 0.1 -2.5e-7\n. . . 3.0 1e20\n"
    wv.save(path, format="glove")
    assert path.read_text() == "the 0.1 -2.5e-7\n. . . 3.0 1e20\n"
    WordVectors.load(path).with_vectors(wv.vectors[:, ::-1].copy()[:, :1]).save(path)
    assert path.read_text() == "2 1\nthe -2.5e-7\n. . . 1e20\n"


@pytest.mark.parametrize(
    ("words", "table", "options", "said"),
    [
        (["a", "b\nc"], np.ones((2, 2)), {}, 'word 1, "b\\nc", cannot be written: it holds a line break'),
        (["a"], np.array([[1.0, np.nan]]), {}, f'word 0, "a": value 1 is NaN: {VALUE_WANTED}'),
        (["\ud800"], np.ones((1, 2)), {}, "surrogates not allowed"),
        (["a"], np.ones((1, 0)), {}, "1 rows of 0 numbers cannot be written as word2vec"),
        (["route 66"], np.ones((1, 2)), {}, "would be read back with 3 numbers, not 2"),
        (["a", "24 7 365"], np.ones((2, 2)), {}, "a reader would take the numbers in it for numbers of the row"),
        (["a"], np.ones((1, 2)), {"format": "csv"}, FORMAT_WANTED),
    ],
)
def test_a_save_that_fails_leaves_the_old_file(path, words, table, options, said):
    path.write_text("old")
    with pytest.raises(ValueError, match=re.escape(said)):
        WordVectors(words, table).save(path, **options)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == [path.name]


def test_the_suffix_says_what_auto_saves(tmp_path):
    wv = WordVectors(["a", "b"], np.array([[1.5, 2.0], [0.1, -3.0]], np.float32))
    text, binary = "word2vec", "word2vec-binary"
    for name, format in [("v.txt", text), ("v.vec.gz", text), ("v.bin", binary), ("V.BIN.GZ", binary), ("v", text)]:
        wv.save(tmp_path / name)
        loaded = WordVectors.load(tmp_path / name)
        assert (loaded.file_info.format, loaded.index_to_key) == (format, ["a", "b"])
        assert bits(loaded.vectors) == bits(wv.vectors)
    for name in ("v.parquet", "v.json.gz", "v.xz"):
        with pytest.raises(ValueError, match=re.escape("expected a name for a format that is written")):
            wv.save(tmp_path / name)
    with pytest.raises(ValueError, match=re.escape("v.npy.gz: expected a name without .gz: npy is not packed")):
        wv.save(tmp_path / "v.npy.gz")
    with pytest.raises(ValueError, match=re.escape("fastText's .bin is only read")):
        wv.save(tmp_path / "v.bin", format="fasttext-binary")
    wv.save(tmp_path / "v.bin", format="word2vec")
    assert WordVectors.load(tmp_path / "v.bin").file_info.format == "word2vec"


def test_archives_are_named(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("glove.txt", GLOVE)
    with pytest.raises(ValueError, match=re.escape(f"{path}: expected word vectors, plain or gzip, got a zip archive")):
        WordVectors.load(path)
    path.write_bytes(lzma.compress(GLOVE.encode()))
    with pytest.raises(ValueError, match="got xz data: unpack it first"):
        WordVectors.load(path)


def test_progress_is_told_and_its_exception_ends_the_reading(path):
    path.write_text("".join(f"w{row} 1\n" for row in range(300_000)))
    calls = []
    WordVectors.load(path, progress=lambda *now: calls.append(now))
    assert calls == sorted(calls)
    assert 0 < calls[-2][0] < 300_000
    assert {total for _, _, total in calls} == {path.stat().st_size}

    def stop(rows: int, read: int, total: int) -> None:
        raise RuntimeError(f"enough after {rows}")

    with pytest.raises(RuntimeError, match="enough after 0"):
        WordVectors.load(path, progress=stop)


@pytest.mark.skipif(os.name != "posix", reason="a signal is sent the POSIX way")
def test_ctrl_c_ends_a_long_read(path):
    path.write_text("".join(f"w{row} 1\n" for row in range(300_000)))

    def interrupt(rows: int, read: int, total: int) -> None:
        if rows > 0:
            signal.raise_signal(signal.SIGINT)

    # Whoever runs the tests in the background may have them ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            WordVectors.load(path, progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_the_interpreter_runs_on_while_a_file_is_read(tmp_path):
    """The rows come through a pipe from a thread of the same process: a reader that kept the GIL would wait forever."""
    program = """
import os, sys, threading
from finevec.vectors import WordVectors
pipe = sys.argv[1]
os.mkfifo(pipe)
def write():
    with open(pipe, "w") as file:
        for row in range(20000):
            file.write(f"w{row} 1 2\\n")
threading.Thread(target=write).start()
print(len(WordVectors.load(pipe)))
"""
    run = [sys.executable, "-c", program, str(tmp_path / "pipe")]
    assert subprocess.run(run, timeout=60, check=True, capture_output=True, text=True).stdout == "20000\n"


def test_real_vectors_have_the_values_of_their_text(data_dir):
    file = data_dir / "vectors" / "glove.6B.100d.subset.txt.gz"
    wv = WordVectors.load(file)
    assert wv.vectors.shape == (48807, 100)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row, line in zip(range(2000), lines, strict=False):
            word, *numbers = line.rstrip("\n").split(" ")
            assert wv.index_to_key[row] == word
            np.testing.assert_array_equal(wv.vectors[row], np.array([float(n) for n in numbers]).astype(np.float32))
    assert wv.most_similar("bad", topn=1)[0][0] == "worse"
