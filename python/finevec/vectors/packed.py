"""Words as one block of UTF-8 with offsets, as files hold them."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class PackedWords(NamedTuple):
    """Word ``i`` is ``block[offsets[i]:offsets[i + 1]]``: a million words cost their bytes and 8 bytes each."""

    block: bytes
    offsets: NDArray[np.int64]

    def unpack(self) -> list[str]:
        """Return the words as strings."""
        return [self.block[start:end].decode() for start, end in pairwise(self.offsets.tolist())]
