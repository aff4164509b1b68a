"""Model directories: what is saved comes back, a save that ends anywhere loses nothing, damage is told."""

from __future__ import annotations

import contextlib
import json
import os
import shutil

import numpy as np
import pytest
from finevec import WordVectors
from finevec.models import BagClassifier, TextCNN, directory, load_model, save_model
from finevec.models.classifier import OtherWords
from toy_texts import BAD, GOOD, PLAIN, toy_table

WORDS = [*GOOD, *BAD, *PLAIN]


def build(**options):
    return BagClassifier(toy_table(WORDS), WORDS, ["neg", "pos", "other"], seed=1, **options)


def build_cnn(**options):
    """Every weight differs from what the seed, the table or the defaults would give."""
    options = {"widths": (1, 2, 7), "filters": 3, "dropout": 0.25, "max_norm": 2.5, **options}
    model = TextCNN(toy_table(WORDS), WORDS, ["neg", "pos", "other"], seed=1, **options)
    rng = np.random.default_rng(2)
    for array in model.arrays().values():
        array[...] = rng.normal(size=array.shape)
    return model


def saved(tmp_path, model=None, **options):
    model = model or build(**options)
    save_model(model, tmp_path / "model", training={"seed": 3})
    return model, tmp_path / "model"


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_saved_model_comes_back_bit_for_bit(tmp_path):
    model, path = saved(tmp_path, mode="static", tokenizer="whitespace", dropout=0.25)
    loaded = load_model(path)
    for name, array in model.arrays().items():
        assert np.array_equal(array, loaded.arrays()[name]), name
    assert (loaded.words, loaded.classes, loaded.config()) == (model.words, model.classes, model.config())
    texts = ["good bad", "nothing", "wordq lovely"]
    assert np.array_equal(model.predict_proba(texts), loaded.predict_proba(texts))
    assert loaded.others is None
    assert directory.read_training(path) == {"seed": 3}
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("max_norm", [2.5, None])
@pytest.mark.parametrize("mode", TextCNN.modes)
def test_a_saved_text_cnn_comes_back_bit_for_bit_with_all_its_channels(tmp_path, mode, max_norm):
    model, path = saved(tmp_path, build_cnn(mode=mode, max_norm=max_norm, tokenizer="whitespace"))
    model.others = OtherWords({"pleasant": 0}, toy_table(["pleasant"], seed=9))
    save_model(model, path)
    loaded = load_model(path)
    assert type(loaded) is TextCNN
    assert (loaded.words, loaded.classes, loaded.config()) == (model.words, model.classes, model.config())
    assert loaded.config()["max_norm"] == loaded.output.weight.max_norm == max_norm
    assert loaded.config()["widths"] == [1, 2, 7]
    assert loaded.embedding.weight.requires_grad == (mode != "static")
    assert set(loaded.arrays()) == set(model.arrays())
    assert ("static" in loaded.arrays()) == (mode == "multichannel")
    for name, array in model.arrays().items():
        assert np.array_equal(array, loaded.arrays()[name]), name
    texts = ["good bad pleasant", "nothing", "", "wordq lovely worda wordb wordc wordd worde wordf wordg"]
    assert np.array_equal(model.predict_proba(texts), loaded.predict_proba(texts))


def test_the_tuned_vectors_are_a_word_vectors_file(tmp_path):
    model, path = saved(tmp_path)
    vectors = WordVectors.load(path / "vectors.txt")
    assert list(vectors.index_to_key) == model.words
    assert np.array_equal(vectors.vectors, model.vectors)


def test_other_words_are_saved_in_their_own_order(tmp_path):
    model = build()
    pool = toy_table(["a", "b", "c", "d"], seed=9)
    model.others = OtherWords({"pleasant": 2, "nasty": 0}, pool)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    texts = ["pleasant wordc", "nasty", "neither"]
    assert np.array_equal(model.predict_proba(texts), loaded.predict_proba(texts))
    assert loaded.others is not None
    assert loaded.others.vectors.shape == (2, 8)


def test_class_names_and_words_may_hold_any_text(tmp_path):
    words = ['quo"te', "back\\slash", "ünïcode", "日本"]
    model = BagClassifier(toy_table(words), words, ["très bien", 'a "b"', "10"], tokenizer="whitespace")
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.words == words
    assert loaded.classes == model.classes


