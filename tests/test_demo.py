"""`finevec demo`: it runs, says what it found, saves a model that works, and overwrites nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest
from finevec import WordVectors
from finevec.commands import main
from finevec.datasets.demo_data import DEMO_FOLDER, demo_texts, demo_vectors
from finevec.datasets.make_demo_vectors import choose_words, quantize
from finevec.models import load_model


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The output of one demo with two seeds, and where it saved."""
    import contextlib
    import io

    path = tmp_path_factory.mktemp("demo") / "out"
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        assert main(["demo", "--save", str(path), "--seeds", "2"]) == 0
    return stream.getvalue(), path


def test_the_texts_are_balanced_disjoint_and_many():
    train, test = demo_texts()
    assert len(train.texts) + len(test.texts) >= 600
    assert not set(train.texts) & set(test.texts)
    for part in (train, test):
        assert part.labels.count("0") == part.labels.count("1")


def test_the_vectors_are_small_and_know_the_texts():
    assert (DEMO_FOLDER / "vectors.npz").stat().st_size < 1_000_000
    assert "Public Domain Dedication and License" in (DEMO_FOLDER / "NOTICE").read_text()
    vectors = demo_vectors()
    assert vectors.vectors.shape == (len(vectors.index_to_key), 100)
    assert vectors.vectors.dtype == np.float32
    words = re.findall("[a-z]+", " ".join(demo_texts().__getitem__(0).texts).lower())
    known = sum(word in vectors.key_to_index for word in words)
    assert known / len(words) > 0.97
    assert "film" in dict(vectors.most_similar("movie", topn=3))


def test_quantizing_errs_by_half_a_step_at_most():
    vectors = np.random.default_rng(0).normal(size=(50, 20)).astype(np.float32)
    vectors[3] = 0
    codes, scales = quantize(vectors)
    assert codes.dtype == np.int8
    # Half a step, and the rounding of scale and product to float32.
    bound = scales[:, None] * (0.5 + 127 * 2.0**-22)
    assert (np.abs(codes * scales[:, None] - vectors) <= bound).all()
    assert (codes[3] == 0).all()


def test_words_are_chosen_from_the_texts_first_and_kept_in_order():
    glove = WordVectors(["the", "42", "of", ",", "rare", "word"], np.zeros((6, 2), np.float32))
    assert choose_words(glove, ["A rare , sight"], 3) == ["the", ",", "rare"]
    assert choose_words(glove, ["rare"], 10) == ["the", "of", "rare", "word"]


def test_fine_tuning_wins_and_both_are_shown(demo):
    shown, _ = demo
    lines = shown.splitlines()
    assert lines[0].startswith("finevec demo: ")
    means = {}
    for name in ("frozen", "fine-tuned", "difference"):
        (line,) = [line for line in lines if line.strip().startswith(name)]
        numbers = [float(text) for text in re.findall(r"[+-]?\d+\.\d", line)]
        assert len(numbers) == 3
        means[name] = numbers[0]
        assert numbers[0] == pytest.approx(np.mean(numbers[1:]), abs=0.11)
    assert means["fine-tuned"] - means["frozen"] >= 3
    assert len({len(line) for line in lines if re.search(r"^  (frozen|fine-tuned|difference) ", line)}) == 1


def test_neighbours_moves_and_rows_are_shown(demo):
    shown, path = demo
    assert re.search(r"nearest words \(cosine\), before and after fine-tuning", shown)
    assert re.search(r"^  bad +\S+ +0\.\d\d +\S+ +0\.\d\d$", shown, re.MULTILINE)
    assert len(re.findall(r"towards (?:praise|complaint)", shown)) == 10
    changed, rows = (
        int(text.replace(",", "")) for text in re.search(r"rows changed  ([\d,]+) of the ([\d,]+)", shown).groups()
    )
    assert 1000 < changed < rows
    assert f"saved  {path}" in shown


def test_what_is_saved_works(demo):
    _, path = demo
    model = load_model(path)
    assert model.predict(["A wonderful, friendly place and I love it.", "Terrible, rude, and a waste of money."]) == [
        "1",
        "0",
    ]
    tuned = WordVectors.load(path / "vectors.txt")
    assert np.array_equal(tuned.vectors, model.vectors)


def test_it_replaces_its_own_output_and_nothing_else(demo, tmp_path, capsys):
    _, path = demo
    assert main(["demo", "--save", str(path), "--seeds", "1"]) == 0
    (tmp_path / "mine.txt").write_text("thesis")
    capsys.readouterr()
    assert main(["demo", "--save", str(tmp_path)]) == 2
    assert "holds something that is not a finevec model" in capsys.readouterr().err
    model = load_model(path)
    from finevec.models import save_model

    save_model(model, tmp_path / "trained", training={"seed": 1})
    assert main(["demo", "--save", str(tmp_path / "trained")]) == 2
    assert "holds a model that the demo did not make" in capsys.readouterr().err
