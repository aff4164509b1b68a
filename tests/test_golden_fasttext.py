"""Agreement with fastText's models and the vectors it gave: golden/fasttext*, made by golden/make_fasttext.py."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from finevec.vectors import FastTextVectors, WordVectors
from numpy.testing import assert_allclose, assert_array_equal

GOLDEN = Path(__file__).parent / "golden"

with np.load(GOLDEN / "fasttext.npz") as _archive:
    CASES = json.loads(str(_archive["cases"]))
    ARRAYS = {name: _archive[name] for name in _archive.files}

# Of a mean of the same sum: fastText rounds the inverse of the count and the product, finevec the quotient.
MEAN_RTOL = 3 * 2.0**-24

MODELS = {
    "skipgram": ("skipgram", 12, 2, 4, 40),
    "cbow": ("cbow", 12, 3, 6, 50),
    "short": ("skipgram", 12, 1, 2, 7),
    "unsupervised_words": ("cbow", 12, 0, 0, 0),
    "supervised_words": ("supervised", 12, 0, 0, 0),
    "supervised_pairs": ("supervised", 12, 0, 0, 0),
    "supervised_chars": ("supervised", 12, 2, 3, 30),
    "v11": ("supervised", 11, 0, 0, 0),
}
WITH_NGRAMS = [name for name, model in MODELS.items() if model[-1]]

every_model = pytest.mark.parametrize("name", MODELS)
models_with_ngrams = pytest.mark.parametrize("name", WITH_NGRAMS)


def path_of(name):
    return GOLDEN / f"fasttext_{name}.bin"


def load(name, **options):
    return WordVectors.load(path_of(name), **options)


def assert_bits(found, wanted):
    assert found.dtype == wanted.dtype
    assert_array_equal(found.view("u4"), wanted.view("u4"))


def test_nothing_is_missing():
    assert set(CASES) == set(MODELS)
    assert all(len(case["words"]) == 24 for case in CASES.values())
    assert {name: len(case["unknown"]) for name, case in CASES.items() if case["unknown"]} == {
        "skipgram": 21,
        "cbow": 20,
        "short": 21,
        "supervised_chars": 21,
    }


@every_model
def test_words_have_the_bits_that_fasttext_gives(name):
    for format in ("auto", "fasttext-binary"):
        wv = load(name, format=format)
        assert isinstance(wv, FastTextVectors)
        assert wv.index_to_key == CASES[name]["words"]
        assert_bits(wv.vectors, ARRAYS[f"{name}/words"])


@every_model
def test_what_a_model_tells(name):
    wv = load(name)
    kind, version, *ngrams = MODELS[name]
    assert (*wv.model_info,) == (kind, version, CASES[name]["labels"])
    assert [wv.min_n, wv.max_n, wv.bucket] == ngrams
    assert wv.ngrams.shape == (wv.bucket, wv.vector_size)
    if wv.bucket:
        assert_bits(wv.ngrams, ARRAYS[f"{name}/input"][len(wv) :])
    info = wv.file_info
    assert (info.format, info.rows, info.promised, info.repeated) == ("fasttext-binary", 24, 24, 0)


@models_with_ngrams
def test_unknown_words_are_means_of_their_ngrams(name):
    wv, case = load(name), CASES[name]
    assert_allclose(wv[case["unknown"]], ARRAYS[f"{name}/unknown"], rtol=MEAN_RTOL, atol=0)
    for word, rows, wanted in zip(case["unknown"], case["rows"], ARRAYS[f"{name}/unknown"], strict=True):
        assert word not in wv
        assert_allclose(wv[word], wanted, rtol=MEAN_RTOL, atol=0)
        found, offsets = wv.ngram_rows([word])
        assert (found + len(wv)).tolist() == rows
        assert offsets.tolist() == [0, len(rows)]


@every_model
def test_words_without_ngrams_are_unknown(name):
    wv, case = load(name), CASES[name]
    assert bool(case["without"]) == (name not in ("skipgram", "short", "supervised_chars"))
    for word in [*case["without"], "\ud800"]:
        for look_up in (wv.get_vector, wv.__getitem__, lambda word: wv[["the", word]], wv.get_index):
            with pytest.raises(KeyError, match="is not among the 24 words"):
                look_up(word)


@every_model
def test_the_end_of_line_has_no_ngrams(name):
    wv = load(name)
    row = wv.get_index("</s>")
    assert_bits(wv["</s>"], ARRAYS[f"{name}/input"][row])
    assert len(wv.ngram_rows(["</s>"])[0]) == 0


@models_with_ngrams
def test_float64_means_are_made_in_float64(name):
    wv, case = load(name, dtype="float64"), CASES[name]
    assert wv.vectors.dtype == wv.ngrams.dtype == np.float64
    rows, offsets = wv.ngram_rows(case["words"])
    known = [[row, *bag + len(wv)] for row, bag in enumerate(np.split(rows, offsets[1:-1]))]
    table = ARRAYS[f"{name}/input"].astype(np.float64)
    for words, bags in [(case["words"], known), (case["unknown"], case["rows"])]:
        for found, bag in zip(wv[words], bags, strict=True):
            # A rounding for each term and three for the mean, on either side.
            bound = 2 * (len(bag) + 3) * 2.0**-53 * np.abs(table[bag]).mean(axis=0)
            assert (np.abs(found - table[bag].mean(axis=0)) <= bound).all()


@every_model
def test_a_vocabulary_and_a_limit_pick_rows(name):
    words, wanted = CASES[name]["words"], ARRAYS[f"{name}/words"]
    picked = [words[20], "rivers", words[3], words[4]]
    wv = load(name, vocabulary=picked)
    assert wv.index_to_key == [words[3], words[4], words[20]]
    assert_bits(wv.vectors, wanted[[3, 4, 20]])
    assert wv.bucket == load(name).bucket
    wv = load(name, vocabulary=picked, limit=5)
    assert wv.index_to_key == [words[3], words[4]]
    wv = load(name, limit=7)
    assert (wv.index_to_key, wv.file_info.rows) == (words[:7], 7)
    assert_bits(wv.vectors, wanted[:7])


@every_model
def test_packed_models_are_read(name, tmp_path):
    packed = tmp_path / "model.bin.gz"
    packed.write_bytes(gzip.compress(path_of(name).read_bytes()))
    wv = WordVectors.load(packed)
    assert_bits(wv.vectors, ARRAYS[f"{name}/words"])


@pytest.mark.parametrize("name", ["skipgram", "supervised_words"])
def test_a_model_cut_anywhere_is_refused(name, tmp_path):
    whole = path_of(name).read_bytes()
    cut = tmp_path / "cut.bin"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"(?s)the file ends inside|promises .* bytes, the file has") as raised:
            WordVectors.load(cut, format="fasttext-binary")
        assert str(raised.value).startswith(f"{cut}: byte ")
        if length >= 4:
            with pytest.raises(ValueError, match=str(cut)) as told:
                WordVectors.load(cut)
            assert str(told.value) == str(raised.value)
    cut.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match=f"byte {len(whole)}: the model ends here, the file goes on"):
        WordVectors.load(cut)


def test_a_quantised_model_is_refused():
    with pytest.raises(ValueError, match=r"fasttext_quantised.ftz: this is a quantised fastText model \(.ftz\)"):
        WordVectors.load(GOLDEN / "fasttext_quantised.ftz")
