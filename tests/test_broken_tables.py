"""safetensors and npy files that are cut off, damaged or made to do harm: one clear line, or whole rows."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from finevec import WordVectors
from finevec._finevec import MAX_HEADER
from hypothesis import given
from hypothesis import strategies as st
from tensor_files import FORMATS, WORDS, made, npy, table, tensor


@pytest.fixture(params=FORMATS)
def path(request, tmp_path: Path) -> Path:
    path = tmp_path / f"v.{request.param}"
    WordVectors(WORDS, table()).save(path)
    return path


def test_a_file_cut_or_longer_is_refused(path):
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        for options in ({}, {"mmap": True}, {"limit": 1}):
            with pytest.raises(ValueError, match=re.escape(str(path))):
                WordVectors.load(path, format=path.suffix[1:], **options)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match=f"the header promises a file of {len(whole)} bytes, it has {len(whole) + 1}"):
        WordVectors.load(path)


@given(data=st.data())
@pytest.mark.parametrize("format", FORMATS)
def test_a_mutated_file_gives_whole_rows_or_an_error(tmp_path_factory, data, format):
    path = tmp_path_factory.mktemp("mutated") / f"v.{format}"
    WordVectors(WORDS, table()).save(path)
    mutated = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(mutated)
    for mmap in (False, True):
        # Without its tensors of words, the file is one of another program's, whose words are missing.
        with contextlib.suppress(ValueError, FileNotFoundError):
            wv = WordVectors.load(path, format=format, mmap=mmap)
            assert wv.vectors.shape == (len(wv.index_to_key), wv.vector_size)


GOOD = {
    "vectors": tensor("F32", [2, 1], 0, 8),
    "word_offsets": tensor("I64", [3], 8, 32),
    "words": tensor("U8", [2], 32, 34),
}
NO_TABLE = {"a": tensor("F32", [2], 0, 8), "b": tensor("I64", [1, 2], 8, 24)}
TWO_TABLES = {"a": tensor("F32", [1, 2], 0, 8), "b": tensor("F32", [1, 2], 8, 16)}


def data(offsets: list[int], words: bytes = b"ab") -> bytes:
    """Return the bytes of the tensors of `GOOD`."""
    return bytes(8) + np.array(offsets, "<i8").tobytes() + words


DATA = data([0, 1, 2])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (made({"vectors": tensor("F32", [10**12, 300], 0, 12 * 10**14)}, DATA), "promises a file of 1200000000000"),
        (made({**GOOD, "words": tensor("U8", [2], 31, 33)}, DATA), "not the header of a safetensors file"),
        ((2**63).to_bytes(8, "little") + b"{}", "a length of 9223372036854775808 bytes, wanted at most 4194304"),
        (made(NO_TABLE, bytes(24)), "found 'a' F32 (2), 'b' I64 (1, 2): wanted a 2-D tensor"),
        (made(TWO_TABLES, bytes(16)), "under 'vectors', 'embedding.weight', 'embeddings', 'weight' or alone"),
        (made({}), "found no tensors: wanted"),
        (made({"weight": tensor("F32", [2, 0], 0, 0)}), "found float32 of shape (2, 0): wanted 1 <= dim <= "),
        (made({**GOOD, "word_offsets": tensor("I32", [6], 8, 32)}, DATA), "wanted 'word_offsets' I64 (3)"),
        (made(GOOD, data([0, 2, 1])), "the offset of word 2 is 1: wanted offsets that rise from 0 to 2"),
        (made(GOOD, data([0, 3, 2])), "the offset of word 1 is 3"),
        (made(GOOD, data([0, 1, 2], b"a\xe9")), 'the word "\\xe9" is not UTF-8'),
        (made({"weight": tensor("F32", [1, 2], 0, 8)}, bytes(8)), "No such file or directory: "),
        (b"\x1f\x8b" + bytes(20), "packed with gzip: unpack it first"),
    ],
)  # fmt: skip
def test_a_bad_safetensors_file_is_one_clear_line(tmp_path, content, said):
    path = tmp_path / "v.safetensors"
    path.write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(said)) as raised:
        WordVectors.load(path, format="safetensors")
    assert "\n" not in str(raised.value)
    assert str(tmp_path / "v.") in str(raised.value)


def test_the_longest_header_that_is_read(tmp_path):
    path = tmp_path / "v.safetensors"
    text = json.dumps(GOOD)
    path.write_bytes(made(text.ljust(MAX_HEADER), DATA))
    assert WordVectors.load(path).index_to_key == ["a", "b"]
    path.write_bytes(made(text.ljust(MAX_HEADER + 1), DATA))
    with pytest.raises(ValueError, match=f"a length of {MAX_HEADER + 1} bytes, wanted at most {MAX_HEADER}"):
        WordVectors.load(path, format="safetensors")


def test_a_tensor_that_is_not_aligned_is_read_and_not_mapped(tmp_path):
    path = tmp_path / "v.safetensors"
    values = np.array([[1.5], [2.5]], "<f4")
    header = json.dumps({"weight": tensor("F32", [2, 1], 0, 8)}) + " "
    header += " " * (4 - (8 + len(header)) % 4 + 1)
    path.write_bytes(made(header, values.tobytes()))
    (tmp_path / "v.words.txt").write_text("a\nb\n")
    assert WordVectors.load(path).vectors.tolist() == [[1.5], [2.5]]
    with pytest.raises(ValueError, match="no multiple of 4: load without mmap"):
        WordVectors.load(path, mmap=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npy(np.zeros(6)), "found float64 of shape (6,): wanted float16, float32 or float64 of shape (rows, dim)"),
        (npy(np.zeros((2, 3), int)), "found int64 of shape (2, 3)"),
        (npy(np.zeros((2, 3), [("a", "f4")])), "found records of shape (2, 3)"),
        (npy(np.zeros((2, 3, 1))), "of shape (2, 3, 1)"),
        (npy(np.array([[None, {}]])), "found object of shape (1, 2)"),
        (npy(np.zeros((2, 3)).T), "Fortran order"),
        (npy(np.zeros((2, 0))), "wanted 1 <= dim"),
        (npy(np.zeros((2, 3)))[:-1], "the header promises a file of 176 bytes, it has 175"),
        (b"\x93NUMPY\x01\x00\x10\x00__import__('os')", "not the header of an npy file"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "not the header of an npy file"),
        (b"\x93NUMPY\x09\x00\x02\x00{}", "not the header of an npy file: version 9.0 of the format"),
        (npy(np.zeros((2, 3))).replace(b"(2, 3), ", b"(-2, 3),"), "of shape (-2, 3)"),
        (npy(np.zeros((2, 3))).replace(b"(2, 3), }       ", b"(9000000000, 3)}"), "promises a file of 216000000128"),
    ],
)  # fmt: skip
def test_a_bad_npy_file_is_one_clear_line(tmp_path, content, said):
    path = tmp_path / "v.npy"
    path.write_bytes(content)
    (tmp_path / "v.words.txt").write_text("a\nb\n")
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        WordVectors.load(path)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(f"{path}: ")


def test_other_byte_orders_are_turned_and_not_mapped(tmp_path):
    path = tmp_path / "v.npy"
    path.write_bytes(npy(table(">f4", 2)))
    (tmp_path / "v.words.txt").write_text("a\nb\n")
    wv = WordVectors.load(path)
    assert wv.vectors.dtype.isnative
    np.testing.assert_array_equal(wv.vectors, table(rows=2))
    with pytest.raises(ValueError, match="float32 in big-endian byte order, only"):
        WordVectors.load(path, mmap=True)


@pytest.mark.parametrize(("text", "lines"), [("a\n", 1), ("a\nb\nc\n", 3), ("", 0)])
def test_words_must_be_as_many_as_rows(tmp_path, text, lines):
    path = tmp_path / "v.npy"
    path.write_bytes(npy(table(rows=2)))
    (tmp_path / "v.words.txt").write_text(text)
    said = f"{tmp_path / 'v.words.txt'}: found {lines} words, wanted 2: one for each row of {path}"
    with pytest.raises(ValueError, match=re.escape(said)):
        WordVectors.load(path)
    mapped = WordVectors.load(path, mmap=True)
    with pytest.raises(ValueError, match=re.escape(said)):
        "a" in mapped  # noqa: B015
    if lines:
        assert WordVectors.load(path, limit=1).index_to_key == ["a"]
