"""Word vectors to and from the gensim that is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from .word_vectors import WordVectors

Vectors = TypeVar("Vectors", bound="WordVectors")


def to_gensim(wv: WordVectors, copy: bool) -> Any:
    """Return gensim's `KeyedVectors`. See `WordVectors.to_gensim`."""
    try:
        from gensim.models import KeyedVectors
    except ImportError as error:
        raise ImportError(f"to_gensim needs gensim 4: pip install gensim ({error})") from error
    if not copy and wv.vectors.dtype != np.float32:
        raise ValueError(f"copy=False: expected a float32 table, which gensim's is, got {wv.vectors.dtype}")
    if not copy and not wv.vectors.flags.c_contiguous:
        raise ValueError("copy=False: expected a C-contiguous table, which gensim's is, got rows that lie apart")
    keyed = KeyedVectors(wv.vector_size)
    # gensim adds words to its list and its dict.
    keyed.index_to_key = list(wv.index_to_key)
    keyed.key_to_index = dict(wv.key_to_index)
    keyed.vectors = wv.vectors.astype(np.float32, order="C", copy=copy)
    keyed.next_index = len(wv)
    return keyed


def from_gensim(kind: type[Vectors], keyed: Any) -> Vectors:
    """Return word vectors of gensim's. See `WordVectors.from_gensim`."""
    vectors = getattr(keyed, "wv", keyed)
    if not hasattr(vectors, "index_to_key") or not hasattr(vectors, "vectors"):
        raise TypeError(f"expected gensim's KeyedVectors or a model with .wv, got {type(keyed).__name__}")
    table = np.asarray(vectors.vectors)
    dtype = np.float64 if table.dtype.itemsize > 4 else np.float32
    return kind(vectors.index_to_key, np.require(table, dtype, ["C", "ALIGNED"]))