def test_saving_again_replaces_the_model_and_keeps_other_files(tmp_path):
    _, path = saved(tmp_path)
    (path / "notes.txt").write_text("mine")
    (path / "others.npy").write_bytes(b"left over from another model")
    model = build(dropout=0.5)
    save_model(model, path)
    assert load_model(path).config()["dropout"] == 0.5
    assert (path / "notes.txt").read_text() == "mine"
    assert "others.npy" not in names(path)
    assert names(tmp_path) == ["model"]


def test_no_directory_of_the_users_is_overwritten(tmp_path):
    model = build()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "model.json").write_text('{"format": "something else"}')
    with pytest.raises(FileExistsError, match="holds something that is not a finevec model"):
        save_model(model, tmp_path / "thesis")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="found a file"):
        save_model(model, tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        save_model(model, tmp_path / "none" / "model")
    (tmp_path / "empty").mkdir()
    save_model(model, tmp_path / "empty")
    assert names(tmp_path) == ["empty", "file", "thesis"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("failing", ["savez", "fsync", "rename"])
def test_an_interrupted_save_leaves_the_old_model(tmp_path, monkeypatch, failing):
    old, path = saved(tmp_path)
    calls = []

    def interrupt(*args, **kwargs):
        calls.append(args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if failing == "savez":
            patch.setattr(np, "savez", interrupt)
        elif failing == "fsync":
            patch.setattr(os, "fsync", interrupt)
        else:
            rename = type(path).rename

            def rename_all_but_the_new_one(self, target):
                return interrupt() if self.name.startswith(".model.") else rename(self, target)

            patch.setattr(type(path), "rename", rename_all_but_the_new_one)
        with pytest.raises(KeyboardInterrupt):
            save_model(build(dropout=0.75), path)
    assert calls
    assert load_model(path).config() == old.config()
    assert names(tmp_path) == ["model"]


def test_a_first_save_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_model(build(), tmp_path / "model")
    assert names(tmp_path) == []


def test_a_process_killed_between_the_renames_leaves_a_hint(tmp_path):
    _, path = saved(tmp_path)
    path.rename(tmp_path / "model.previous")
    with pytest.raises(FileNotFoundError, match=r"a save was interrupted, the model before it is .*model\.previous"):
        load_model(path)
    save_model(build(), path)
    assert names(tmp_path) == ["model"]


class Killed(BaseException):
    """Stands for the end of the process: nothing after it is cleaned up by what it interrupted."""


@pytest.mark.parametrize("saves", [1, 2])
@pytest.mark.parametrize("step", range(11))
def test_a_save_that_is_killed_anywhere_loses_no_file_of_the_users(tmp_path, monkeypatch, step, saves):
    _, path = saved(tmp_path)
    for name in ("a.txt", "b.txt"):
        (path / name).write_text(name)
    steps = iter(range(step + 1))

    def dies(call):
        def wrapped(*args, **kwargs):
            if next(steps, None) is None:
                raise Killed
            return call(*args, **kwargs)

        return wrapped

    with monkeypatch.context() as patch, contextlib.suppress(Killed):
        for owner, name in ((type(path), "rename"), (type(path), "unlink"), (shutil, "rmtree")):
            patch.setattr(owner, name, dies(getattr(owner, name)))
        save_model(build(dropout=0.5), path)
    for folder in tmp_path.glob(".model.*"):
        shutil.rmtree(folder)
    for _ in range(saves):
        save_model(build(dropout=0.75), path)
    assert load_model(path).config()["dropout"] == 0.75
    assert names(tmp_path) == ["model"]
    for name in ("a.txt", "b.txt"):
        assert (path / name).read_text() == name


def test_an_older_file_of_the_same_name_is_kept_beside_the_newer(tmp_path):
    _, path = saved(tmp_path)
    (path / "notes.txt").write_text("older")
    path.rename(tmp_path / "model.previous")
    save_model(build(), tmp_path / "new")
    (tmp_path / "new" / "notes.txt").write_text("newer")
    (tmp_path / "new").rename(path)
    save_model(build(), tmp_path / "model")
    assert (tmp_path / "model" / "notes.txt").read_text() == "newer"
    assert (tmp_path / "model" / "notes.txt.previous").read_text() == "older"


def test_something_else_under_the_name_for_the_previous_model_is_told_before_training(tmp_path):
    _, path = saved(tmp_path)
    (tmp_path / "model.previous").mkdir()
    (tmp_path / "model.previous" / "thesis.txt").write_text("words")
    with pytest.raises(FileExistsError, match=r"model\.previous is in the way of saving"):
        directory.check_model_target(path)
    assert load_model(path)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_to_a_model_keeps_pointing(tmp_path):
    _, path = saved(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "link").symlink_to(path)
    (tmp_path / "other" / "new").symlink_to(tmp_path / "new")
    for name in ("link", "new"):
        save_model(build(dropout=0.5), tmp_path / "other" / name)
        assert load_model(tmp_path / "other" / name).config()["dropout"] == 0.5
        assert (tmp_path / "other" / name).is_symlink()
    assert names(tmp_path) == ["model", "new", "other"]
    assert names(tmp_path / "other") == ["link", "new"]
    path.rename(tmp_path / "model.previous")
    with pytest.raises(FileNotFoundError, match=r"a save was interrupted, the model before it is .*model\.previous"):
        load_model(tmp_path / "other" / "link")


@pytest.mark.skipif(not os.path.ismount("/proc"), reason="needs a mount point")
def test_a_mount_point_is_refused_before_training():
    with pytest.raises(FileExistsError, match="a mount point cannot be replaced"):
        directory.check_model_target("/proc")


def edit_config(path, **changes):
    config = json.loads((path / "model.json").read_text())
    config.update(changes)
    (path / "model.json").write_text(json.dumps(config))


def damage(path, what):
    if what == "no directory":
        shutil.rmtree(path)
    elif what == "no model.json":
        (path / "model.json").unlink()
    elif what == "a file":
        shutil.rmtree(path)
        path.write_text("words")
    elif what == "no words":
        (path / "words.json").unlink()
    elif what == "no weights":
        (path / "weights.npz").unlink()
    elif what == "bad json":
        (path / "model.json").write_text("{")
    elif what == "other format":
        edit_config(path, format="x")
    elif what == "newer":
        edit_config(path, format_version=99)
    elif what == "unknown kind":
        edit_config(path, kind="transformer")
    elif what == "no classes":
        config = json.loads((path / "model.json").read_text())
        del config["classes"]
        (path / "model.json").write_text(json.dumps(config))
    elif what == "cut weights":
        data = (path / "weights.npz").read_bytes()
        (path / "weights.npz").write_bytes(data[: len(data) // 2])
    elif what == "words of another model":
        (path / "words.json").write_text('["one", "two"]')
    elif what == "classes of another model":
        edit_config(path, classes=["a", "b"])
    elif what == "unknown option":
        edit_config(path, model={"width": 3})
    elif what == "pickle":
        np.savez(path / "weights.npz", embedding=np.array([{}], dtype=object))
    elif what == "words that are no list":
        (path / "words.json").write_text('"abc"')
    elif what == "empty others":
        (path / "others.npy").write_bytes(b"")
    elif what == "no vectors of others":
        (path / "others.npy").unlink()
    elif what == "complex others":
        np.save(path / "others.npy", np.ones((2, 8), complex))
    elif what == "others of another dim":
        np.save(path / "others.npy", np.ones((2, 7), np.float32))
    else:
        raise AssertionError(what)


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("no directory", FileNotFoundError, "there is no such model directory"),
        ("no model.json", FileNotFoundError, "not a finevec model: it has no model.json"),
        ("no weights", FileNotFoundError, r"damaged model: it has no weights\.npz"),
        ("no words", FileNotFoundError, r"damaged model: it has no words\.json"),
        ("a file", NotADirectoryError, "expected the directory of a model, found a file"),
        ("bad json", ValueError, "damaged model: not JSON"),
        ("other format", ValueError, "not a finevec model"),
        ("newer", ValueError, "model of format version 99, this finevec reads 1"),
        ("unknown kind", ValueError, "unknown kind of model 'transformer', expected one of bag"),
        ("no classes", ValueError, "damaged model: model.json lacks classes"),
        ("cut weights", ValueError, "weights.npz: damaged model"),
        ("words of another model", ValueError, "damaged model: vectors: expected shape"),
        ("classes of another model", ValueError, "weight output.weight: expected"),
        ("unknown option", ValueError, "damaged model: .*unexpected keyword argument"),
        ("pickle", ValueError, "damaged model"),
        ("words that are no list", ValueError, r"words\.json: damaged model: expected a list of strings"),
        ("empty others", ValueError, r"others\.npy: damaged model: EOFError"),
        ("no vectors of others", FileNotFoundError, r"damaged model: it has no others\.npy"),
        ("complex others", ValueError, r"others\.npy: .*expected floats of shape \(2, 8\), got complex128"),
        ("others of another dim", ValueError, r"expected floats of shape \(2, 8\), got float32 of shape \(2, 7\)"),
    ],
)
def test_a_missing_or_damaged_model_is_told(tmp_path, what, error, message):
    model = build()
    model.others = OtherWords({"pleasant": 0, "nasty": 1}, toy_table(["pleasant", "nasty"]))
    path = tmp_path / "model"
    save_model(model, path)
    damage(path, what)
    with pytest.raises(error, match=message) as caught:
        load_model(path)
    assert "model" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("static", None, "damaged model: weights.npz lacks static"),
        ("static", np.zeros((30, 7), np.float32), r"weight static: expected \(30, 8\) float32, got \(30, 7\) float32"),
        ("embedding", np.zeros((29, 8), np.float32), r"damaged model: vectors: expected shape \(30, dim\)"),
        ("convolution.weight", None, "damaged model: weights.npz lacks convolution.weight"),
        ("convolution.weight", np.zeros((30, 8)), r"weight convolution\.weight: .* got \(30, 8\) float64"),
        ("convolution.bias", np.zeros(8, np.float32), r"weight convolution\.bias: expected \(9,\) float32, got \(8,\)"),
        ("widths", [1, 2], r"weight convolution\.weight: expected \(9, 8\) float32, got \(30, 8\)"),
        ("widths", [1, 2, 0], "damaged model: width must be at least 1, got 0"),
        ("widths", None, "damaged model: .*NoneType"),
        ("filters", 4, r"expected 40 rows of convolution\.weight, got 30"),
        ("filters", 10**12, r"expected 10000000000000 rows of convolution\.weight, got 30"),
        ("widths", [10**9], r"expected 3000000000 rows of convolution\.weight, got 30"),
        ("max_norm", -1, "damaged model: max_norm"),
        ("mode", "non-channel", "damaged model: mode: expected one of"),
    ],
)
def test_a_damaged_text_cnn_is_told(tmp_path, name, change, message):
    model, path = saved(tmp_path, build_cnn(mode="multichannel"))
    arrays = model.arrays()
    if name in arrays:
        arrays = {key: change if key == name else array for key, array in arrays.items()}
        np.savez(path / "weights.npz", **{key: array for key, array in arrays.items() if array is not None})
    else:
        edit_config(path, model=model.config() | {name: change})
    with pytest.raises(ValueError, match=message):
        load_model(path)


@pytest.mark.parametrize("name", ["model.json", "words.json", "weights.npz", "others.json", "others.npy"])
def test_a_file_with_changed_bytes_gives_a_model_or_a_value_error(tmp_path, name):
    model = TextCNN(toy_table(["a", "b"], dim=2), ["a", "b"], ["x", "y"], mode="multichannel", widths=(2,), filters=3)
    model.others = OtherWords({"c": 0}, toy_table(["c"], dim=2))
    save_model(model, tmp_path / "model")
    file, rng = tmp_path / "model" / name, np.random.default_rng(3)
    whole = file.read_bytes()
    refused = 0
    for _ in range(200):
        data = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.integers(1, 4)):
            if data:
                data[rng.integers(len(data))] = rng.choice([0, 10, 57, 91, 123, 255])
        file.write_bytes(data)
        try:
            load_model(tmp_path / "model")
        except ValueError:
            refused += 1
    assert refused > 100
