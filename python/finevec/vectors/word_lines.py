"""Words in a file beside their table, one a line."""

from __future__ import annotations

import errno
import os

import numpy as np
from numpy.typing import NDArray

from .. import _finevec
from . import stored

SUFFIX = ".words.txt"
PREVIOUS = ".previous"
"""Added to the name of the old words while a save replaces the table and then the words."""

_BYTE_ORDER_MARK = "\ufeff".encode()


def words_path(path: str) -> str:
    """Return the name of the words of a table: ``v.words.txt`` for ``v.npy``."""
    stem, suffix = os.path.splitext(path)
    return (stem if suffix.lower() in (".npy", ".safetensors") else path) + SUFFIX


def picker(table: stored.Table, looked: int, asked: stored.Asked) -> stored.Pick:
    """Return what picks among the words of the first `looked` rows. Those of a mapped table are not read yet."""
    name = words_path(table.path)
    try:
        with stored.opened(name, "a file of words") as (file, size):
            fetch = stored.reader(file, name, bool(asked.mmap))(0, size)
            text = None if asked.mmap else fetch()
    except FileNotFoundError:
        raise _missing(name, table.path) from None

    def pick(vocabulary: list[str] | None, encoding_errors: str) -> stored.Picked:
        picked, lines = _finevec.pick_word_lines(
            name,
            fetch() if text is None else text,
            vocabulary=vocabulary,
            limit=looked,
            encoding_errors=encoding_errors,
        )
        if lines < looked or (asked.limit is None and lines != table.rows):
            raise ValueError(f"{name}: found {lines} words, wanted {table.rows}: one for each row of {table.path}")
        return picked

    return pick


def _missing(name: str, table: str) -> OSError:
    if os.path.exists(name + PREVIOUS):
        why = f"a save was broken off, {name}{PREVIOUS} has the words of {table} as it was before: save it again"
    else:
        why = f"{table} needs its words there, one a line"
    return FileNotFoundError(errno.ENOENT, f"{os.strerror(errno.ENOENT)}: {why}", name)


def lines_of(words: _finevec.Words) -> bytes:
    """Return words as lines. `ValueError` for a word that could not be read back."""
    block, offsets = words.packed()
    bad = min((at for at in (block.find(b"\n"), block.find(b"\r")) if at >= 0), default=-1)
    if bad >= 0:
        row = int(np.searchsorted(offsets, bad, "right")) - 1
        raise ValueError(f"word {row}, {words[row]!r}, cannot be written: it holds a line break")
    if len(words) and words[0].encode().startswith(_BYTE_ORDER_MARK):
        raise ValueError(f"word 0, {words[0]!r}, cannot be written: the file would start with a byte order mark")
    ends: NDArray[np.int64] = offsets[1:] + np.arange(len(words))
    text = np.full(len(block) + len(words), ord("\n"), np.uint8)
    is_word = np.ones(len(text), bool)
    is_word[ends] = False
    text[is_word] = np.frombuffer(block, np.uint8)
    return text.tobytes()
