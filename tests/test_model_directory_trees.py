"""Model directories of Tree-LSTMs: what is saved comes back, and damage is told before memory is taken for it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import test_model_relatedness as relatedness
import test_model_tree_lstm as sentiment
from finevec.models import TreeLSTM, TreeRelatedness, load_model, save_model
from finevec.models.classifier import OtherWords
from test_model_tree_lstm import STRUCTURES
from toy_texts import toy_table

KINDS = {"tree-lstm": (sentiment.build, TreeLSTM), "tree-lstm-relatedness": (relatedness.build, TreeRelatedness)}


def answers(model, seed=0):
    """Return the bytes of what the model predicts."""
    if isinstance(model, TreeRelatedness):
        return model.predict(relatedness.some_pairs(model.structure, seed)).tobytes()
    trees = sentiment.some_trees(model.structure, seed)
    return b"".join([model.predict_proba(trees).tobytes(), *(model.node_proba(tree).tobytes() for tree in trees)])


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return a saved model of each kind, and where it lies: saving flushes to the disk, which takes its time."""
    models = {kind: build(dtype=np.float32) for kind, (build, _) in KINDS.items()}
    folder = tmp_path_factory.mktemp("models")
    for kind, model in models.items():
        save_model(model, folder / kind)
    return {kind: (model, folder / kind) for kind, model in models.items()}


@pytest.fixture
def saved(kept, tmp_path):
    """Return a model by its kind, and a copy of the directory that it was saved in."""

    def copy(kind):
        model, path = kept[kind]
        return model, shutil.copytree(path, tmp_path / kind)

    return copy


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(
    ("mode", "dtype"), [("static", np.float32), ("non-static", np.float64), ("random", np.float32)]
)
def test_a_saved_model_comes_back_bit_for_bit(tmp_path, kind, structure, mode, dtype):
    """Every option differs from its default, and every weight from what a seed would give."""
    path, own = tmp_path / "model", {"dropout": 0.25} if kind == "tree-lstm" else {"hidden": 7}
    wanted = {"structure": structure, "mode": mode, "lower": False, "mem_dim": 6, **own}
    model = KINDS[kind][0](dtype=dtype, **wanted)
    others = toy_table(["unknown", "A"], 3, seed=9, dtype=dtype)
    without = answers(model)
    for position in (None, {"unknown": 0, "A": 1}):
        if position:
            model.others = OtherWords(position, others)
            assert answers(model) != without
        save_model(model, path)
        loaded = load_model(path)
        assert type(loaded) is KINDS[kind][1]
        assert (loaded.words, loaded.classes, loaded.config()) == (model.words, model.classes, model.config())
        assert loaded.config() == wanted
        assert loaded.embedding.weight.requires_grad == (mode != "static")
        assert set(loaded.arrays()) == set(model.arrays())
        for name, array in model.arrays().items():
            assert loaded.arrays()[name].dtype == array.dtype
            assert loaded.arrays()[name].tobytes() == array.tobytes(), name
        assert answers(loaded) == answers(model)


