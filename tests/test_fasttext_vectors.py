"""Word vectors with character n-grams: which words have a vector, and what else may be asked for."""

import logging
import pickle
import re
import subprocess
import sys
from itertools import pairwise

import finevec as fv
import numpy as np
import pytest
from finevec import _finevec
from finevec.vectors import FastTextVectors, WordVectors
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

WORDS = ["</s>", "river", "café", "of"]
DIM, BUCKET = 3, 11


@pytest.fixture
def wv():
    rng = np.random.default_rng(0)
    table, ngrams = rng.standard_normal((len(WORDS), DIM)), rng.standard_normal((BUCKET, DIM))
    return FastTextVectors(WORDS, table, ngrams, min_n=3, max_n=4)


def fnv(text):
    """Return the hash of fastText: 32-bit FNV-1a, each byte widened with its sign."""
    value = 2166136261
    for byte in text.encode():
        signed = byte - 256 if byte >= 128 else byte
        value = (value ^ (signed % 2**32)) * 16777619 % 2**32
    return value


def slow_rows(word, min_n, max_n, buckets):
    """Return the rows of n-grams, character by character."""
    framed = f"<{word}>"
    rows = []
    for start in range(len(framed)):
        for length in range(1, max_n + 1):
            ngram = framed[start : start + length]
            whole = len(ngram) == length
            if whole and length >= min_n and not (length == 1 and start in (0, len(framed) - 1)):
                rows.append(fnv(ngram) % buckets)
    return [] if word == "</s>" else rows


def mean_of(wv, word):
    return wv.ngrams[slow_rows(word, wv.min_n, wv.max_n, wv.bucket)].mean(axis=0)


any_text = st.text(st.characters(codec="utf-8"), max_size=12)
bucket_counts = st.one_of(st.integers(1, 50), st.integers(1, 2**31 - 1))


@given(st.lists(any_text, max_size=5), st.integers(0, 5), st.integers(1, 8), bucket_counts)
def test_rows_of_ngrams(words, min_n, max_n, buckets):
    max_n = max(min_n, max_n)
    rows, offsets = _finevec.subword_rows(words, min_n=min_n, max_n=max_n, buckets=buckets)
    assert offsets.dtype == rows.dtype == np.int64
    assert len(offsets) == len(words) + 1
    found = [rows[start:end].tolist() for start, end in pairwise(offsets)]
    assert found == [slow_rows(word, min_n, max_n, buckets) for word in words]
    assert offsets[-1] == len(rows)


@pytest.mark.parametrize("wrong", [(-1, 3, 5), (4, 3, 5), (0, 0, 5), (1, 257, 5), (1, 3, 0), (1, 3, 2**31)])
def test_ngrams_that_cannot_be_are_refused(wrong):
    min_n, max_n, buckets = wrong
    with pytest.raises(ValueError, match=rf"n-grams of {min_n} to {max_n} characters in {buckets} rows: wanted"):
        _finevec.subword_rows(["a"], min_n=min_n, max_n=max_n, buckets=buckets)


