"""Tokenizers, vocabularies, batches."""

from __future__ import annotations

import gzip
import re
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from finevec.text import (
    TOKENIZERS,
    Vocabulary,
    batch,
    share_of_other_letters,
    tokenize_kim,
    tokenize_lower,
    tokenize_whitespace,
    treebank_word,
)
from hypothesis import given
from hypothesis import strategies as st


def slow_kim(text: str) -> list[str]:
    """Kim's steps one after the other, with plain replacements."""
    kept = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789(),!?'`")
    text = "".join(character if character in kept else " " for character in text)
    for contraction in ("'s", "'ve", "n't", "'re", "'d", "'ll"):
        text = text.replace(contraction, " " + contraction)
    for mark in ",!()?":
        text = text.replace(mark, f" {mark} ")
    return text.strip().lower().split()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("it's a film", "it 's a film"),
        ("I've we're don't he'd she'll", "i 've we 're do n't he 'd she 'll"),
        ("IT'S N'T", "it's n't"),
        ("good,bad!(really?)", "good , bad ! ( really ? )"),
        ("a-b…c “d” é 3.5", "a b c d 3 5"),
        ("``quoted''", "``quoted''"),
        ("\t\u00a0 \n", ""),
    ],
)
def test_kim(text, tokens):
    assert tokenize_kim(text) == tokens.split()


@pytest.mark.parametrize(
    ("token", "word"),
    [
        ("-LRB-", "("),
        ("-rrb-", ")"),
        ("-LSB-", "["),
        ("-RSB-", "]"),
        ("-lcb-", "{"),
        ("-RCB-", "}"),
        ("--", "--"),
        ("a-LRB-", "a-lrb-"),
        (r"and\/or", "and/or"),
        (r"\*\*", "**"),
        ("``", "``"),
        (r"C:\films", r"c:\films"),
        ("8\u00a01\\/2", "8\u00a01/2"),
    ],
)
def test_treebank_words_are_those_of_the_vectors(token, word):
    assert treebank_word(token) == word


def test_treebank_words_may_keep_their_case():
    assert [treebank_word(token, lower=False) for token in ("And\\/Or", "-LRB-", "US")] == ["And/Or", "(", "US"]


@given(st.text(st.sampled_from("aAnsvetrdl'`,!?() .é\u00a0\n"), max_size=30) | st.text(max_size=30))
def test_kim_is_his_steps_in_order(text):
    assert tokenize_kim(text) == slow_kim(text)


def test_kim_finds_his_number_of_words(data_dir):
    with gzip.open(data_dir / "sentences" / "mr.all.tsv.gz", "rt", encoding="utf-8") as lines:
        texts = [line.rstrip("\n").split("\t")[1] for line in lines]
    assert len({token for text in texts for token in tokenize_kim(text)}) == 18765  # Kim 2014, table 1


def test_whitespace_is_the_single_space_alone():
    assert tokenize_whitespace("  8\u00a01/2  a\tb \u3000 c") == ["8\u00a01/2", "a\tb", "\u3000", "c"]
    assert tokenize_whitespace("") == []


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't MISS it!", "don't miss it !"),
        ("l'amour l\u2019Amour 'quoted' dogs'", "l'amour l\u2019amour ' quoted ' dogs '"),
        ("Größe, Ünïcode; ПРЕКРАСНО…", "größe , ünïcode ; прекрасно …"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("हिन्दी में", "हिन्दी में"),
        ("well-known 3.5 a_b", "well - known 3 . 5 a_b"),
        ("\u00a0x\u3000y\t\n", "x y"),
        ("", ""),
    ],
)
def test_lower(text, tokens):
    assert tokenize_lower(text) == tokens.split()


@given(st.text(max_size=30))
def test_lower_drops_white_space_alone(text):
    composed = unicodedata.normalize("NFC", text.lower())
    assert "".join(tokenize_lower(text)) == "".join(composed.split())


def test_tokenizers_have_names():
    assert {"kim": tokenize_kim, "whitespace": tokenize_whitespace, "lower": tokenize_lower} == TOKENIZERS


def test_the_share_of_other_letters():
    assert share_of_other_letters(["abc é", "DÉF 12 ,"]) == 2 / 7
    assert share_of_other_letters([]) == share_of_other_letters(["12 !"]) == 0.0


