"""`WordVectors` in memory: words, rows, nearest words, tables for a vocabulary."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
from finevec import Vocabulary
from finevec.vectors import WordVectors

WORDS = ["king", "queen", "pear", "zero", "plum"]
TABLE = np.array([[3.0, 4.0, 0.0], [4.0, 3.0, 1.0], [-4.0, 3.0, 0.5], [0.0, 0.0, 0.0], [-8.0, 6.0, 1.0]])


def make(dtype: str = "float64") -> WordVectors:
    return WordVectors(WORDS, TABLE.astype(dtype))


def slow_nearest(wv: WordVectors, direction: np.ndarray, excluded: set[str], topn: int) -> list[tuple[str, float]]:
    """One word at a time, in Python's own arithmetic."""
    scored = []
    for row, word in enumerate(wv.index_to_key):
        lengths = np.linalg.norm(wv.vectors[row].astype(float)) * np.linalg.norm(direction)
        cosine = float(np.dot(wv.vectors[row].astype(float), direction)) / lengths if lengths else 0.0
        if word not in excluded:
            scored.append((word, cosine))
    return sorted(scored, key=lambda pair: -pair[1])[:topn]


def test_words_and_rows_belong_together():
    wv = make()
    assert (len(wv), wv.vector_size, wv.index_to_key) == (5, 3, WORDS)
    assert wv.key_to_index == {word: row for row, word in enumerate(WORDS)}
    assert "king" in wv
    assert "King" not in wv
    assert 3 not in wv
    assert wv.get_index("pear") == 2
    assert wv.get_index("apple", -1) == -1
    np.testing.assert_array_equal(wv["pear"], TABLE[2])
    np.testing.assert_array_equal(wv[["pear", "king", "pear"]], TABLE[[2, 0, 2]])
    np.testing.assert_allclose(wv.get_vector("king", norm=True), [0.6, 0.8, 0.0], rtol=1e-15)
    assert wv[[]].shape == (0, 3)
    assert repr(wv) == "<WordVectors: 5 words x 3, float64>"


def test_the_table_is_the_callers():
    table = TABLE.copy()
    wv = WordVectors(WORDS, table)
    assert wv.vectors is table
    assert np.shares_memory(wv["king"], table)
    with pytest.raises(ValueError, match="read-only"):
        wv["king"][0] = 1.0
    table[0, 0] = 7.0
    assert wv["king"][0] == 7.0
    assert table.flags.writeable


def test_other_vectors_for_the_same_words():
    wv = make()
    other = wv.with_vectors(np.ones((5, 2), np.float32))
    assert (other.index_to_key, other.vector_size, other["plum"].tolist()) == (WORDS, 2, [1.0, 1.0])
    with pytest.raises(ValueError, match=re.escape("expected a row for each of the 5 words, got 4 rows")):
        wv.with_vectors(np.ones((4, 2)))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda wv: pickle.loads(pickle.dumps(wv))])
def test_copies_are_whole(clone):
    cloned = clone(make())
    assert cloned.index_to_key == WORDS
    np.testing.assert_array_equal(cloned.vectors, TABLE)


@pytest.mark.parametrize(
    ("words", "table", "error", "said"),
    [
        (WORDS, TABLE.tolist(), TypeError, "vectors: expected an ndarray, got list"),
        (WORDS, TABLE.astype(int), TypeError, "vectors: expected float32 or float64 in native byte order, got int64"),
        (WORDS, TABLE.astype(">f8"), TypeError, "vectors: expected float32 or float64 in native byte order, got >f8"),
        (WORDS, TABLE[0], ValueError, "vectors: expected shape (words, dim), got (3,)"),
        (WORDS, np.asfortranarray(TABLE), ValueError, "expected aligned memory with each row in one piece"),
        (WORDS[:4], TABLE, ValueError, "expected a word for each of the 5 rows, got 4 words"),
        ([*WORDS[:4], "king"], TABLE, ValueError, "expected each word once, got 'king' at 0 and 4"),
        ("abcde", TABLE, TypeError, "words: expected a sequence of words, got one string"),
        ([*WORDS[:4], 5], TABLE, TypeError, "word 4: expected a string, got int"),
    ],
)
def test_what_does_not_fit_is_refused(words, table, error, said):
    with pytest.raises(error, match=re.escape(said)):
        WordVectors(words, table)


