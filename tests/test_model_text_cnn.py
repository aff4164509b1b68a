"""Kim's text CNN: loss and gradients beside the oracle and central differences, dropout, prediction, arguments."""

from __future__ import annotations

import numpy as np
import pytest
import reference_text_cnn as oracle
from finevec.models import BagClassifier, TextCNN
from finevec.models.classifier import OtherWords
from finevec.models.starting_rows import random_rows
from finevec.models.text_classifier import Example
from finevec.optim import SGD
from finevec.train.settings import OPTIMIZERS
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import EPS
from strategies import seeds
from test_dense_layers import central_difference
from toy_texts import BAD, GOOD, PLAIN, toy_table

WORDS = [*GOOD, *BAD, *PLAIN]
CLASSES = ["neg", "pos", "other"]
MODES = TextCNN.modes


def build(words=WORDS, dim=8, dtype=np.float64, seed=1, **options):
    """Return a model with weights of size 1 and, of two channels, two that differ; so that no part hides another."""
    model = TextCNN(toy_table(words, dim, seed, dtype), words, CLASSES, seed=seed, **{"filters": 4, **options})
    rng = np.random.default_rng(seed)
    for name, array in model.arrays().items():
        if name != "embedding":
            array[...] = rng.normal(scale=0.5, size=array.shape)
    return model


def copied(model):
    return {name: array.copy() for name, array in model.arrays().items()}


def cut(ids, lengths):
    return [ids[end - length : end].tolist() for end, length in zip(np.cumsum(lengths), lengths, strict=True)]


def outcome(model, examples, keep=None):
    texts, targets = [example.ids.tolist() for example in examples], [example.target for example in examples]
    return oracle.text_cnn(model.arrays(), model.convolution.widths, model.convolution.filters, texts, targets, keep)


def gradients(model):
    """Return the gradients that wait, by name; the table's by a step of plain descent from zeros, which rounds none."""
    weights = {
        "convolution.weight": model.convolution.weight,
        "convolution.bias": model.convolution.bias,
        "output.weight": model.output.weight,
        "output.bias": model.output.bias,
    }
    grads = {name: weight.grad for name, weight in weights.items()}
    if model.embedding.weight.grad is not None:
        kept = model.vectors.copy()
        model.vectors[...] = 0
        SGD([model.embedding.weight], lr=1.0).step()
        grads["embedding"] = -model.vectors
        model.vectors[...] = kept
    return grads


def ragged_examples():
    """Texts shorter than the filters and longer, a word that comes again, none, one."""
    texts = [[0, 3, 3, 7], [], [9], [3, 0, 20, 11, 12, 3], [5, 6]]
    return [Example(np.array(ids, np.int64), target) for ids, target in zip(texts, [1, 0, 2, 1, 0], strict=True)]


# --- loss and gradients ----------------------------------------------------------------------------------------------


@given(
    mode=st.sampled_from(MODES),
    dtype=st.sampled_from([np.float32, np.float64]),
    widths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    filters=st.sampled_from([1, 2, 5]),
    dim=st.sampled_from([1, 3, 8]),
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=5),
    dropout=st.sampled_from([0.0, 0.5]),
    seed=seeds,
)
def test_loss_and_every_gradient_are_those_of_the_oracle(mode, dtype, widths, filters, dim, lengths, dropout, seed):
    words = list("abcdef")
    model = build(words, dim, dtype, seed, mode=mode, widths=widths, filters=filters, dropout=dropout)
    rng = np.random.default_rng(seed)
    tokens = rng.choice([*words, "unknown"], size=sum(lengths))  # seven kinds: many of them come again
    targets = rng.integers(len(CLASSES), size=len(lengths))
    examples = model.examples(cut(tokens, lengths), targets)
    texts = [[words.index(token) for token in text if token in words] for text in cut(tokens, lengths)]
    silenced = np.random.default_rng(seed).random((len(texts), len(widths) * filters), dtype=np.float32) < dropout
    keep = np.where(silenced, 0, 1 / (1 - dropout))
    wanted = oracle.text_cnn(model.arrays(), widths, filters, texts, targets, keep)
    # Both sides round: the oracle in float64.
    unit = 2 * EPS[np.dtype(dtype)] * oracle.roundings(model.arrays(), widths, texts)
    assume(wanted.margin > unit * wanted.largest_response)

    before = copied(model)
    loss = model.loss(examples, np.random.default_rng(seed))
    assert abs(loss.value - wanted.loss) <= unit * wanted.sizes["loss"]
    ranked = np.sort(wanted.logits, axis=1)
    if (ranked[:, -1] - ranked[:, -2]).min() > 2 * unit * wanted.sizes["logits"].max():
        assert loss.correct == (wanted.logits.argmax(axis=1) == targets).sum()
    loss.backprop()
    found = gradients(model)
    assert set(found) == set(wanted.grads) - ({"embedding"} if mode == "static" else set())
    for name, grad in found.items():
        assert grad.dtype == dtype
        assert (np.abs(grad - wanted.grads[name]) <= unit * wanted.sizes[name]).all(), name
    for name, array in model.arrays().items():
        assert np.array_equal(array, before[name]), name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("widths", [(3, 4, 5), (1, 2), (7,)])