def test_a_vocabulary_is_specials_then_falling_counts():
    texts = [["b", "a", "c", "a"], [], ["d", "c", "<unk>"]]
    vocabulary = Vocabulary.from_texts(iter(texts), specials=["<pad>", "<unk>"])
    assert vocabulary.index_to_key == ["<pad>", "<unk>", "a", "c", "b", "d"]
    assert vocabulary.counts.tolist() == [0, 1, 2, 2, 1, 1]
    assert vocabulary.key_to_index == {word: index for index, word in enumerate(vocabulary.index_to_key)}
    assert len(vocabulary) == 6
    assert "d" in vocabulary
    assert "e" not in vocabulary
    assert list(vocabulary) == vocabulary.index_to_key
    assert Vocabulary.from_texts(texts, min_count=2).index_to_key == ["a", "c"]
    assert len(Vocabulary.from_texts([])) == 0


def test_unknown_tokens_are_skipped_or_mapped():
    vocabulary = Vocabulary(["<unk>", "a", "b"])
    assert vocabulary.encode(["a", "x", "b", "a"]).tolist() == [1, 2, 1]
    assert vocabulary.encode(["a", "x", "b"], unk="<unk>").tolist() == [1, 0, 2]
    nothing = vocabulary.encode(["x"])
    assert (nothing.shape, nothing.dtype) == ((0,), np.int64)
    assert vocabulary.decode([2, 0]) == ["b", "<unk>"]
    assert vocabulary.decode(np.array([], np.int64)) == []
    with pytest.raises(KeyError, match="unk: '<none>' is not among the 3 words"):
        vocabulary.encode(["a"], unk="<none>")


@pytest.mark.parametrize("bad", [3, -1])
def test_ids_that_are_none_are_refused(bad):
    with pytest.raises(IndexError, match=re.escape(f"id {bad} at position 1: expected 0 <= id < 3")):
        Vocabulary(["a", "b", "c"]).decode([0, bad])


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: Vocabulary(["a", "b", "a"]), ValueError, "expected each word once, got 'a' at 0 and 2"),
        (lambda: Vocabulary(["a", 2]), TypeError, "word 1: expected a string, got int"),
        (lambda: Vocabulary("ab"), TypeError, "words: expected an iterable of words, got one string"),
        (lambda: Vocabulary(["a"], [2**70]), ValueError, "counts[0] must be at most 9223372036854775807"),
        (lambda: Vocabulary(["a"], [-1]), ValueError, "counts[0] must be at least 0, got -1"),
        (lambda: Vocabulary(["a"], [1.5]), TypeError, "counts[0] must be an integer, got float"),
        (lambda: Vocabulary.from_texts([["a", 2]]), TypeError, "word 1: expected a string, got int"),
        (lambda: Vocabulary.from_texts([["a"]], specials="<unk>"), TypeError, "specials: expected a sequence of words"),
        (lambda: Vocabulary.from_texts([["a"]], min_count=1.5), TypeError, "min_count must be an integer, got float"),
        (lambda: Vocabulary(["a"], [1, 2]), ValueError, "counts: expected one for each of the 1 words, got 2"),
        (lambda: Vocabulary.from_texts(["a b"]), TypeError, "expected tokenized texts, got a string"),
        (lambda: Vocabulary(["a"]).encode("a"), TypeError, "expected tokens, got a string"),
        (lambda: batch([np.ones((2, 2), int)]), ValueError, "text 0: expected ids of shape (tokens,), got (2, 2)"),
        (lambda: batch([np.array([1]), np.ones(2)]), TypeError, "text 1: expected ids of an integer type, got float64"),
    ],
)
def test_what_does_not_fit_is_refused(make, error, said):
    with pytest.raises(error, match=re.escape(said)):
        make()


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=5), max_size=6), st.sampled_from([np.int32, np.int64]))
def test_a_batch_is_its_texts(texts, dtype):
    ids, offsets = batch([np.array(text, dtype) for text in texts])
    assert (ids.dtype, offsets.dtype) == (np.int64, np.int64)
    assert len(offsets) == len(texts) + 1
    assert [ids[start:end].tolist() for start, end in pairwise(offsets)] == texts
