"""Published sets of word similarity and analogies on real GloVe vectors: the figures that others get with them."""

from __future__ import annotations

import gzip

import pytest
from finevec import WordVectors

SPEARMAN = {
    # set: 100d, 50d, pairs with an unknown word
    "wordsim353": (0.533, 0.503, 0),
    "wordsim353-sim": (0.604, 0.573, 0),
    "wordsim353-rel": (0.496, 0.466, 0),
    "simlex999": (0.298, 0.265, 0),
    "rg-65": (0.691, 0.602, 0),
    "mc-30": (0.627, 0.563, 0),
    "men": (0.681, 0.652, 0),
    "mturk-771": (0.581, 0.554, 0),
    "rw": (0.366, 0.340, 252),
}
PAIRS = {"rw": 2034}


@pytest.fixture(scope="module", params=[100, 50])
def vectors(request, data_dir):
    return WordVectors.load(data_dir / "vectors" / f"glove.6B.{request.param}d.subset.txt.gz")


@pytest.mark.parametrize("name", SPEARMAN)
def test_pairs(vectors, data_dir, name):
    rho_100, rho_50, unknown = SPEARMAN[name]
    pearson, spearman, ratio = vectors.evaluate_word_pairs(data_dir / "similarity" / f"{name}.tsv")
    assert round(spearman.statistic, 3) == {100: rho_100, 50: rho_50}[vectors.vector_size]
    assert ratio == (unknown / PAIRS[name] * 100 if unknown else 0.0)
    assert 0 < pearson.statistic < 1


def test_analogies(vectors, data_dir):
    with gzip.open(data_dir / "similarity" / "questions-words.txt.gz", "rt") as file:
        questions = [line for line in file if not line.startswith(":")]
    score, sections = vectors.evaluate_word_analogies([": one in 20", *questions[::20]])
    assert round(score, 3) == {100: 0.638, 50: 0.469}[vectors.vector_size]
    assert [section["section"] for section in sections] == ["one in 20", "Total accuracy"]
    total = sections[1]
    assert len(total["correct"]) + len(total["incorrect"]) == len(questions[::20]) == 978
