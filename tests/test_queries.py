"""Means, ranks, and evaluations on lists of pairs and of questions, against slow ways and by hand."""

from __future__ import annotations

import gzip
import importlib.util
import logging
import math
import re

import numpy as np
import pytest
from finevec import WordVectors
from finevec.vectors import FastTextVectors, analogies
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

WORDS = ["king", "queen", "pear", "zero", "plum"]
TABLE = np.array([[3.0, 4.0, 0.0], [4.0, 3.0, 1.0], [-4.0, 3.0, 0.5], [0.0, 0.0, 0.0], [-8.0, 6.0, 1.0]])
PAIRS = ["king\tqueen\t9", "King\tPEAR\t2", "pear\tplum\t10", "king\tapple\t5", "queen\tplum\t1"]


@pytest.fixture
def wv():
    return WordVectors(WORDS, TABLE.copy())


def random_vectors(seed, rows=40, dim=6, dtype="float64"):
    numbers = np.random.default_rng(seed).standard_normal((rows, dim)).astype(dtype)
    return WordVectors([f"w{row}" for row in range(rows)], numbers)


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_nearest_words_in_a_part_of_the_table():
    wv = random_vectors(0)
    cosines = wv.most_similar("w3", topn=None)
    for first, end, bounds in [
        (5, 20, {"clip_start": 5, "clip_end": 20}),
        (35, 40, {"clip_start": 35}),
        (0, 7, {"clip_end": 7}),
        (0, 9, {"restrict_vocab": 9, "clip_start": 20}),
        (0, 40, {"restrict_vocab": 0, "clip_end": 99}),
        (0, 0, {"clip_start": 50}),
    ]:
        np.testing.assert_allclose(wv.most_similar("w3", topn=None, **bounds), cosines[first:end], rtol=1e-14)
        order = [row for row in np.argsort(-cosines) if first <= row < end and row != 3]
        assert [word for word, _ in wv.most_similar("w3", topn=4, **bounds)] == [f"w{row}" for row in order[:4]]
    assert wv.similar_by_word("w3", 3, restrict_vocab=9) == wv.most_similar("w3", topn=3, restrict_vocab=9)
    near = wv.similar_by_vector(wv["w3"], 3, restrict_vocab=9)
    assert [word for word, _ in near] == ["w3", *(word for word, _ in wv.similar_by_word("w3", 2, restrict_vocab=9))]
    with pytest.raises(ValueError, match="clip_start must be at least 0, got -1"):
        wv.most_similar("w3", clip_start=-1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_hide_no_nearest_words(dtype, odd):
    wv = random_vectors(2, rows=30, dtype=dtype)
    wanted = wv.most_similar("w0", topn=None)
    others = range(1, 30, 2)
    wv.vectors[others, np.arange(15) % 6] = odd
    found = wv.most_similar("w0", topn=None)
    assert np.flatnonzero(np.isnan(found)).tolist() == list(others)
    order = [row for row in np.argsort(-wanted) if row % 2 == 0 and row != 0]
    for topn in (1, 5, 13, 14):
        assert [word for word, _ in wv.most_similar("w0", topn=topn)] == [f"w{row}" for row in order[:topn]]
    behind = wv.most_similar("w0", topn=99)
    assert [word for word, _ in behind] == [f"w{row}" for row in (*order, *others)]
    assert np.isnan([cosine for _, cosine in behind[14:]]).all()


def test_weights():
    wv = random_vectors(1)
    some = np.arange(6.0)
    wanted = wv.most_similar([unit(wv["w1"]) * 2 - unit(wv["w2"]) * 0.5 + 3 * some], topn=None)
    found = wv.most_similar([("w1", 2), (some, 3.0)], [("w2", -0.5)], topn=None)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14)
    assert {"w1", "w2"}.isdisjoint(
        word for word, _ in wv.most_similar([("w1", 2), (some, 3.0)], [("w2", -0.5)], topn=99)
    )
    with pytest.raises(ValueError, match=re.escape("expected a pair (example, weight), got a tuple of 3")):
        wv.most_similar([("w1", 2, 3)])
    with pytest.raises(TypeError, match="weight must be a number, got str"):
        wv.most_similar([("w1", "w2")])


