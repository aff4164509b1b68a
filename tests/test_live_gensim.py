"""Agreement with the gensim that is installed: each reads what the other saves, and both answer alike."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from finevec.vectors import WordVectors
from helpers import cosine_bound
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from strategies import dims, seeds

KeyedVectors = pytest.importorskip("gensim.models", reason="gensim is not installed").KeyedVectors

# gensim leaves the file open that it reads without a header.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.:pytest.PytestUnraisableExceptionWarning")

FORMATS = st.sampled_from(["word2vec", "glove", "word2vec-binary"])
SUFFIXES = st.sampled_from(["", ".txt", ".gz"])

# gensim splits at every space; a byte order mark before the first word is dropped by finevec and kept by gensim.
letters = st.characters(codec="utf-8", exclude_characters=" \n\r\0\ufeff")
word_lists = st.lists(st.text(letters, max_size=8), min_size=1, max_size=30, unique=True)


def any_bits(rng, shape, dtype, exponents=None):
    """Return finite numbers of any bits; with `exponents`, of these binary exponents only."""
    bits = rng.integers(0, 256, (*shape, np.dtype(dtype).itemsize), dtype=np.uint8).view(dtype)[..., 0]
    if exponents is not None:
        fractions, _ = np.frexp(np.where(np.isfinite(bits), bits, 1))
        bits = np.ldexp(fractions, rng.integers(*exponents, shape)).astype(dtype)
    return np.where(np.isfinite(bits), bits, np.finfo(dtype).smallest_subnormal)


def assert_same(words, table, other_words, other_table):
    assert words == other_words
    assert table.dtype == other_table.dtype
    bits = f"u{table.itemsize}"
    assert_array_equal(table.view(bits), other_table.view(bits))


def by_gensim(words, table):
    vectors = KeyedVectors(table.shape[1], dtype=table.dtype)
    vectors.add_vectors(words, table)
    return vectors


@given(
    words=word_lists,
    dim=dims,
    dtype=st.sampled_from(["float32", "float64"]),
    format=FORMATS,
    suffix=SUFFIXES,
    seed=seeds,
)
def test_gensim_reads_what_finevec_saves(words, dim, dtype, format, suffix, seed):
    binary = format == "word2vec-binary"
    dtype = "float32" if binary else dtype  # the binary format holds no other
    table = any_bits(np.random.default_rng(seed), (len(words), dim), dtype)
    with TemporaryDirectory() as folder:
        path = Path(folder, "vectors" + suffix)
        WordVectors(words, table).save(path, format=format)
        kind = {"no_header": format == "glove", "binary": binary, "datatype": np.dtype(dtype).type}
        read = KeyedVectors.load_word2vec_format(path, **kind)
    assert_same(words, table, read.index_to_key, read.vectors)


@given(words=word_lists, dim=dims, double=st.booleans(), format=FORMATS, suffix=SUFFIXES, seed=seeds)
def test_finevec_reads_what_gensim_saves(words, dim, double, format, suffix, seed):
    rng = np.random.default_rng(seed)
    # Doubles that float32 cannot hold are an error for finevec, and infinity for gensim.
    shape = len(words), dim
    binary = format == "word2vec-binary"
    double = double and not binary
    table = any_bits(rng, shape, "float64", (-155, 128)) if double else any_bits(rng, shape, "float32")
    with TemporaryDirectory() as folder:
        path = Path(folder, "vectors" + suffix)
        by_gensim(words, table).save_word2vec_format(path, write_header=format != "glove", binary=binary)
        for dtype in (np.float32, np.float64):
            kind = {"no_header": format == "glove", "binary": binary, "datatype": dtype}
            theirs = KeyedVectors.load_word2vec_format(path, **kind)
            ours = WordVectors.load(path, format=format, dtype=dtype)
            assert_same(ours.index_to_key, ours.vectors, theirs.index_to_key, theirs.vectors)


@given(data=st.data(), dim=dims, rows=st.integers(2, 200), topn=st.integers(0, 210), seed=seeds)
def test_nearest_words(data, dim, rows, topn, seed):
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((rows, dim)) * 10.0 ** rng.uniform(-6, 6, (rows, 1))
    table = table.astype(np.float32)
    words = [f"w{row}" for row in range(rows)]
    vectors = rng.standard_normal((3, dim)).astype(np.float32)
    ours, theirs = WordVectors(words, table), by_gensim(words, table)
    sides = []
    for _ in range(2):
        chosen = data.draw(st.lists(st.sampled_from([*words, 0, 1, 2]), max_size=4))
        sides.append([vectors[one] if isinstance(one, int) else one for one in chosen])
    signed = [(sign, example) for sign, side in zip((1, -1), sides, strict=True) for example in side]
    units = table.astype(float) / np.linalg.norm(table.astype(float), axis=1, keepdims=True)
    examples = [sign * (units[int(one[1:])] if isinstance(one, str) else one) for sign, one in signed]
    assume(examples and np.linalg.norm(np.sum(examples, axis=0)) > 1e-2)
    bound = cosine_bound(examples)

    every = theirs.most_similar(*sides, topn=None)
    assert_allclose(ours.most_similar(*sides, topn=None), every, rtol=0, atol=bound)
    found, wanted = ours.most_similar(*sides, topn=topn), theirs.most_similar(*sides, topn=topn)
    # The k-th largest cosines are within the bound, whichever of two close words has it.
    assert_allclose([cosine for _, cosine in found], [cosine for _, cosine in wanted], rtol=0, atol=bound)
    assert len({word for word, _ in found} - {one for _, one in signed if isinstance(one, str)}) == len(found)
    for word, cosine in found:
        assert abs(cosine - every[theirs.key_to_index[word]]) <= bound


@given(dim=dims, seed=seeds)
def test_one_and_two_words(dim, seed):
    rng = np.random.default_rng(seed)
    table = (rng.standard_normal((5, dim)) * 10.0 ** rng.uniform(-6, 6, (5, 1))).astype(np.float32)
    words = list("abcde")
    ours, theirs = WordVectors(words, table), by_gensim(words, table)
    vector = rng.standard_normal(dim).astype(np.float32)
    found, wanted = ours.similar_by_vector(vector, topn=None), theirs.similar_by_vector(vector, topn=None)
    assert_allclose(found, wanted, rtol=0, atol=cosine_bound([vector]))
    for word in words:
        assert_array_equal(ours[word], theirs[word])
        bound = (dim / 2 + 3) * 2.0**-24  # gensim rounds dim times in the squares' sum, halved by the root, and twice
        assert_allclose(ours.get_vector(word, norm=True), theirs.get_vector(word, norm=True), rtol=bound, atol=0)
        assert_allclose(ours.similarity("a", word), theirs.similarity("a", word), rtol=0, atol=cosine_bound([vector]))