@pytest.mark.parametrize(
    "ask",
    [
        lambda wv: wv["apple"],
        lambda wv: wv[["king", "apple"]],
        lambda wv: wv.get_vector("apple"),
        lambda wv: wv.get_index("apple"),
        lambda wv: wv.most_similar("apple"),
        lambda wv: wv.most_similar("king", negative=["apple"]),
        lambda wv: wv.similarity("king", "apple"),
    ],
)
def test_an_unknown_word_is_named(ask):
    with pytest.raises(KeyError, match="'apple' is not among the 5 words"):
        ask(make())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("topn", [0, 1, 3, 4, 100])
def test_nearest_words_are_those_of_the_slow_way(dtype, topn):
    rng = np.random.default_rng(1)
    words = [f"w{row}" for row in range(60)]
    wv = WordVectors(words, rng.standard_normal((60, 7)).astype(dtype))
    units = {word: wv[word].astype(float) / np.linalg.norm(wv[word].astype(float)) for word in words}
    some = rng.standard_normal(7)
    for positive, negative, direction, given in [
        ("w3", None, units["w3"], {"w3"}),
        (["w3", "w5"], "w7", units["w3"] + units["w5"] - units["w7"], {"w3", "w5", "w7"}),
        (some, None, some, set()),
        ([some, "w3"], ["w9"], some + units["w3"] - units["w9"], {"w3", "w9"}),
        (None, ["w1"], -units["w1"], {"w1"}),
    ]:
        got = wv.most_similar(positive, negative, topn=topn)
        wanted = slow_nearest(wv, direction, given, topn)
        assert [word for word, _ in got] == [word for word, _ in wanted]
        # A cosine of 7 products in float32: each rounding is at most 2^-24 of a sum below 1.
        bound = 32 * np.finfo(dtype).eps
        np.testing.assert_allclose([c for _, c in got], [c for _, c in wanted], rtol=0, atol=bound)


def test_equals_come_in_the_order_of_rows_and_zero_rows_are_at_zero():
    wv = make()
    assert [word for word, _ in wv.similar_by_vector(TABLE[2], topn=2)] == ["pear", "plum"]
    many = WordVectors([str(row) for row in range(50)], np.ones((50, 4), np.float32))
    assert [word for word, _ in many.most_similar("7", topn=5)] == ["0", "1", "2", "3", "4"]
    assert dict(wv.most_similar("king"))["zero"] == 0.0
    assert wv.similarity("king", "zero") == 0.0
    assert [cosine for _, cosine in wv.most_similar("zero")] == [0.0] * 4
    cosines = wv.most_similar("king", topn=None)
    assert cosines.shape == (5,)
    assert cosines[0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("dtype", "exponents"), [("float32", [-30, -20, -17, 0, 18, 25, 36]), ("float64", [-300, -160, 0, 160, 300])]
)
def test_a_cosine_does_not_depend_on_lengths(dtype, exponents):
    # More rows than are taken at once when squares leave the range of the type.
    rows = np.random.default_rng(3).standard_normal((10000, 3))
    lengths = 10.0 ** np.resize(exponents, (len(rows), 1))
    wv = WordVectors([str(row) for row in range(len(rows))], (rows * lengths).astype(dtype))
    wanted = rows @ rows[0] / np.linalg.norm(rows, axis=1) / np.linalg.norm(rows[0])
    # A dozen roundings of numbers below 1.
    bound = 12 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(wv.most_similar("0", topn=None), wanted, rtol=0, atol=bound)
    np.testing.assert_allclose([wv.similarity("0", str(row)) for row in range(20)], wanted[:20], rtol=0, atol=bound)
    assert np.linalg.norm(wv.get_vector("0", norm=True)) == pytest.approx(1.0, rel=bound, abs=0)