def test_gradients_against_central_differences(mode, widths):
    for seed in range(40):  # the first seed that is well away from ties and from the kinks of the ReLU
        model = build(dim=3, mode=mode, widths=widths, filters=2, dropout=0.5, seed=seed)
        if outcome(model, ragged_examples()).margin > 1e-3:  # steps of 1e-6 move a response by less than 1e-4
            break
    else:
        pytest.fail("no case away from the kinks")

    def loss():
        return model.loss(ragged_examples(), np.random.default_rng(seed))

    loss().backprop()
    found = gradients(model)
    assert ("embedding" in found) == (mode != "static")
    for name, grad in found.items():
        # The difference errs by some 1e-6**2 times third derivatives, and by the rounding of the loss over 2e-6.
        numeric = central_difference(lambda: loss().value, model.arrays()[name])
        np.testing.assert_allclose(grad, numeric, atol=1e-8, err_msg=name)
        assert np.abs(grad).max() > 1e-3, f"{name} is not tested"


def test_a_static_table_takes_no_gradient_and_is_in_no_group():
    for mode in MODES:
        model = build(mode=mode)
        model.loss(ragged_examples()).backprop()
        assert (model.embedding.weight.grad is None) == (mode == "static")
        groups = model.parameter_groups()
        assert groups["embedding"] == ([] if mode == "static" else [model.embedding.weight])
        assert [parameter.shape for parameter in groups["dense"]] == [(48, 8), (12,), (3, 12), (3,)]


def test_the_table_is_shared_and_the_second_channel_is_a_copy():
    for mode in MODES:
        table = toy_table(WORDS)
        model = TextCNN(table, WORDS, CLASSES, mode=mode, filters=2)
        assert model.vectors is table
        assert (model.static_vectors is None) == (mode != "multichannel")
        if model.static_vectors is not None:
            assert np.array_equal(model.static_vectors, table)
            assert not np.shares_memory(model.static_vectors, table)


# --- dropout ---------------------------------------------------------------------------------------------------------


