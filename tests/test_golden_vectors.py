"""What is read of the small files in golden/vectors, made by golden/make_vectors.py, and what is said of the broken."""

import math
from pathlib import Path

import numpy as np
import pytest
from finevec.vectors import WordVectors
from numpy.testing import assert_array_equal

GOLDEN = Path(__file__).parent / "golden" / "vectors"

WORDS = ["the", ",", "straße", "2008"]
VALUES = [[0.5, -1.25, 3], [1e-3, 2, 0], [25.5, -3, 12], [1, 2, -0.0]]

SPACES = [". . .", "at name@domain.com", "route 66", "8\u00a01/2", ""]
SPACED = [[0.5, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14]]
ONE_TO_NINE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
LARGEST = 3.4028234663852886e38
LEAST = 2.0**-149

# By file: the format it is told to be, the words, the values, and what else is told of it.
WHOLE = {
    "glove.txt": ("glove", WORDS, VALUES, {}),
    "glove.txt.gz": ("glove", WORDS, VALUES, {}),
    "word2vec.txt": ("word2vec", WORDS, VALUES, {"promised": 4}),
    "fasttext.vec": ("word2vec", WORDS, VALUES, {"promised": 4}),
    "spaces.txt": ("glove", SPACES, SPACED, {"numbered": 1}),
    "repeated.txt": ("glove", ["a", "b", "A"], [[1, 2, 3], [4, 5, 6], [1, 1, 1]], {"rows": 5, "repeated": 2}),
    "windows.txt": ("word2vec", WORDS, VALUES, {"promised": 4}),
    "no_final_newline.txt": ("glove", WORDS, VALUES, {"final_newline": False}),
    "blank_end.txt": ("glove", WORDS, VALUES, {}),
    "numbers.txt": (
        "glove",
        ["a", "b", "c"],
        [[1, 0.5, 5], [100, -0.0, 123456789012345678901234567890.0], [7.038531e-26, 0, LARGEST]],
        {},
    ),
    "word2vec.bin": ("word2vec-binary", WORDS, VALUES, {"promised": 4}),
    "word2vec_lines.bin": ("word2vec-binary", WORDS, VALUES, {"promised": 4}),
    "word2vec_odd_values.bin": (
        "word2vec-binary",
        ["quiet", "tiny"],
        [[math.nan, math.inf, -math.inf], [LEAST, -LEAST, LARGEST]],
        {"promised": 2},
    ),
    "word2vec_odd_words.bin": ("word2vec-binary", ["a\nb", "", "\ttab\0"], ONE_TO_NINE, {"promised": 3}),
    "table.safetensors": ("safetensors", WORDS, VALUES, {"promised": 4}),
    "table.npy": ("npy", WORDS, VALUES, {"promised": 4}),
}

BROKEN = {
    "empty.txt": "the file is empty: wanted rows of a word and its numbers",
    "blank.txt": "the file is empty: wanted rows of a word and its numbers",
    "words_alone.txt": 'line 1: found no numbers in "the": wanted a word and its numbers',
    "cut_in_row.txt": "line 5: found 1 numbers, wanted 3",
    "cut_between_rows.txt": "the header promises 4 words, the file has 3",
    "cut.txt.gz": "the gzip data is cut off after ",
    "damaged.txt.gz": "the gzip data is damaged after ",
    "too_many_words.txt": "the header promises 3 words, the file has 4",
    "wrong_dim.txt": "line 1: the header promises 2 numbers in a row, the rows have 3",
    "huge_header.txt": "the header promises 1000000000000 words, the file has 4",
    "not_utf8.txt": 'line 3: the word "stra\\xdfe" is not UTF-8 (byte 4 of the line)',
    "joined_lines.txt": 'line 1: found 6 numbers, wanted 3 after the word "the 0.5 -1.25 3 ,"',
    "decimal_comma.txt": 'line 3: number 1 is "25,5": wanted a finite number',
    "not_a_number.txt": 'line 3: number 1 is "nan": wanted a finite number',
    "too_large.txt": 'line 3: number 1 is "3.5e38": out of the range of float32',
    "blank_inside.txt": "line 4: found 0 numbers, wanted 3",
    "zero_byte.txt": "not a text file of vectors: a zero byte at byte 44",
    "cut_in_row.bin": (
        "byte 54: the file ends inside a row: found 14 bytes, wanted a word, a space and 3 float32 values"
    ),
    "cut_between_rows.bin": "the header promises 4 words, the file has 3",
    "too_many_words.bin": "the header promises 3 words, the file has 4",
    "not_utf8.bin": 'byte 38: the word "stra\\xdf?e" is not UTF-8',
    "cut.safetensors": "the header promises a file of 324 bytes, it has 323",
    "cut.npy": "the header promises a file of 176 bytes, it has 175",
}

# Read whatever the header says: to name the format, or to ask for the first rows, is to know better.
OVERRULED = {
    "cut_between_rows.txt": ("word2vec", 3),
    "too_many_words.txt": ("word2vec", 4),
    "huge_header.txt": ("word2vec", 4),
    "cut_between_rows.bin": ("word2vec-binary", 3),
    "too_many_words.bin": ("word2vec-binary", 4),
}


def test_nothing_is_missing():
    beside = {"table.words.txt", "words_short.words.txt", "words_short.npy", "words_missing.npy"}
    assert {file.name for file in GOLDEN.iterdir()} - {".gitattributes"} == {*WHOLE, *BROKEN, *beside}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_files(name):
    format, words, values, told = WHOLE[name]
    wv = WordVectors.load(GOLDEN / name)
    assert wv.index_to_key == words
    assert_array_equal(wv.vectors.view("u4"), np.array(values, np.float32).view("u4"))
    info = {"rows": len(words), "repeated": 0, "numbered": 0, "final_newline": True, "promised": None, **told}
    assert wv.file_info._asdict() == {"path": str(GOLDEN / name), "format": format, **info}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(name):
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the text is compared below, as it is
        WordVectors.load(GOLDEN / name)
    said = f"{GOLDEN / name}: {BROKEN[name]}"
    assert str(caught.value) == said or (said.endswith(" after ") and str(caught.value).startswith(said))


@pytest.mark.parametrize("name", OVERRULED)
def test_headers_overruled(name):
    format, count = OVERRULED[name]
    for options in ({"format": format}, {"limit": count}):
        wv = WordVectors.load(GOLDEN / name, **options)
        assert wv.index_to_key == WORDS[:count]
        assert_array_equal(wv.vectors, np.array(VALUES[:count], np.float32))


def test_tables_without_all_their_words():
    with pytest.raises(FileNotFoundError) as caught:
        WordVectors.load(GOLDEN / "words_missing.npy")
    assert caught.value.filename == str(GOLDEN / "words_missing.words.txt")
    with pytest.raises(ValueError, match="found 3 words, wanted 4: one for each row of "):
        WordVectors.load(GOLDEN / "words_short.npy")
    assert WordVectors.load(GOLDEN / "words_short.npy", limit=3).index_to_key == WORDS[:3]
