"""Agreement with what gensim saved, read and answered once: golden/gensim*, made by golden/make_gensim.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from finevec.vectors import WordVectors
from helpers import cosine_bound
from numpy.testing import assert_allclose, assert_array_equal

GOLDEN = Path(__file__).parent / "golden"
FILES = {"gensim_word2vec.txt": "word2vec", "gensim_glove.txt": "glove", "gensim_float64.txt": "glove"}

with np.load(GOLDEN / "gensim.npz") as _archive:
    CASES = json.loads(str(_archive["cases"]))
    ARRAYS = {name: _archive[name] for name in _archive.files}

ANSWERS = CASES["answers"]
EXAMPLES = ARRAYS["query/examples"]
DIM = EXAMPLES.shape[1]


@pytest.fixture
def wv():
    return WordVectors(CASES["words"]["query"], ARRAYS["query/vectors"])


def given(example):
    """Return an example, or a list of them, with vectors in place of their numbers."""
    if isinstance(example, list):
        return [given(one) for one in example]
    return EXAMPLES[example] if isinstance(example, int) else example


def unit(vector):
    return vector.astype(float) / np.linalg.norm(vector.astype(float))


def mean_bound(wv, positive, negative):
    examples = []
    for sign, side in ((1, positive), (-1, negative)):
        for example in side if isinstance(side, list) else [side]:
            if example is not None:
                examples.append(sign * (EXAMPLES[example] if isinstance(example, int) else unit(wv[example])))
    return cosine_bound(examples)


def test_nothing_is_missing():
    assert [len(CASES["words"][name]) for name in FILES] == [26] * 3
    assert {kind: len(cases) for kind, cases in ANSWERS.items()} == {
        "most_similar": 14,
        "similar_by_vector": 3,
        "similarity": 6,
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FILES)
def test_files_are_read_as_gensim_reads_them(name, dtype):
    for format in ("auto", FILES[name]):
        loaded = WordVectors.load(GOLDEN / name, format=format, dtype=dtype)
        assert loaded.file_info.format == FILES[name]
        assert loaded.index_to_key == CASES["words"][name]
        bits = f"u{loaded.vectors.itemsize}"
        assert_array_equal(loaded.vectors.view(bits), ARRAYS[f"{name}/{dtype}"].view(bits))


@pytest.mark.parametrize("name", ["gensim_word2vec.txt", "gensim_glove.txt"])
def test_files_are_saved_with_the_numbers_of_gensim(name, tmp_path):
    """Not the same bytes: gensim writes `1e+10`. But as many digits, so the same number in float64 too."""
    WordVectors.load(GOLDEN / name).save(tmp_path / name, format=FILES[name])
    again = WordVectors.load(tmp_path / name, dtype="float64")
    assert_array_equal(again.vectors.view("u8"), ARRAYS[f"{name}/float64"].view("u8"))


@pytest.mark.parametrize("case", ANSWERS["most_similar"], ids=str)
def test_most_similar(wv, case):
    positive, negative, topn, wanted = case
    found = wv.most_similar(given(positive), given(negative), topn=topn)
    bound = mean_bound(wv, positive, negative)
    if topn is None:
        assert_allclose(found, wanted, rtol=0, atol=bound)
    else:
        assert [word for word, _ in found] == [word for word, _ in wanted]
        assert_allclose([cosine for _, cosine in found], [cosine for _, cosine in wanted], rtol=0, atol=bound)


@pytest.mark.parametrize("case", ANSWERS["similar_by_vector"], ids=str)
def test_similar_by_vector(wv, case):
    row, topn, wanted = case
    found = wv.similar_by_vector(EXAMPLES[row], topn=topn)
    assert [word for word, _ in found] == [word for word, _ in wanted]
    bound = mean_bound(wv, row, None)
    assert_allclose([cosine for _, cosine in found], [cosine for _, cosine in wanted], rtol=0, atol=bound)


@pytest.mark.parametrize("case", ANSWERS["similarity"], ids=str)
def test_similarity(wv, case):
    first, second, wanted = case
    assert_allclose(wv.similarity(first, second), wanted, rtol=0, atol=cosine_bound([wv[first]]))


def test_rows_at_length_one(wv):
    found = np.stack([wv.get_vector(word, norm=True) for word in wv.index_to_key])
    # gensim: dim roundings in the sum of squares, halved by the root, one in the root, one in the division. Here: one.
    assert_allclose(found, ARRAYS["query/units"], rtol=(DIM / 2 + 3) * np.finfo(np.float32).eps / 2, atol=0)