def edit(path, model, **changes):
    """Change options in model.json, or arrays in weights.npz; None takes one out."""
    arrays, options = dict(model.arrays()), model.config()
    for name, value in changes.items():
        place = arrays if name in arrays else options
        place[name] = value
        if value is None:
            del place[name]
    config = json.loads((path / "model.json").read_text())
    (path / "model.json").write_text(json.dumps({**config, "model": options}))
    np.savez(path / "weights.npz", **arrays)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mem_dim": 5}, r"damaged model: expected lstm\.weight to have at least 60 numbers, got 48"),
        ({"mem_dim": 10**6}, r"damaged model: expected lstm\.weight to have at least 12000000 numbers, got 48"),
        ({"mem_dim": 3}, r"damaged model: weight lstm\.weight: expected \(12, 3\) float32, got \(16, 3\) float32"),
        ({"mem_dim": 0}, "damaged model: mem_dim must be at least 1, got 0"),
        ({"mem_dim": -4}, "damaged model: mem_dim must be at least 1, got -4"),
        ({"mem_dim": 4.0}, "damaged model: mem_dim must be an integer, got float"),
        ({"mem_dim": "4"}, "damaged model: "),
        ({"mem_dim": [4]}, "damaged model: "),
        ({"mem_dim": None}, r"damaged model: model\.json lacks mem_dim"),
        ({"structure": "flat"}, "damaged model: structure: expected one of constituency, dependency, got 'flat'"),
        ({"mode": "multichannel"}, "damaged model: mode: expected one of static, non-static, random, got"),
        ({"width": 3}, "damaged model: .*unexpected keyword argument"),
        ({"lstm.bias": None}, r"damaged model: weights\.npz lacks lstm\.bias"),
        ({"lstm.forget": None}, r"damaged model: weights\.npz lacks lstm\.forget"),
        ({"lstm.weight": np.zeros((16, 2))}, r"damaged model: .*lstm\.weight"),
        ({"lstm.recurrent": np.zeros((12, 9))}, r"weight lstm\.recurrent: expected \(12, .\) float32, got \(12, 9\)"),
        ({"lstm.bias": np.zeros(16)}, r"weight lstm\.bias: expected \(16,\) float32, got \(16,\) float64"),
        ({"lstm.bias": np.zeros(())}, "damaged model: "),
        ({"embedding": np.zeros(5)}, r"damaged model: vectors: expected shape \(5, dim\)"),
        ({"embedding": np.zeros(())}, r"damaged model: vectors: expected shape \(5, dim\)"),
        ({"embedding": np.zeros((5, 9))}, r"damaged model: .*lstm\.weight"),
        ({"embedding": np.zeros((5, 3), int)}, "damaged model: .*int64"),
    ],
)
def test_a_damaged_model_is_told(saved, kind, changes, message):
    model, path = saved(kind)
    edit(path, model, **changes)
    with pytest.raises(ValueError, match=message) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_the_other_structure_is_not_taken_for_one(saved, kind):
    model, path = saved(kind)
    (other,) = set(STRUCTURES) - {model.structure}
    edit(path, model, structure=other)
    with pytest.raises(ValueError, match=r"damaged model: .*lstm\.recurrent"):
        load_model(path)


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("tree-lstm-relatedness", {"hidden": 4}, r"expected compared\.weight to have at least 32 numbers, got 24"),
        ("tree-lstm-relatedness", {"hidden": 10**12}, r"expected compared\.weight to have at least 8000000000000 num"),
        ("tree-lstm-relatedness", {"hidden": 2}, r"weight compared\.weight: expected \(2, 8\) float32, got \(3, 8\)"),
        ("tree-lstm-relatedness", {"hidden": None}, r"model\.json lacks hidden"),
        ("tree-lstm-relatedness", {"hidden": "3"}, "damaged model: "),
        ("tree-lstm-relatedness", {"compared.bias": None}, r"damaged model: weights\.npz lacks compared\.bias"),
        ("tree-lstm", {"dropout": 1.0}, "damaged model: dropout: expected 0 <= rate < 1, got 1.0"),
        ("tree-lstm", {"output.weight": np.zeros((2, 4))}, r"weight output\.weight: expected \(3, 4\) float32"),
    ],
)
def test_a_damaged_head_is_told(saved, kind, changes, message):
    model, path = saved(kind)
    edit(path, model, **changes)
    with pytest.raises(ValueError, match=message):
        load_model(path)


@pytest.mark.parametrize("kind", KINDS)
def test_one_large_array_is_no_leave_to_make_others_larger_still(saved, kind):
    """Weights grow with the square of a state's length: those of a million numbers would take terabytes."""
    model, path = saved(kind)
    many = {"mem_dim": 10**6, "lstm.bias": np.zeros(4 * 10**6, np.float32)}
    long_vectors = {"embedding": np.zeros((5, 10**6), np.float32)}
    for changes in (many, {**many, "lstm.weight": np.zeros((4 * 10**6, 3), np.float32)}, long_vectors):
        edit(path, model, **changes)
        with pytest.raises(ValueError, match=r"damaged model: expected lstm\.(weight|recurrent) to have at least"):
            load_model(path)
    if kind == "tree-lstm-relatedness":
        edit(path, model, **{"hidden": 10**6, "compared.bias": np.zeros(10**6, np.float32)})
        with pytest.raises(ValueError, match=r"damaged model: expected compared\.weight to have at least"):
            load_model(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["model.json", "weights.npz"])
def test_a_file_with_changed_bytes_gives_a_model_or_a_value_error(saved, kind, name):
    _, path = saved(kind)
    rng, whole = np.random.default_rng(3), (path / name).read_bytes()
    refused = 0
    for _ in range(60):
        data = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.integers(1, 4)):
            if data:
                data[rng.integers(len(data))] = rng.choice([0, 10, 57, 91, 123, 255])
        (path / name).write_bytes(data)
        try:
            load_model(path)
        except ValueError:
            refused += 1
    assert refused > 30
