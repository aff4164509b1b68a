"""Agreement with the fastText and the gensim that are installed, on models that they train here."""

import random

import numpy as np
import pytest
from finevec.vectors import WordVectors
from numpy.testing import assert_allclose

# fastText rounds the inverse of the count and the product, finevec and gensim the quotient; the sums are the same.
MEAN_RTOL = 3 * 2.0**-24

LETTERS = "abcdefgoßéжя語本한🙂"

SETTINGS = {
    "skipgram": {"model": "skipgram", "minn": 2, "maxn": 5},
    "cbow": {"model": "cbow", "minn": 3, "maxn": 6},
    "cbow without n-grams": {"model": "cbow", "minn": 0, "maxn": 0},
    "supervised": {},
    "supervised, pairs of words": {"wordNgrams": 2},
    "supervised, characters": {"minn": 2, "maxn": 4},
    "supervised, characters and pairs": {"minn": 1, "maxn": 3, "wordNgrams": 2},
}


def made_up_words(count, seed):
    draw = random.Random(seed)
    words = {"".join(draw.choices(LETTERS, k=draw.randint(1, 9))) for _ in range(count)}
    return sorted(words)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A file of labelled lines of made-up words."""
    draw = random.Random(0)
    words = made_up_words(150, seed=1)
    lines = [f"__label__{draw.choice('xyz')} {' '.join(draw.choices(words, k=8))}\n" for _ in range(200)]
    path = tmp_path_factory.mktemp("fasttext") / "text.txt"
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize("name", SETTINGS)
def test_vectors_of_known_and_unknown_words_are_those_of_fasttext(name, text, tmp_path):
    fasttext = pytest.importorskip("fasttext", reason="no fastText package is installed")
    settings = SETTINGS[name]
    train = fasttext.train_unsupervised if "model" in settings else fasttext.train_supervised
    # Fewer than ten threads leave memory of the matrix as it was.
    common = {"dim": 10, "bucket": 500, "minCount": 1, "epoch": 2, "thread": 12, "verbose": 0}
    model = train(str(text), **common, **settings)
    path = tmp_path / "model.bin"
    model.save_model(str(path))
    wv = WordVectors.load(path)
    assert wv.index_to_key == model.words
    found = 0
    for word in [*model.words, *made_up_words(300, seed=2)]:
        wanted = model.get_word_vector(word)
        if word in wv or len(model.get_subwords(word)[1]):
            assert_allclose(wv[word], wanted, rtol=MEAN_RTOL, atol=0)
            found += word not in wv
        else:
            with pytest.raises(KeyError):
                wv[word]
    assert (found > 200) == (wv.bucket > 0)


@pytest.mark.parametrize("sg", [0, 1])
def test_gensim_and_finevec_read_the_same(sg, text, tmp_path):
    models = pytest.importorskip("gensim.models", reason="gensim is not installed")
    from gensim.models.fasttext import load_facebook_vectors, save_facebook_model

    sentences = [line.split()[1:] for line in text.read_text().splitlines()]
    model = models.FastText(
        sentences, vector_size=10, min_count=1, epochs=1, sg=sg, min_n=2, max_n=4, bucket=300, seed=1, workers=1
    )
    path = tmp_path / "model.bin"
    save_facebook_model(model, str(path))
    theirs, ours = load_facebook_vectors(str(path)), WordVectors.load(path)
    assert ours.index_to_key == theirs.index_to_key
    assert ours.model_info.kind == ("skipgram" if sg else "cbow")
    words = [*ours.index_to_key, *(word for word in made_up_words(300, seed=3) if len(ours.ngram_rows([word])[0]))]
    assert len(words) > len(ours) + 200
    assert_allclose(ours[words], np.stack([theirs[word] for word in words]), rtol=MEAN_RTOL, atol=0)
