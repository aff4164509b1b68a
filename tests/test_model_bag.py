"""The bag classifier: its formula and gradients, its words, prediction."""

from __future__ import annotations

import numpy as np
import pytest
from finevec import WordVectors
from finevec.models import BagClassifier
from finevec.models.classifier import OtherWords
from finevec.models.starting_rows import model_words
from finevec.models.text_classifier import Example
from toy_texts import BAD, GOOD, PLAIN, toy_table

WORDS = [*GOOD, *BAD, *PLAIN]


def build(dtype=np.float64, **options):
    return BagClassifier(toy_table(WORDS, dtype=dtype), WORDS, ["neg", "pos", "other"], seed=1, **options)


def examples():
    """Ragged texts: a repeated word, an empty one, a single word."""
    return [
        Example(np.array([0, 3, 3, 7]), 1),
        Example(np.array([], dtype=np.int64), 0),
        Example(np.array([9]), 2),
        Example(np.array([3, 0, 20, 11, 12, 3]), 1),
    ]


def plain_loss(table, weight, bias, batch):
    """Mean cross-entropy, text by text, sharing no code with the package."""
    total = 0.0
    for ids, target in batch:
        mean = np.mean([table[row] for row in ids], axis=0) if len(ids) else np.zeros(table.shape[1])
        logits = np.array([row @ mean + shift for row, shift in zip(weight, bias, strict=True)])
        total += np.log(np.exp(logits).sum()) - logits[target]
    return total / len(batch)


def table_gradient(model, batch):
    """The gradient that reaches the table, by one step of plain descent on a copy."""
    from finevec.optim import SGD

    before = model.vectors.copy()
    optimizer = SGD([model.embedding.weight], lr=1.0)
    model.loss(batch).backprop()
    optimizer.step()
    grad = before - model.vectors
    model.vectors[...] = before
    return grad


def test_loss_equals_the_plain_formula():
    model = build()
    loss = model.loss(examples())
    expected = plain_loss(model.vectors, model.output.weight.data, model.output.bias.data, examples())
    assert loss.value == pytest.approx(expected, rel=1e-13)
    assert 0 <= loss.correct <= 4


def test_gradients_against_central_differences():
    model = build()
    grads = {"embedding": table_gradient(model, examples())}
    grads["output.weight"], grads["output.bias"] = model.output.weight.grad, model.output.bias.grad
    arrays, step = model.arrays(), 1e-6
    for name, array in arrays.items():
        numeric = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            above = plain_loss(*arrays.values(), examples())
            array[index] = kept - step
            below = plain_loss(*arrays.values(), examples())
            array[index] = kept
            numeric[index] = (above - below) / (2 * step)
        np.testing.assert_allclose(grads[name], numeric, atol=1e-8, err_msg=name)


def test_dropout_gradient_follows_the_mask():
    model = build(dropout=0.5)
    loss = model.loss(examples(), np.random.default_rng(5))
    again = model.loss(examples(), np.random.default_rng(5))
    assert loss.value == again.value
    assert loss.value != model.loss(examples()).value
    loss.backprop()
    silenced = np.random.default_rng(5).random((4, 8), dtype=np.float32) < 0.5
    nowhere = silenced.all(axis=0)
    assert nowhere.any(), "the seed must silence some column everywhere"
    assert (model.output.weight.grad[:, nowhere] == 0).all()


def test_a_static_table_takes_no_gradient_and_is_in_no_group():
    model = build(mode="static")
    model.loss(examples()).backprop()
    assert model.embedding.weight.grad is None
    assert model.parameter_groups()["embedding"] == []
    assert len(build(mode="random").parameter_groups()["embedding"]) == 1


def test_the_table_is_shared_and_not_copied():
    table = toy_table(WORDS)
    assert BagClassifier(table, WORDS, ["a", "b"]).vectors is table


def test_words_are_those_of_training_then_known_ones_of_other_texts():
    words = model_words([["b", "a", "b"], ["c"]], [["d", "a"], ["unknown", "e"]], {"e": 0, "d": 1, "z": 2})
    assert words == ["b", "a", "c", "d", "e"]


def test_prediction_equals_the_forward_pass_bit_for_bit():
    model = build(np.float32)
    texts = ["good bad worda", "dull dull", "wordb wordc superb fine"]
    batch = [Example(model.encode(text.split()), 0) for text in texts]
    ids = np.concatenate([example.ids for example in batch])
    offsets = np.cumsum([0, *(len(example.ids) for example in batch)])
    logits, _ = model.forward(ids, offsets)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.array_equal(model.predict_proba(texts), exponentials / exponentials.sum(axis=1, keepdims=True))