def test_cosines_and_distances(wv):
    assert wv.distance("king", "queen") == pytest.approx(1 - 24 / 5 / np.sqrt(26))
    assert wv.distance("king", "zero") == 1.0
    means = TABLE[[0, 1]].mean(axis=0), TABLE[[2, 4, 4]].mean(axis=0)
    found = wv.n_similarity(["king", "queen"], ["pear", "plum", "plum", "apple"])
    assert found == pytest.approx(unit(means[0]) @ unit(means[1]))
    assert wv.n_similarity(["apple"], ["king"]) == 0.0
    with pytest.raises(ZeroDivisionError, match="expected two lists of at least one word each, got an empty one"):
        wv.n_similarity([], ["king"])
    with pytest.raises(TypeError, match="keys: expected a list of words or vectors, got one string"):
        wv.n_similarity("king", ["king"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_means(dtype):
    wv = random_vectors(2, dtype=dtype)
    some = np.ones(6)
    first, second = wv["w1"].astype(float), wv["w2"].astype(float)
    keys, weights = ["w1", "apple", "w2", some], [1, 100, -2.0, 0.5]
    for options, wanted in [
        ({}, (unit(first) - 2 * unit(second) + 0.5 * some) / 3.5),
        ({"pre_normalize": False}, (first - 2 * second + 0.5 * some) / 3.5),
        ({"post_normalize": True}, unit(unit(first) - 2 * unit(second) + 0.5 * some)),
    ]:
        mean = wv.get_mean_vector(keys, weights, **options)
        assert mean.dtype == dtype
        # Computed in float64, and rounded once.
        np.testing.assert_allclose(mean, wanted, rtol=np.finfo(dtype).eps, atol=1e-14)
    assert wv.get_mean_vector(["apple"]).tolist() == [0.0] * 6
    np.testing.assert_allclose(wv.get_mean_vector(wv.vectors), wv.vectors.mean(axis=0), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (([],), ValueError, "expected at least one word or vector, got none"),
        ((["king"], [1, 2]), ValueError, "weights: expected one for each of the 1 keys, got shape (2,)"),
        (([np.ones(2)],), ValueError, "expected a vector of shape (3,), got (2,)"),
        (([3],), TypeError, "expected a word or a vector, got int"),
        ((["apple"], None, True, False, False), KeyError, "'apple' is not among the 5 words"),
    ],
)
def test_bad_means(wv, arguments, error, said):
    with pytest.raises(error, match=re.escape(said)):
        wv.get_mean_vector(*arguments)


def test_which_does_not_match(caplog):
    wv = random_vectors(3)
    words = ["w5", "w1", "apple", "w7", "w2"]
    known = [word for word in words if word != "apple"]
    with caplog.at_level(logging.WARNING):
        ranked = wv.rank_by_centrality(words)
    assert [record.message for record in caplog.records] == ["left out 1 unknown words of 5"]
    for use_norm in (True, False):
        rows = np.array([unit(wv[word]) if use_norm else wv[word] for word in known])
        dots = rows @ unit(rows.sum(axis=0))
        ranked = wv.rank_by_centrality(words, use_norm)
        assert [word for _, word in ranked] == [known[row] for row in np.argsort(-dots)]
        np.testing.assert_allclose([dot for dot, _ in ranked], sorted(dots, reverse=True))
    assert wv.doesnt_match(words) == wv.rank_by_centrality(words)[-1][1]
    with pytest.raises(ValueError, match="expected at least one known word, got 1 words, none of them known"):
        wv.doesnt_match(["apple"])


def test_words_made_of_ngrams_have_a_part_in_means_and_ranks():
    rng = np.random.default_rng(4)
    wv = FastTextVectors(["good", "bad"], rng.standard_normal((2, 4)), rng.standard_normal((20, 4)), min_n=3, max_n=4)
    made = wv["goods"]
    np.testing.assert_allclose(wv.get_mean_vector(["good", "goods", ""]), (unit(wv["good"]) + unit(made)) / 2)
    assert wv.n_similarity(["goods"], ["bad"]) == wv.similarity("goods", "bad")
    assert {word for _, word in wv.rank_by_centrality(["good", "goods", "bad", ""])} == {"good", "goods", "bad"}
    assert {word for word, _ in wv.most_similar(["goods"])} == {"good", "bad"}


def ranks(values):
    """One at a time: the mean of the places that a value has among all, from 1."""
    return [sum(other < one for other in values) + (sum(other == one for other in values) + 1) / 2 for one in values]


def coefficient(first, second):
    return np.corrcoef(first, second)[0, 1]


@given(
    judged=st.lists(st.tuples(st.permutations(range(6)), st.sampled_from([0, 1, 2.5, 4])), min_size=3, max_size=20),
    seed=seeds,
)
def test_correlations(judged, seed):
    wv = random_vectors(seed, rows=6)
    # The cosines of a pair and of its mirror image are equal, so the oracle must see that tie.
    pairs = [sorted(words[:2]) for words, _ in judged]
    cosines = [float(unit(wv.vectors[first]) @ unit(wv.vectors[second])) for first, second in pairs]
    gold = [grade for _, grade in judged]
    pearson, spearman, unknown = wv.evaluate_word_pairs([f"w{a}\tW{b}\t{grade}" for (a, b, *_), grade in judged])
    assert unknown == 0.0
    if len(set(gold)) == 1 or len(set(cosines)) == 1:
        assert all(math.isnan(number) for number in (*pearson, *spearman))
        return
    assert pearson.statistic == pytest.approx(coefficient(gold, cosines), abs=1e-9)
    assert spearman.statistic == pytest.approx(coefficient(ranks(gold), ranks(cosines)), abs=1e-12)
    if importlib.util.find_spec("scipy") is None:
        assert math.isnan(pearson.pvalue)


def test_pairs_of_unknown_words_and_other_lines(wv, tmp_path, caplog):
    lines = ["word 1\tword 2\tscore\n", "# a comment\n", *(line + "\n" for line in PAIRS), "\n", "king\tqueen\n"]
    plain, packed = tmp_path / "pairs.tsv", tmp_path / "pairs"
    plain.write_text("".join(lines))
    packed.write_bytes(gzip.compress("".join(lines).encode("utf-16")))
    with caplog.at_level(logging.WARNING):
        wanted = wv.evaluate_word_pairs(plain)
    place = "2 lines left out, the first is line 1: found 'word 1\\tword 2\\tscore'"
    said = f"{plain}: {place}, wanted two words and a number, parted by '\\t'"
    assert [record.message for record in caplog.records] == [said]
    cosines = [
        TABLE[a] @ TABLE[b] / np.linalg.norm(TABLE[a]) / np.linalg.norm(TABLE[b])
        for a, b in [(0, 1), (0, 2), (2, 4), (1, 4)]
    ]
    assert wanted[0].statistic == pytest.approx(coefficient([9, 2, 10, 1], cosines))
    assert wanted[1].statistic == pytest.approx(coefficient([3, 2, 4, 1], ranks(cosines)))
    assert wanted[2] == 20.0
    with plain.open() as file:
        for source, options in [(str(packed), {"encoding": "utf-16"}), (iter(lines), {}), (file, {})]:
            assert repr(wv.evaluate_word_pairs(source, **options)) == repr(wanted)
    spaced = [line.replace("\t", " ") for line in lines]
    assert repr(wv.evaluate_word_pairs(spaced, delimiter=" ")) == repr(wanted)

    pearson, _, unknown = wv.evaluate_word_pairs(plain, dummy4unknown=True)
    assert pearson.statistic == pytest.approx(coefficient([9, 2, 10, 1, 5], [*cosines, 0.0]))
    assert unknown == 20.0
    pearson, _, unknown = wv.evaluate_word_pairs(plain, case_insensitive=False)
    assert pearson.statistic == pytest.approx(coefficient([9, 10, 1], [cosines[0], cosines[2], cosines[3]]))
    assert unknown == 40.0
    assert wv.evaluate_word_pairs(plain, restrict_vocab=3)[2] == 60.0
    assert wv.evaluate_word_pairs(plain, restrict_vocab=None)[2] == 20.0


def test_of_words_that_differ_in_case_the_first_counts():
    wv = WordVectors(["polish", "Polish", "wax", "german"], np.eye(4) + np.eye(4)[::-1] * [[0.3], [0.5], [0.1], [0.2]])
    lines = ["Polish\twax\t1", "POLISH\tgerman\t3", "wax\tgerman\t2"]
    first = [line.replace("Polish", "polish").replace("POLISH", "polish") for line in lines]
    assert repr(wv.evaluate_word_pairs(lines)) == repr(wv.evaluate_word_pairs(first, case_insensitive=False))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda wv, path: wv.evaluate_word_pairs(path),
            "expected at least 2 pairs of known words, got 1; 1 have an unknown word; 1 lines left out, the first is "
            "line 2: found 'one two', wanted two words and a number, parted by '\\t'",
        ),
        (
            lambda wv, path: wv.evaluate_word_analogies(path),
            "line 1: found 'king\\tqueen\\t9', wanted a section's name first, such as ': family'",
        ),
        (lambda wv, path: wv.evaluate_word_pairs(path, encoding="utf-16"), "after line 0: not utf-16: "),
    ],
)
def test_bad_files(wv, tmp_path, ask, said):
    path = tmp_path / "lines"
    path.write_text("king\tqueen\t9\none two\nking\tapple\t3\n")
    with pytest.raises(ValueError, match=re.escape(f"{path}: {said}")):
        ask(wv, path)


