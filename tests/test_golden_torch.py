"""Agreement with what PyTorch and FBGEMM computed once: golden/torch.npz, made by golden/make_torch.py."""

import json
from pathlib import Path

import finevec.functional as F
import numpy as np
import pytest
from finevec import Embedding, EmbeddingBag, Parameter, optim
from numpy.testing import assert_allclose
from test_optim import OPTIMIZERS

with np.load(Path(__file__).parent / "golden" / "torch.npz") as _archive:
    CASES = json.loads(str(_archive["cases"]))
    ARRAYS = {name: _archive[name] for name in _archive.files}

# Both sides round differently, a few times a step, numbers of about 1 in size.
TOLERANCE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 4e-15}


def cases(kind):
    return [name for name in CASES if name.startswith(kind + "/")]


def load(name):
    """The words of a case, and its arrays."""
    prefix = name + "/"
    return CASES[name], {key[len(prefix) :]: array for key, array in ARRAYS.items() if key.startswith(prefix)}


def assert_agrees(got, wanted, factor=1):
    tolerance = factor * TOLERANCE[np.dtype(got.dtype)]
    assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def test_every_kind_has_cases():
    kinds = ("dense", "sparse", "bag", "embedding", "max_norm", "training", "fbgemm")
    assert [len(cases(kind)) for kind in kinds] == [18, 18, 28, 2, 1, 4, 3]


@pytest.mark.parametrize("name", cases("dense"))
def test_dense_rules(name):
    words, arrays = load(name)
    param = Parameter(arrays["start"])
    opt = OPTIMIZERS[words["rule"]]([param], **words["options"])
    for grad, after in zip(arrays["grads"], arrays["after"], strict=True):
        opt.zero_grad()
        param.add_grad(grad)
        opt.step()
        assert_agrees(param.data, after)


@pytest.mark.parametrize("name", cases("sparse"))
def test_row_sparse_rules(name):
    words, arrays = load(name)
    emb = Embedding.from_pretrained(arrays["start"], freeze=False, padding_idx=words.get("padding_idx"))
    opt = OPTIMIZERS[words["rule"]]([emb.weight], **words["options"])
    for ids, grad, after in zip(arrays["ids"], arrays["grads"], arrays["after"], strict=True):
        opt.zero_grad()
        emb.backward(ids, grad)
        opt.step()
        assert_agrees(emb.weight.data, after)


@pytest.mark.parametrize("name", cases("bag"))
def test_bags(name):
    words, arrays = load(name)
    given = arrays["ids"], arrays.get("offsets")
    bag = EmbeddingBag.from_pretrained(arrays["weight"], freeze=False, **words)
    before = arrays["weight"].copy()
    assert_agrees(bag(*given, arrays.get("per_sample_weights")), arrays["out"])
    bag.backward(*given, arrays["grad"], arrays.get("per_sample_weights"))
    optim.SGD([bag.weight], lr=1.0).step()
    assert_agrees(before - bag.weight.data, arrays["weight_grad"])


@pytest.mark.parametrize("name", cases("embedding"))
def test_embeddings(name):
    words, arrays = load(name)
    before = arrays["weight"].copy()
    emb = Embedding.from_pretrained(arrays["weight"], freeze=False, **words)
    emb.backward(arrays["ids"], arrays["grad"])
    optim.SGD([emb.weight], lr=1.0).step()
    assert_agrees(before - emb.weight.data, arrays["weight_grad"])


def test_max_norm_projects_as_torch_does_though_after_the_update():
    words, arrays = load("max_norm/0")
    emb = Embedding.from_pretrained(arrays["weight"], freeze=False, **words)
    emb.backward(arrays["ids"], np.zeros((*arrays["ids"].shape, emb.embedding_dim)))
    optim.SGD([emb.weight], lr=1.0).step()
    assert_agrees(emb.weight.data, arrays["projected"])


@pytest.mark.parametrize("name", cases("training"))
def test_a_whole_training_run(name):
    """Mean of rows, linear layer, cross entropy; the model is written out here in NumPy."""
    words, arrays = load(name)
    bag = EmbeddingBag.from_pretrained(arrays["start_table"], freeze=False)
    matrix, bias = Parameter(arrays["start_matrix"]), Parameter(arrays["start_bias"])
    opt = OPTIMIZERS[words["rule"]]([bag.weight, matrix, bias], **words["options"])
    first, norms = 0, []
    for lengths, labels, loss in zip(arrays["lengths"], arrays["labels"], arrays["losses"], strict=True):
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = arrays["ids"][first : first + offsets[-1]]
        first += offsets[-1]
        means = bag(ids, offsets)
        scores = means @ matrix.data.T + bias.data
        probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        picked = probabilities[np.arange(len(labels)), labels]
        assert_allclose(-np.log(picked).mean(), loss, rtol=1e-12)
        grad = (probabilities - np.eye(3)[labels]) / len(labels)
        opt.zero_grad()
        bag.backward(ids, offsets, grad @ matrix.data)
        matrix.add_grad(grad.T @ means)
        bias.add_grad(grad.sum(axis=0))
        if words["clip"] is not None:
            norms.append(opt.clip_grad_norm_(words["clip"]))
        opt.step()
    assert_allclose(norms, arrays["norms"], rtol=1e-12)
    if words["clip"] is not None:
        assert max(norms) > words["clip"]
    for got, wanted in ((bag.weight, "end_table"), (matrix, "end_matrix"), (bias, "end_bias")):
        assert_allclose(got.data, arrays[wanted], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", cases("fbgemm"))
def test_rowwise_adagrad_of_fbgemm(name):
    words, arrays = load(name)
    weight, state = arrays["start"], np.zeros(len(arrays["start"]), np.float32)
    for ids, grad, after in zip(arrays["ids"], arrays["grads"], arrays["after"], strict=True):
        F.rowwise_adagrad_update(
            weight, state, ids, grad, offsets=arrays["offsets"], mode=words["mode"], **words["options"]
        )
        assert_agrees(weight, after)
    assert_agrees(state, arrays["state_sum"])