def test_dropout_follows_its_generator_and_there_is_none_without():
    model, without = build(dropout=0.5), build(dropout=0.0)
    first, again, other = (model.loss(ragged_examples(), np.random.default_rng(seed)).value for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert model.loss(ragged_examples()).value == without.loss(ragged_examples(), np.random.default_rng(5)).value
    assert model.loss(ragged_examples()).value != first


def test_silenced_filters_send_no_gradient():
    model, count = build(dropout=0.7), len(ragged_examples())
    model.loss(ragged_examples(), np.random.default_rng(5)).backprop()
    silenced = np.random.default_rng(5).random((count, 12), dtype=np.float32) < 0.7
    nowhere = silenced.all(axis=0)
    assert 0 < nowhere.sum() < 12, "the seed must silence some filters in all texts, and not all"
    found = gradients(model)
    assert (found["convolution.bias"][nowhere] == 0).all()
    assert (found["output.weight"][:, nowhere] == 0).all()
    first_row = 0
    for index, width in enumerate(model.convolution.widths):
        rows = found["convolution.weight"][first_row : first_row + width * 4].reshape(width, 4, -1)
        assert (rows[:, nowhere[index * 4 : index * 4 + 4]] == 0).all()
        first_row += width * 4
    assert np.abs(found["convolution.bias"]).max() > 0


# --- prediction ------------------------------------------------------------------------------------------------------


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def close_probabilities(wanted, arrays, widths=(3, 4, 5)):
    """Return by how much, relatively, two computations of probabilities may be apart that both round.

    A logit rounds once for each product of a tap and a dim, the sum of two channels, and each filter, and when the
    largest is taken off; an error of d in each logit changes a probability by 2 d of it. The softmax sums the classes,
    and its few functions round by a unit or two each. On each side; EPS is two units.
    """
    dim, pooled, classes = arrays["embedding"].shape[1], len(arrays["convolution.bias"]), len(arrays["output.bias"])
    roundings = max(widths) * dim + pooled + 5
    return EPS[arrays["output.bias"].dtype] * (2 * roundings * wanted.sizes["logits"].max() + classes + 8)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prediction_is_the_forward_pass_without_dropout(mode, dtype):
    model = build(dtype=dtype, mode=mode, dropout=0.9)
    texts = ["good bad worda xyzzy", "", "dull dull", "xyzzy", "wordb wordc superb fine worda good"]
    encoded = [model.encode(text.split()) for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)])
    logits, _ = model.forward(np.concatenate(encoded), offsets)
    found = model.predict_proba(texts)
    assert found.dtype == dtype
    wanted = outcome(model, [Example(ids, 0) for ids in encoded])
    rtol = close_probabilities(wanted, model.arrays())
    np.testing.assert_allclose(found, softmax(logits), rtol=rtol)
    np.testing.assert_allclose(found, softmax(wanted.logits), rtol=rtol)
    assert model.predict(texts) == [CLASSES[index] for index in wanted.logits.argmax(axis=1)]


@pytest.mark.parametrize("mode", MODES)
def test_words_that_are_no_rows_are_looked_up_as_both_channels_would(mode):
    model, others = build(mode=mode), toy_table(["pleasant", "nasty", "good"], seed=9, dtype=np.float32)
    model.others = OtherWords({"pleasant": 0, "nasty": 1, "good": 2}, others)
    # As if they were rows behind the others, in each channel; the row of "good" comes before the other of that name.
    arrays = {
        name: np.concatenate([array, others]) if name in ("embedding", "static") else array
        for name, array in model.arrays().items()
    }
    words = [*WORDS, "pleasant", "nasty"]
    texts = ["pleasant dull nasty", "good nasty", "nasty", "worda unheard pleasant"]
    ids = [[words.index(token) for token in text.split() if token in words] for text in texts]
    wanted = oracle.text_cnn(arrays, (3, 4, 5), 4, ids, [0] * len(ids))
    rtol = close_probabilities(wanted, arrays)
    np.testing.assert_allclose(model.predict_proba(texts), softmax(wanted.logits), rtol=rtol)


def test_texts_in_any_order_and_company_have_the_same_probabilities():
    model, rng = build(mode="multichannel"), np.random.default_rng(3)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(0, 9))) for _ in range(300)]  # more than one batch
    together = model.predict_proba(texts)
    order = rng.permutation(len(texts))
    rtol = close_probabilities(
        outcome(model, [Example(model.encode(text.split()), 0) for text in texts]), model.arrays()
    )
    np.testing.assert_allclose(model.predict_proba([texts[i] for i in order]), together[order], rtol=rtol)
    alone = np.concatenate([model.predict_proba([text]) for text in texts[:40]])
    np.testing.assert_allclose(alone, together[:40], rtol=rtol)
    assert model.predict_proba([]).shape == (0, 3)