_WITHOUT_MEMORY = """
import resource, struct, sys
from finevec import WordVectors, _finevec
path, dim, buckets = sys.argv[1], 256, 1 << 20
with open(path, "wb") as file:
    file.write(struct.pack("<14id3i2q", 793712314, 12, dim, 5, 5, 1, 5, 1, 2, 2, buckets, 3, 6, 100, 0, 1, 1, 0, 1, -1))
    file.write(b"a\\0" + struct.pack("<qb", 1, 0) + b"\\0" + struct.pack("<2q", 1 + buckets, dim))
    file.seek(4 * dim * (1 + buckets), 1)  # 1 GiB of zeros that take no room
    file.write(b"\\0" + struct.pack("<2q", 1, dim) + bytes(4 * dim))
status = open("/proc/self/statm").read().split()
limit = int(status[0]) * resource.getpagesize() + (200 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for call in (
    lambda: WordVectors.load(path),
    lambda: _finevec.subword_rows(["x" * (1 << 20)], min_n=1, max_n=256, buckets=5),
):
    try:
        call()
    except MemoryError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited the Linux way")
def test_lack_of_memory_is_an_error(tmp_path):
    path = str(tmp_path / "m.bin")
    done = subprocess.run([sys.executable, "-c", _WITHOUT_MEMORY, path], stdout=subprocess.PIPE, text=True, check=True)
    of_table, of_rows = done.stdout.splitlines()
    assert re.fullmatch(rf"{re.escape(path)}: no memory for a table of \d+ bytes and more", of_table)
    assert re.fullmatch(r"no memory for the rows of more than \d+ n-grams", of_rows)


def test_only_the_words_of_the_vocabulary_are_members(wv):
    assert "river" in wv
    assert "rivers" not in wv
    assert len(wv) == len(WORDS)
    assert wv.get_index("rivers", -1) == -1
    with pytest.raises(KeyError, match="'rivers' is not among the 4 words"):
        wv.get_index("rivers")


def test_a_word_of_the_vocabulary_has_its_row(wv):
    assert np.shares_memory(wv["river"], wv.vectors)
    assert_array_equal(wv["café"], wv.vectors[2])


def test_another_word_has_the_mean_of_its_ngrams_as_they_are_now(wv):
    assert_allclose(wv["rivers"], mean_of(wv, "rivers"), rtol=1e-14)
    wv.ngrams *= 2
    assert_allclose(wv["rivers"], mean_of(wv, "rivers"), rtol=1e-14)
    assert not wv["rivers"].flags.writeable
    unit = wv.get_vector("rivers", norm=True)
    assert_allclose(unit, wv["rivers"] / np.linalg.norm(wv["rivers"]), rtol=1e-14)


def test_a_list_mixes_both(wv):
    found = wv[["rivers", "of", "rivers", "cafés"]]
    assert_array_equal(found, [wv["rivers"], wv["of"], wv["rivers"], wv["cafés"]])
    assert wv[[]].shape == (0, DIM)
    found[:] = 0
    assert wv["of"].any()


def test_a_word_shorter_than_all_ngrams_is_unknown():
    wv = FastTextVectors(["ab"], np.ones((1, 2)), np.ones((5, 2)), min_n=5, max_n=6)
    assert_array_equal(wv["abc"], [1, 1])
    for look_up in (lambda: wv["xy"], lambda: wv[["ab", "xy"]], lambda: wv.similarity("ab", "xy")):
        with pytest.raises(KeyError, match="'xy' is not among the 1 words and has no n-grams"):
            look_up()
    with pytest.raises(TypeError, match="expected a word or a list of words, got int"):
        wv[3]


def test_queries_take_any_word(wv):
    unit = mean_of(wv, "rivers") / np.linalg.norm(mean_of(wv, "rivers"))
    cosines = wv.vectors @ unit / np.linalg.norm(wv.vectors, axis=1)
    answer = wv.most_similar("rivers", topn=10)
    order = np.argsort(-cosines)
    assert [word for word, _ in answer] == [WORDS[row] for row in order]
    assert_allclose([cosine for _, cosine in answer], cosines[order], rtol=1e-12)
    assert_allclose(wv.similarity("rivers", "of"), cosines[3], rtol=1e-12)
    assert [word for word, _ in wv.most_similar(["rivers", "of"], topn=10)].count("of") == 0
    mean = wv.get_mean_vector(["rivers", "of"], pre_normalize=False)
    assert_allclose(mean, (wv["rivers"] + wv["of"]) / 2, rtol=1e-14)


def test_a_table_for_a_vocabulary_draws_only_what_has_no_ngrams(wv):
    wv.max_n = wv.min_n = 6
    words = ["river", "rivers", "xy", "of", "café"]
    matrix, known = wv.matrix_for(words, seed=3)
    assert known.tolist() == [True, True, False, True, True]
    assert_array_equal(matrix[[0, 1, 3, 4]], wv[["river", "rivers", "of", "café"]])
    # The drawn row is that of a table without n-grams: composed rows do not count for the variance.
    plain, known = WordVectors(WORDS, wv.vectors).matrix_for(["river", "xy", "of", "café"], seed=3)
    assert known.tolist() == [True, False, True, True]
    assert_array_equal(matrix[2], plain[1])


def test_a_table_without_words_of_the_vocabulary(wv):
    wv.max_n = wv.min_n = 6
    matrix, known = wv.matrix_for(["rivers", "streams", "xy"])
    assert known.tolist() == [True, True, False]
    bound = np.sqrt(3 * matrix[:2].var())
    assert (np.abs(matrix[2]) <= bound).all()
    with pytest.raises(ValueError, match="none of the words has a vector"):
        wv.matrix_for(["xy"])
    assert wv.matrix_for([])[0].shape == (0, DIM)


def test_an_embedding_starts_from_composed_rows(wv):
    matrix, _ = wv.matrix_for(["river", "rivers"])
    embedding = fv.Embedding.from_pretrained(matrix)
    assert_array_equal(embedding([1]), wv["rivers"][np.newaxis])


def test_ngrams_are_bags_of_an_embedding_bag(wv):
    bag = fv.EmbeddingBag.from_pretrained(wv.ngrams, mode="mean")
    rows, offsets = wv.ngram_rows(["rivers", "x y"])
    assert_array_equal(bag(rows, offsets), wv[["rivers", "x y"]])


@pytest.mark.parametrize("name", ["saved.txt", "saved.bin"])
def test_saved_words_are_plain(wv, name, tmp_path, caplog):
    vectors = FastTextVectors(WORDS, wv.vectors.astype("f4"), wv.ngrams.astype("f4"), min_n=3, max_n=4)
    with caplog.at_level(logging.WARNING):
        vectors.save(tmp_path / name)
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["the rows of n-grams are not saved"]
    again = WordVectors.load(tmp_path / name)
    assert type(again) is WordVectors
    assert_array_equal(again.vectors, vectors.vectors)
    with pytest.raises(KeyError):
        again["rivers"]


def test_other_vectors_have_no_ngrams(wv):
    tuned = wv.with_vectors(np.zeros((len(WORDS), 2)))
    assert type(tuned) is WordVectors
    assert "river" in tuned


def test_without_ngrams_it_is_word_vectors(caplog, tmp_path):
    for ngrams in (None, np.empty((0, 2))):
        wv = FastTextVectors(["a"], np.ones((1, 2)), ngrams)
        assert (wv.bucket, wv.min_n, wv.max_n, wv.ngrams.shape) == (0, 0, 0, (0, 2))
        with pytest.raises(KeyError):
            wv["b"]
        matrix, known = wv.matrix_for(["a", "b"])
        assert known.tolist() == [True, False]
        assert np.isfinite(matrix).all()
        wv.save(tmp_path / "saved.txt")
    assert not caplog.records
    loaded = FastTextVectors.load(tmp_path / "saved.txt")
    assert (type(loaded), loaded.bucket, loaded.model_info) == (FastTextVectors, 0, None)


def test_it_says_what_it_is(wv):
    assert repr(wv) == "<FastTextVectors: 4 words x 3, float64, n-grams of 3 to 4 in 11 rows>"


def test_pickles_answer_alike(wv):
    again = pickle.loads(pickle.dumps(wv))
    assert_array_equal(again[["rivers", "of"]], wv[["rivers", "of"]])


@pytest.mark.parametrize(
    ("ngrams", "lengths", "error", "text"),
    [
        (np.ones((5, 3)), {}, ValueError, "ngrams: expected 2 columns of float64, got 3 of float64"),
        (np.ones((5, 2), "f4"), {}, ValueError, "ngrams: expected 2 columns of float64, got 2 of float32"),
        (np.ones((5, 2), "i4"), {}, TypeError, "ngrams: expected float32 or float64"),
        (np.ones(5), {}, ValueError, "ngrams: expected shape"),
        ([[1.0, 2.0]], {}, TypeError, "ngrams: expected an ndarray, got list"),
        (np.ones((5, 2)), {"max_n": 0}, ValueError, "max_n"),
        (np.ones((5, 2)), {"max_n": 257}, ValueError, "max_n"),
        (np.ones((5, 2)), {"min_n": 7}, ValueError, "min_n"),
        (np.ones((5, 2)), {"min_n": -1}, ValueError, "min_n"),
        (np.ones((5, 2)), {"min_n": 1.5}, TypeError, "min_n"),
    ],
)
def test_wrong_ngrams_are_refused(ngrams, lengths, error, text):
    with pytest.raises(error, match=text):
        FastTextVectors(["a"], np.ones((1, 2)), ngrams, **lengths)
