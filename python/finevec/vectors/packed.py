"""Words as one block of UTF-8 with offsets, as the compiled readers and writers hold them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class PackedWords(NamedTuple):
    """Word ``i`` is ``block[offsets[i]:offsets[i + 1]]``: a million words cost their bytes and 8 bytes each."""

    block: bytes
    offsets: NDArray[np.int64]

    @classmethod
    def pack(cls, words: Sequence[str]) -> PackedWords:
        """Pack words. `UnicodeEncodeError` for a word with a lone surrogate, which no file can hold."""
        encoded = [word.encode() for word in words]
        offsets = np.zeros(len(words) + 1, np.int64)
        np.cumsum([len(word) for word in encoded], out=offsets[1:])
        return cls(b"".join(encoded), offsets)

    def unpack(self) -> list[str]:
        """Return the words as strings."""
        return [self.block[start:end].decode() for start, end in pairwise(self.offsets.tolist())]
