"""What tells one table of word vectors from every other: digests of its words and of its values."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .npz import BLOCK_BYTES, little_endian, rows_at_once

DIGEST_BYTES = 32


class PackedWords(NamedTuple):
    """UTF-8 end to end: word ``i`` is ``block[offsets[i]:offsets[i + 1]]``."""

    block: bytes
    offsets: NDArray[np.int64]


def words_digest(words: PackedWords) -> NDArray[np.uint8]:
    """Return the BLAKE2b digest of the words in their order: of the offsets as little-endian int64, then the bytes."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    step = BLOCK_BYTES // 8
    for first in range(0, len(words.offsets), step):
        digest.update(words.offsets[first : first + step].astype("<i8", copy=False).tobytes())
    view = memoryview(words.block)
    for first in range(0, len(view), BLOCK_BYTES):
        digest.update(view[first : first + BLOCK_BYTES])
    return np.frombuffer(digest.digest(), np.uint8)


def values_digest(table: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the BLAKE2b digest of the bytes of a table, rows one after the other, numbers little-endian."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    kept = little_endian(table.dtype)
    step = rows_at_once(table.shape[1] * table.itemsize)
    for first in range(0, len(table), step):
        digest.update(np.ascontiguousarray(table[first : first + step].astype(kept, copy=False)).data)
    return np.frombuffer(digest.digest(), np.uint8)
