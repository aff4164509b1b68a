"""Agreement with the gensim that is installed: means, parts of the table, evaluations, and vectors handed over."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from finevec import WordVectors
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from strategies import dims, seeds

models = pytest.importorskip("gensim.models", reason="gensim is not installed")

SETS = ("wordsim353", "wordsim353-sim", "wordsim353-rel", "simlex999", "rg-65", "mc-30", "men", "mturk-771", "rw")

# Two dozen roundings of numbers below 1 for each of at most 300 products, in float32.
CLOSE = 2.0**-24 * 24 * 300


def both(table):
    words = [f"w{row}" for row in range(len(table))]
    keyed = models.KeyedVectors(table.shape[1])
    keyed.add_vectors(words, table)
    return WordVectors(words, table), keyed


@pytest.fixture(scope="module", params=[50, 100])
def glove(request, data_dir):
    ours = WordVectors.load(data_dir / "vectors" / f"glove.6B.{request.param}d.subset.txt.gz")
    return ours, ours.to_gensim()


@pytest.mark.parametrize(
    "options", [{}, {"dummy4unknown": True}, {"case_insensitive": False}, {"restrict_vocab": 9999}]
)
@pytest.mark.parametrize("name", SETS)
def test_pairs(glove, data_dir, name, options):
    found, wanted = (one.evaluate_word_pairs(data_dir / "similarity" / f"{name}.tsv", **options) for one in glove)
    # Pearson's is smooth in the cosines. Of Spearman's, two cosines that swap ranks change 12 / n^2 at most.
    assert_allclose(found[0], wanted[0], rtol=1e-3, atol=1e-5)
    assert_allclose(found[1], wanted[1], rtol=1e-2, atol=12 / 30**2 if name == "mc-30" else 1e-4)
    assert found[2] == wanted[2]


@pytest.mark.parametrize(
    "options", [{}, {"dummy4unknown": True}, {"case_insensitive": False}, {"restrict_vocab": 9999}]
)
def test_analogies(glove, data_dir, tmp_path, options):
    with gzip.open(data_dir / "similarity" / "questions-words.txt.gz", "rt") as file:
        lines = list(file)
    path = tmp_path / "questions.txt"
    path.write_text("".join(line for number, line in enumerate(lines) if line.startswith(":") or number % 80 == 7))
    found, wanted = (one.evaluate_word_analogies(path, **options) for one in glove)
    assert found[0] == wanted[0]
    assert found[1] == wanted[1]


@given(data=st.data(), dim=dims, seed=seeds)
def test_parts_weights_and_means(data, dim, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = both(rng.standard_normal((30, dim)).astype(np.float32))
    keys = data.draw(st.lists(st.sampled_from([*ours.index_to_key, "apple"]), min_size=1, max_size=5))
    vector = rng.standard_normal(dim).astype(np.float32)
    weights = rng.uniform(0.5, 2.0, len(keys) + 1) * rng.choice([-1, 1], len(keys) + 1)
    arguments = [*keys, vector], weights, *data.draw(st.tuples(st.booleans(), st.booleans()))
    means = [one.get_mean_vector(*arguments) for one in (ours, theirs)]
    # The mean at length 1 is as good as the sum is long.
    assert_allclose(*means, rtol=0, atol=CLOSE * max(1.0, *(1 / max(np.linalg.norm(mean), 1e-3) for mean in means)))

    known = [key for key in keys if key != "apple"]
    if not known:
        return
    some = rng.choice(ours.index_to_key, 3).tolist()
    assert_allclose(ours.n_similarity(keys, some), theirs.n_similarity(keys, some), rtol=0, atol=1e3 * CLOSE)
    assert_allclose(ours.distance(known[0], some[0]), theirs.distance(known[0], some[0]), rtol=0, atol=CLOSE)
    ranked, wanted = ours.rank_by_centrality(keys), theirs.rank_by_centrality(keys)
    assert_allclose([dot for dot, _ in ranked], [dot for dot, _ in wanted], rtol=0, atol=1e3 * CLOSE)
    assert sorted(word for _, word in ranked) == sorted(word for _, word in wanted)

    bounds = data.draw(
        st.sampled_from(
            [{}, {"clip_start": 4}, {"clip_start": 3, "clip_end": 17}, {"restrict_vocab": 12, "clip_end": 3}]
        )
    )
    query = [(known[0], 2.0), vector], [(vector[::-1].copy(), -0.1)]
    cosines, others = (one.most_similar(*query, topn=None, **bounds) for one in (ours, theirs))
    assert_allclose(cosines, others, rtol=0, atol=1e3 * CLOSE)
    found, wanted = (one.most_similar(*query, topn=5, **bounds) for one in (ours, theirs))
    assert len(found) == len(wanted)
    assert_allclose([cosine for _, cosine in found], [cosine for _, cosine in wanted], rtol=0, atol=1e3 * CLOSE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back(dtype):
    table = np.random.default_rng(0).standard_normal((4, 3)).astype(dtype)
    ours = WordVectors(list("abcd"), table)
    theirs = ours.to_gensim()
    assert theirs.vectors.dtype == np.float32
    assert not np.shares_memory(theirs.vectors, table)
    assert theirs.key_to_index == ours.key_to_index
    theirs.add_vectors(["e"], np.ones((1, 3)))
    theirs["a"] = np.zeros(3)
    assert theirs.index_to_key == list("abcde")
    assert ours.index_to_key == list("abcd")
    assert ours.vectors.all()
    back = WordVectors.from_gensim(theirs)
    assert back.vectors is theirs.vectors or np.shares_memory(back.vectors, theirs.vectors)
    assert back.index_to_key == list("abcde")
    np.testing.assert_array_equal(back["e"], np.ones(3))
    if dtype == np.float32:
        assert np.shares_memory(ours.to_gensim(copy=False).vectors, table)
    else:
        with pytest.raises(ValueError, match="copy=False: expected a float32 table, which gensim's is, got float64"):
            ours.to_gensim(copy=False)


def test_models_of_gensim():
    model = models.FastText([["a", "b", "a"], ["b", "c"]], vector_size=4, min_count=1, bucket=20, epochs=1, workers=1)
    ours = WordVectors.from_gensim(model)
    assert ours.index_to_key == model.wv.index_to_key
    np.testing.assert_array_equal(ours.vectors, model.wv.vectors)
    half = models.KeyedVectors(3, dtype=np.float16)
    half.add_vectors(["a"], np.ones((1, 3)))
    converted = WordVectors.from_gensim(half).vectors
    assert converted.dtype == np.float32
    numbers = models.KeyedVectors(3)
    numbers.add_vectors([0, 1], np.ones((2, 3)))
    with pytest.raises(TypeError, match="word 0: expected a string, got int"):
        WordVectors.from_gensim(numbers)