def test_batches_of_prediction_do_not_change_the_classes():
    model = build(np.float32)
    texts = [f"{first} {second}" for first in WORDS for second in WORDS]
    assert len(texts) > 256
    one_by_one = [model.predict([text])[0] for text in texts]
    assert model.predict(texts) == one_by_one
    assert model.predict([]) == []


def test_unknown_words_are_skipped_and_an_unknown_text_is_classified_by_the_biases():
    model = build()
    assert np.array_equal(model.predict_proba(["good xyzzy"]), model.predict_proba(["good"]))
    biases = model.output.bias.data
    expected = np.exp(biases) / np.exp(biases).sum()
    for text in ("xyzzy", "", "   "):
        np.testing.assert_allclose(model.predict_proba([text])[0], expected, rtol=1e-14)


def test_words_that_are_no_rows_take_the_saved_vectors():
    model = build()
    model.others = OtherWords({"pleasant": 1, "good": 0}, np.stack([np.full(8, 9.0), model.vectors[0]]))
    # "pleasant" has the vector of "good"; the row of "good" itself comes before the other vector of that name.
    np.testing.assert_array_equal(model.predict_proba(["pleasant dull"]), model.predict_proba(["good dull"]))
    assert not np.array_equal(model.predict_proba(["dull"]), model.predict_proba(["pleasant dull"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "frozen"}, "mode: expected one of static, non-static, random, got 'frozen'"),
        ({"tokenizer": "moses"}, "tokenizer: expected one of .*got 'moses'"),
        ({"dropout": 1.0}, "expected 0 <= rate < 1"),
        ({"classes": ["a"]}, "at least 2 classes"),
        ({"classes": ["a", "a"]}, "at least 2 classes with different names"),
        ({"words": ["x"] * len(WORDS)}, "expected different words"),
        ({"words": ["x"]}, r"expected shape \(1, dim\), a row for each word, got \(30, 8\)"),
    ],
)
def test_a_model_refuses_what_does_not_fit(change, message):
    arguments = {"words": WORDS, "classes": ["a", "b"], **change}
    with pytest.raises(ValueError, match=message):
        BagClassifier(toy_table(WORDS), **arguments)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda model: model.predict("a wonderful film"), TypeError, "texts: expected a sequence of strings, got one"),
        (lambda model: model.predict_proba("good"), TypeError, "texts: expected a sequence of strings, got one"),
        (lambda model: model.predict(["good", None]), TypeError, r"texts\[1\]: expected a string, got NoneType"),
        (lambda model: model.encode("good"), TypeError, "tokens: expected tokens, got a string: tokenize it first"),
        (lambda model: model.examples("good", np.zeros(4, int)), TypeError, "expected tokenized texts, got a string"),
        (lambda model: model.examples(["good"], np.array([1])), TypeError, "got a string: tokenize it first"),
        (lambda model: model.examples([["good"]], np.array([1, 0])), ValueError, r"expected shape \(1,\).*got \(2,\)"),
        (lambda model: model.examples([["good"]], ["pos"]), TypeError, "targets: expected positions in classes"),
        (lambda model: model.examples([["good"]], [3]), ValueError, r"targets\[0\]: expected 0 <= target < 3, got 3"),
        (lambda model: BagClassifier(np.eye(2), "ab", ["0", "1"]), TypeError, "words: expected a sequence of strings"),
        (
            lambda model: BagClassifier(np.eye(2), ["a", "b"], "01"),
            TypeError,
            "classes: expected a sequence of strings",
        ),
        (
            lambda model: BagClassifier(WordVectors(["a", "b"], np.eye(2)), ["a", "b"], ["0", "1"]),
            TypeError,
            r"vectors: expected a NumPy array of shape \(rows, dim\), .*, got WordVectors",
        ),
        (lambda model: BagClassifier(np.eye(2), ["a", "b"], [0, 1]), TypeError, r"classes\[0\]: expected a string"),
    ],
)
def test_one_string_is_no_list_of_strings(call, error, message):
    with pytest.raises(error, match=message):
        call(build())


def test_no_text_is_no_example():
    assert build().examples([], []) == []