def test_a_text_without_words_is_classified_by_the_biases():
    model = build()
    logits = model.output.weight.data @ np.maximum(model.convolution.bias.data, 0) + model.output.bias.data
    rtol = close_probabilities(outcome(model, [Example(np.empty(0, np.int64), 0)]), model.arrays())
    for text in ("", "   ", "xyzzy"):
        np.testing.assert_allclose(model.predict_proba([text]), softmax(logits[None]), rtol=rtol)


# --- arguments -------------------------------------------------------------------------------------------------------


def test_the_bag_has_one_channel():
    with pytest.raises(ValueError, match="mode: expected one of static, non-static, random, got 'multichannel'"):
        BagClassifier(toy_table(WORDS), WORDS, CLASSES, mode="multichannel")


def test_first_weights_follow_from_the_seed_and_the_defaults_are_the_papers():
    table = toy_table(WORDS)
    first, same, other = (TextCNN(table, WORDS, CLASSES, seed=seed) for seed in (3, 3, 4))
    for name, array in first.arrays().items():
        assert np.array_equal(array, same.arrays()[name]), name
    assert not np.array_equal(first.convolution.weight.data, other.convolution.weight.data)
    assert not np.array_equal(first.output.weight.data, other.output.weight.data)
    assert first.config() == {
        "mode": "non-static",
        "tokenizer": "kim",
        "dropout": 0.5,
        "widths": [3, 4, 5],
        "filters": 100,
        "max_norm": 3.0,
    }
    assert set(TextCNN.training_defaults.rates) == set(OPTIMIZERS)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mode": "both"}, ValueError, "mode: expected one of static, non-static, random, multichannel, got 'both'"),
        ({"widths": ()}, ValueError, "widths: expected at least one width"),
        ({"widths": (3, 0)}, ValueError, "width must be at least 1, got 0"),
        ({"widths": 3}, TypeError, r"widths: expected whole numbers such as \(3, 4, 5\), got int"),
        ({"widths": (2.0,)}, TypeError, "width must be an integer, got float"),
        ({"filters": 0}, ValueError, "filters must be at least 1, got 0"),
        ({"filters": 1.5}, TypeError, "filters must be an integer, got float"),
        ({"dropout": 1.0}, ValueError, "dropout: expected 0 <= rate < 1, got 1.0"),
        ({"dropout": -0.1}, ValueError, "dropout: expected 0 <= rate < 1, got -0.1"),
        ({"max_norm": 0.0}, ValueError, "max_norm"),
        ({"max_norm": -3.0}, ValueError, "max_norm"),
        ({"max_norm": float("nan")}, ValueError, "max_norm"),
        ({"max_norm": "3"}, TypeError, "max_norm must be a number, got str"),
        ({"vectors": np.ones(len(WORDS))}, ValueError, r"vectors: expected shape \(30, dim\), .*got \(30,\)"),
        ({"vectors": [[1.0]]}, TypeError, r"vectors: expected a NumPy array of shape \(rows, dim\), .*, got list"),
        ({"vectors": np.ones((29, 8))}, ValueError, r"vectors: expected shape \(30, dim\), .*got \(29, 8\)"),
        ({"vectors": np.ones((30, 0))}, ValueError, "dim must be at least 1, got 0"),
        ({"vectors": np.ones((30, 8), int)}, TypeError, "int64, wanted float32 or float64"),
    ],
)
def test_a_model_refuses_what_does_not_fit(change, error, message):
    arguments = {"vectors": toy_table(WORDS), "words": WORDS, "classes": CLASSES, "filters": 2, **change}
    with pytest.raises(error, match=message):
        TextCNN(**arguments)


def test_random_rows_and_first_filters_of_one_seed_are_not_related():
    words = [f"w{n}" for n in range(400)]
    rows = random_rows(words, 20, seed=3)
    model = TextCNN(rows, words, ["a", "b"], mode="random", widths=(2,), filters=100, seed=3)
    filters = model.convolution.weight.data
    cosines = (rows @ filters.T) / np.outer(np.linalg.norm(rows, axis=1), np.linalg.norm(filters, axis=1))
    # Of 80,000 pairs of independent directions in 20 dimensions, one above 0.95 has a probability below 1e-6.
    assert np.abs(cosines).max() < 0.95