def test_answers_follow_a_table_that_is_changed_in_place():
    wv = make()
    assert wv.most_similar("king", topn=1)[0][0] == "queen"
    wv.vectors[2] = 1000 * TABLE[0]
    assert wv.most_similar("king", topn=1) == [("pear", pytest.approx(1.0))]
    assert wv.similarity("king", "pear") == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("positive", "error", "said"),
    [
        (None, ValueError, "expected at least one word or vector, got none"),
        ([], ValueError, "expected at least one word or vector, got none"),
        (np.ones(4), ValueError, "expected a vector of shape (3,), got (4,)"),
        ([3], TypeError, "expected a word or a vector, got int"),
    ],
)
def test_bad_examples_are_refused(positive, error, said):
    with pytest.raises(error, match=re.escape(said)):
        make().most_similar(positive)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_table_for_a_vocabulary(dtype):
    rng = np.random.default_rng(2)
    wv = WordVectors([f"w{row}" for row in range(400)], (0.4 * rng.standard_normal((400, 50))).astype(dtype))
    words = ["w3", "apple", "w399", "plum", "w3"] + [f"new{index}" for index in range(300)]
    matrix, known = wv.matrix_for(words)
    assert matrix.dtype == dtype
    assert matrix.shape == (305, 50)
    assert known.tolist() == [True, False, True, False, True] + [False] * 300
    np.testing.assert_array_equal(matrix[known], wv.vectors[[3, 399, 3]])
    assert not np.shares_memory(matrix, wv.vectors)
    drawn = matrix[~known].astype(float)
    bound = np.sqrt(3 * wv.vectors[[3, 399]].astype(float).var())
    assert np.abs(drawn).max() <= bound * (1 + 1e-6)
    # The variance of n values from U[-a, a] has a standard error of a^2 sqrt(4 / 45 / n): five of them.
    assert abs(drawn.var() - bound**2 / 3) < 5 * bound**2 * np.sqrt(4 / 45 / drawn.size)
    assert abs(drawn.mean()) < 5 * bound / np.sqrt(3 * drawn.size)


def test_drawn_rows_depend_on_word_seed_and_variance_alone():
    wv = make()
    one, _ = wv.matrix_for(["apple", "fig", "king", "pear"])
    other, _ = wv.matrix_for(["fig", "pear", "king", "apple", "king"])
    np.testing.assert_array_equal(one, other[[3, 0, 2, 1]])
    again, _ = wv.matrix_for(["apple", "fig", "king", "pear"], seed=1)
    assert not (again[:2] == one[:2]).any()
    assert (one[0] != one[1]).all()


def test_the_variance_is_that_of_the_known_words_asked_for(tmp_path):
    rng = np.random.default_rng(4)
    words = [f"w{row}" for row in range(50)]
    WordVectors(words, rng.standard_normal((50, 3)) * np.arange(1, 51)[:, np.newaxis]).save(tmp_path / "v.txt")
    wanted = ["w9", "apple", "w2", "fig", "w9", "w30"]
    whole, _ = WordVectors.load(tmp_path / "v.txt").matrix_for(wanted)
    part, _ = WordVectors.load(tmp_path / "v.txt", vocabulary=wanted).matrix_for(wanted)
    np.testing.assert_array_equal(whole, part)


def test_a_vocabulary_stands_for_its_words(tmp_path):
    vocabulary = Vocabulary(["plum", "apple", "king"])
    expected, _ = make().matrix_for(vocabulary.index_to_key)
    matrix, known = make().matrix_for(vocabulary)
    np.testing.assert_array_equal(matrix, expected)
    assert known.tolist() == [True, False, True]
    make().save(tmp_path / "v.txt")
    assert WordVectors.load(tmp_path / "v.txt", vocabulary=vocabulary).index_to_key == ["king", "plum"]


def test_a_number_is_no_word():
    with pytest.raises(TypeError, match=r"expected a word or a list of words, got int; for rows, use \.vectors"):
        make()[0]
    with pytest.raises(TypeError, match=r"words\[1\]: expected a string, got int"):
        make().matrix_for(["king", 0])


def test_a_table_needs_something_to_measure():
    empty = WordVectors([], np.empty((0, 3)))
    assert empty.matrix_for([])[0].shape == (0, 3)
    with pytest.raises(ValueError, match="none of the words has a vector: expected at least one"):
        empty.matrix_for(["apple"])
    with pytest.raises(ValueError, match="none of the words has a vector: expected at least one"):
        make().matrix_for(["apple"])
    with pytest.raises(TypeError, match="words: expected a sequence of strings, got one string"):
        make().matrix_for("apple")
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        make().matrix_for(["apple"], seed=-1)
