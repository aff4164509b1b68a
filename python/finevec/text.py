"""Texts as ids: tokenizing, vocabularies, batches without padding."""

from __future__ import annotations

import operator
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import integer

_NOT_KEPT = re.compile(r"[^A-Za-z0-9(),!?'`]")
_ASCII_LETTER = re.compile(r"[A-Za-z]")
_CONTRACTION = re.compile(r"n't|'(?:s|ve|re|d|ll)")
_PUNCTUATION = re.compile(r"[,!()?]")
_BRACKETS = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]", "-lcb-": "{", "-rcb-": "}"}

_MOST = 2**63 - 1  # what an int64 holds


def tokenize_kim(text: str) -> list[str]:
    r"""Tokenize English as Kim 2014 did for MR and the other sets (`clean_str` of his `process_data.py`).

    **Letters other than A-Z are dropped**, and words are cut where they stood: `tokenize_lower` is for other languages.
    Letters A-Z, digits and ``(),!?'`` and the backquote are kept, anything else is a space; the contractions ``'s``
    ``'ve`` ``n't`` ``'re`` ``'d`` ``'ll`` are split off where they stand in small letters; ``, ! ( ) ?`` become tokens;
    last, everything is lower-cased. Where Kim's Python wrote a backslash before a parenthesis or question mark, by an
    oversight, there is none here: the vectors know ``(``, not ``\(``.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> tokenize_kim("It's simplistic, silly & tedious: don't!")
    ['it', "'s", 'simplistic', ',', 'silly', 'tedious', 'do', "n't", '!']
    """
    text = _NOT_KEPT.sub(" ", text)
    text = _CONTRACTION.sub(r" \g<0>", text)
    text = _PUNCTUATION.sub(r" \g<0> ", text)
    return text.lower().split()


def tokenize_whitespace(text: str) -> list[str]:
    r"""Split at single spaces and nothing else, for text that is tokenized already. Empty pieces are dropped.

    Capital letters stay, and punctuation stays on its word.

    Examples
    --------
    >>> tokenize_whitespace("it 's  8\u00a01/2")
    ['it', "'s", '8\xa01/2']
    """
    return [token for token in text.split(" ") if token]


def tokenize_lower(text: str) -> list[str]:
    r"""Lower-case, and split at white space and around punctuation, for any language that puts spaces between words.

    A word is a run of letters, digits and underscores of any script, with their combining marks; an apostrophe between
    two of them, straight or typographic, belongs to the word as it stands, so ``don't`` and ``l'amour`` are one token
    each. (English vectors such as GloVe have ``do`` ``n't``, as `tokenize_kim` gives.) Every other character that is no
    white space is a token by itself. The text is put into the composed form NFC, in which vectors files usually have
    their words. Languages without spaces between words, such as Chinese, need a tokenizer of their own.

    Examples
    --------
    >>> tokenize_lower("Ein schöner Film, don't miss it! Прекрасно")
    ['ein', 'schöner', 'film', ',', "don't", 'miss', 'it', '!', 'прекрасно']
    """
    text = unicodedata.normalize("NFC", text.lower())
    # Python's \w leaves out combining marks, and has no class for them. Few texts hold any, and then few kinds.
    marks = "" if text.isascii() else "".join(sorted(c for c in set(text) if unicodedata.category(c)[0] == "M"))
    word = rf"[\w{marks}]+"
    return re.findall(rf"{word}(?:['\u2019]{word})*|[^\w\s{marks}]", text)


TOKENIZERS: dict[str, Callable[[str], list[str]]] = {
    "kim": tokenize_kim,
    "whitespace": tokenize_whitespace,
    "lower": tokenize_lower,
}
"""Every tokenizer by the name that commands and saved models give it."""


def treebank_word(token: str, lower: bool = True) -> str:
    r"""Return the word, as vectors know it, that a token of a treebank stands for.

    Treebanks write brackets as ``-LRB-`` ``-RRB-`` ``-LSB-`` ``-RSB-`` ``-LCB-`` ``-RCB-`` (in small letters too), and
    a backslash before ``/`` and ``*``. GloVe 6B has the brackets themselves, and ``1/2`` without a backslash.

    Parameters
    ----------
    token : str
    lower : bool
        Lower-case the word.

    Examples
    --------
    >>> [treebank_word(token) for token in ["-LRB-", "Writer\\/director", "\\*\\*\\*", "n't"]]
    ['(', 'writer/director', '***', "n't"]
    >>> treebank_word("Paris", lower=False)
    'Paris'
    """
    word = _BRACKETS.get(token.lower(), token).replace("\\/", "/").replace("\\*", "*")
    return word.lower() if lower else word


def share_of_other_letters(texts: Iterable[str]) -> float:
    """Return the share of the letters of some texts that are not A-Z or a-z; 0 where there are no letters."""
    letters = others = 0
    for text in texts:
        ascii_letters = len(_ASCII_LETTER.findall(text))
        other_letters = 0 if text.isascii() else sum(map(str.isalpha, _ASCII_LETTER.sub("", text)))
        letters += ascii_letters + other_letters
        others += other_letters
    return others / letters if letters else 0.0