def test_bad_sources(wv, tmp_path):
    path = tmp_path / "lines.gz"
    with pytest.raises(FileNotFoundError):
        wv.evaluate_word_pairs(path)
    whole = gzip.compress("".join(f"king\tqueen\t{n}\n" for n in range(99)).encode())
    for damaged in (whole[:40], whole[:20] + b"\xff" * 30 + whole[50:], whole[:-6] + b"\0\0" + whole[-4:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=re.escape(f"{path}: after line ") + r"\d+: damaged gzip data: "):
            wv.evaluate_word_pairs(path)
    with pytest.raises(TypeError, match="the lines given: line 1: expected a string, got bytes"):
        wv.evaluate_word_pairs([b"king\tqueen\t9"])
    with pytest.raises(
        ValueError, match="the lines given: expected questions of four words, got none; 1 lines left out"
    ):
        wv.evaluate_word_analogies([": family", "one two three"])


@given(
    data=st.data(),
    rows=st.integers(1, 40),
    dtype=st.sampled_from(["float32", "float64"]),
    blocks=st.sampled_from([(3, 7), (1, 1), (512, 4096)]),
    seed=seeds,
)
def test_analogies_are_what_the_nearest_words_say(data, rows, dtype, blocks, seed):
    # Rows of a few small integers: many are equal or zero, so that ties have to be broken.
    table = np.random.default_rng(seed).integers(-1, 2, (rows, 3)).astype(dtype)
    names = [f"w{row}" for row in range(rows)]
    wv = WordVectors(names, table)
    word = st.sampled_from([*names, "apple"])
    questions = data.draw(st.lists(st.tuples(word, word, word, word), min_size=1, max_size=20))
    restrict = data.draw(st.sampled_from([None, 10, 300]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analogies, "QUESTIONS_AT_ONCE", blocks[0])
        patch.setattr(analogies, "ROWS_AT_ONCE", blocks[1])
        score, sections = wv.evaluate_word_analogies([": all", *map(" ".join, questions)], restrict, False)
    known = set(names[:restrict])
    asked = [question for question in questions if known.issuperset(question)]
    right = []
    for a, b, c, expected in asked:
        units = {w: unit(v) if v.any() else v for w, v in zip(names, table.astype(float), strict=True)}
        direction = units[b] - units[a] + units[c]
        cosines = {w: round(float(units[w] @ direction), 5) for w in names[:restrict] if w not in (a, b, c)}
        best = max(cosines.values(), default=0)
        nearest = [w for w in cosines if cosines[w] == best]
        # Equal rows have equal cosines to the last bit: the earliest. Others that are close may be swapped by rounding.
        alike = nearest and len({tuple(units[w]) for w in nearest}) == 1
        right.append(None if nearest and not alike else bool(nearest) and nearest[0] == expected)
    found = [question in sections[0]["correct"] for question in asked]
    assert all(want is None or want == got for want, got in zip(right, found, strict=True))
    assert sorted(sections[0]["correct"] + sections[0]["incorrect"]) == sorted(asked)
    assert score == (len(sections[1]["correct"]) / len(asked) if asked else 0.0)


def test_sections_case_and_unknown_words(caplog):
    table = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0], [0.1, 1, 1], [0, 0.1, 1.0]])
    wv = WordVectors(["king", "queen", "man", "woman", "KING", "apple"], table)
    lines = [
        *(": family", "Man King woman queen", "man king woman apple", "man king woman pear", "", "too few words"),
        *(":  gram1-adverb ", "woman queen man king", "king man queen woman"),
    ]
    with caplog.at_level(logging.WARNING):
        score, sections = wv.evaluate_word_analogies(lines)
    assert ["1 lines left out, the first is line 6: found 'too few words'" in r.message for r in caplog.records] == [
        True
    ]
    family = {
        "section": "family",
        "correct": [("MAN", "KING", "WOMAN", "QUEEN")],
        "incorrect": [("MAN", "KING", "WOMAN", "APPLE")],
    }
    gram = {
        "section": "gram1-adverb",
        "correct": [("WOMAN", "QUEEN", "MAN", "KING"), ("KING", "MAN", "QUEEN", "WOMAN")],
        "incorrect": [],
    }
    total = {
        "section": "Total accuracy",
        "correct": family["correct"] + gram["correct"],
        "incorrect": family["incorrect"],
    }
    assert (score, sections) == (3 / 4, [family, gram, total])

    score, sections = wv.evaluate_word_analogies(lines, dummy4unknown=True)
    assert score == 3 / 5
    assert sections[0]["incorrect"] == [("MAN", "KING", "WOMAN", "APPLE"), ("MAN", "KING", "WOMAN", "PEAR")]
    score, sections = wv.evaluate_word_analogies(lines, case_insensitive=False)
    assert sections[0] == {"section": "family", "correct": [], "incorrect": [("man", "king", "woman", "apple")]}
    assert wv.evaluate_word_analogies(lines, restrict_vocab=3)[0] == 0.0


def test_a_row_that_is_not_finite_hides_no_other():
    table = np.array([[1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 1, 0], [np.nan, 1, 1], [np.inf, 0, 0]], np.float32)
    wv = WordVectors(["king", "queen", "man", "woman", "nan", "inf"], table)
    assert wv.evaluate_word_analogies([": family", "man king woman queen"])[0] == 1.0
