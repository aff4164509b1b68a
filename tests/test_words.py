"""The compiled `Words`, and what picks among the words of a file: bad arguments."""

from __future__ import annotations

import re

import numpy as np
import pytest
from finevec import _finevec


@pytest.mark.parametrize("row", [-1, 2, 2**63, -(2**70)])
def test_rows_do_not_count_from_the_end(row):
    words = _finevec.Words(["a", "bc"])
    assert (words[0], words[np.int64(1)]) == ("a", "bc")
    with pytest.raises(IndexError, match=re.escape(f"row {row} of 2 words")):
        words[row]
    with pytest.raises(TypeError):
        words["a"]


@pytest.mark.parametrize("make", [_finevec.Words.from_packed, lambda *args: _finevec.pick_packed_words("v", *args)])
def test_offsets_are_one_dimension_and_not_empty(make):
    with pytest.raises(ValueError, match=re.escape("offsets has shape (2, 2), wanted one dimension")):
        make(b"abc", np.array([[0, 1], [2, 3]]))
    with pytest.raises(ValueError, match=re.escape("offsets has shape (), wanted one dimension")):
        make(b"", np.array(0))
    for block in (b"", b"abc"):
        with pytest.raises(ValueError, match="wanted offsets that rise from 0 to"):
            make(block, np.array([], np.int64))