class Vocabulary:
    """Words and their ids, which count up from 0.

    Parameters
    ----------
    words : iterable of str
        The word of each id, each once.
    counts : iterable of int, optional
        How often each occurred; 0 without.

    Attributes
    ----------
    index_to_key : list of str
        The word of each id.
    key_to_index : dict of str to int
        The id of each word.
    counts : ndarray of int64, shape (len(self),)
        How often each word occurred in the texts that the vocabulary was built from.

    Raises
    ------
    TypeError
        A word is no string, or a count no integer.
    ValueError
        A word comes twice, `counts` has another length, or a count is negative or does not fit into 64 bits.

    Examples
    --------
    >>> vocabulary = Vocabulary.from_texts([["a", "good", "good", "film"], ["a", "film"]], specials=["<unk>"])
    >>> vocabulary.index_to_key
    ['<unk>', 'a', 'good', 'film']
    >>> vocabulary.encode(["a", "bad", "film"], unk="<unk>")
    array([1, 0, 3])
    """

    def __init__(self, words: Iterable[str], counts: Iterable[int] | None = None) -> None:
        if isinstance(words, str):
            raise TypeError("words: expected an iterable of words, got one string")
        self.index_to_key = list(words)
        self.key_to_index: dict[str, int] = {}
        for index, word in enumerate(self.index_to_key):
            if not isinstance(word, str):
                raise TypeError(f"word {index}: expected a string, got {type(word).__name__}")
            if self.key_to_index.setdefault(word, index) != index:
                raise ValueError(f"expected each word once, got {word!r} at {self.key_to_index[word]} and {index}")
        given = [0] * len(self.index_to_key) if counts is None else counts
        counted = [integer(f"counts[{index}]", count, least=0, most=_MOST) for index, count in enumerate(given)]
        if len(counted) != len(self.index_to_key):
            raise ValueError(f"counts: expected one for each of the {len(self.index_to_key)} words, got {len(counted)}")
        self.counts: NDArray[np.int64] = np.array(counted, np.int64)

    @classmethod
    def from_texts(
        cls, texts: Iterable[Sequence[str]], *, min_count: int = 1, specials: Sequence[str] = ()
    ) -> Vocabulary:
        """Return the vocabulary of tokenized texts.

        Parameters
        ----------
        texts : iterable of sequences of str
            Tokens of each text.
        min_count : int
            Words that occur less often are left out.
        specials : sequence of str
            Words that get the first ids, in this order, however often they occur.

        Returns
        -------
        Vocabulary
            The specials, then the other words by falling count; of equal counts the one that came first.

        Raises
        ------
        TypeError
            A text, or `specials`, is one string, or a token is none.
        """
        if isinstance(specials, str):
            raise TypeError("specials: expected a sequence of words, got one string")
        counts: Counter[str] = Counter()
        for tokens in texts:
            if isinstance(tokens, str):
                raise TypeError("texts: expected tokenized texts, got a string: tokenize it first")
            counts.update(tokens)
        least = integer("min_count", min_count)
        special = set(specials)
        # Counter.most_common sorts stably, and a Counter keeps the order of first occurrence.
        common = [word for word, count in counts.most_common() if count >= least and word not in special]
        words = [*specials, *common]
        return cls(words, [counts[word] for word in words])

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.index_to_key)

    def __iter__(self) -> Iterator[str]:
        """Return an iterator over the words, by rising id: a vocabulary may stand where words are wanted."""
        return iter(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        """Return whether `word` has an id."""
        return word in self.key_to_index

    def __repr__(self) -> str:
        """Return the size."""
        return f"<Vocabulary: {len(self)} words>"

    def encode(self, tokens: Iterable[str], *, unk: str | None = None) -> NDArray[np.int64]:
        """Return the ids of tokens.

        Parameters
        ----------
        tokens : iterable of str
        unk : str, optional
            The word whose id stands for unknown tokens. None: unknown tokens are skipped.

        Returns
        -------
        ndarray of int64, shape (number of tokens that have an id,)

        Raises
        ------
        KeyError
            `unk` is not in the vocabulary.
        """
        if isinstance(tokens, str):
            raise TypeError("tokens: expected tokens, got a string: tokenize it first")
        ids = self.key_to_index
        if unk is None:
            return np.array([ids[token] for token in tokens if token in ids], np.int64)
        if unk not in ids:
            raise KeyError(f"unk: {unk!r} is not among the {len(self)} words")
        unknown = ids[unk]
        return np.array([ids.get(token, unknown) for token in tokens], np.int64)

    def decode(self, ids: ArrayLike) -> list[str]:
        """Return the words of 1-D integer `ids`; `IndexError` for an id that is out of range."""
        words = []
        for position, index in enumerate(np.asarray(ids).tolist()):
            if not 0 <= operator.index(index) < len(self):
                raise IndexError(f"id {index} at position {position}: expected 0 <= id < {len(self)}")
            words.append(self.index_to_key[index])
        return words


def batch(encoded: Sequence[NDArray[np.integer[Any]]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Join texts into one array of ids with offsets, without padding.

    Parameters
    ----------
    encoded : sequence of ndarrays of integers, each 1-D
        The ids of each of B texts; a text may be empty.

    Returns
    -------
    ids : ndarray of int64, shape (N,)
        All ids.
    offsets : ndarray of int64, shape (B + 1,)
        Text ``b`` is ``ids[offsets[b]:offsets[b + 1]]``.

    Raises
    ------
    TypeError, ValueError
        An array has another dtype or shape. The text names its position.

    Examples
    --------
    >>> import numpy as np
    >>> batch([np.array([5, 6]), np.array([], dtype=int), np.array([7])])
    (array([5, 6, 7]), array([0, 2, 2, 3]))
    """
    arrays = [np.asarray(ids) for ids in encoded]
    for position, ids in enumerate(arrays):
        if ids.ndim != 1:
            raise ValueError(f"text {position}: expected ids of shape (tokens,), got {ids.shape}")
        if ids.dtype.kind not in "iu" and ids.size:
            raise TypeError(f"text {position}: expected ids of an integer type, got {ids.dtype}")
    offsets = np.zeros(len(arrays) + 1, np.int64)
    np.cumsum([len(ids) for ids in arrays], out=offsets[1:])
    ids = np.concatenate(arrays).astype(np.int64) if offsets[-1] else np.empty(0, np.int64)
    return ids, offsets
