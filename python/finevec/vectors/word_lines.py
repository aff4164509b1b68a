"""Words in a file beside their table, one a line."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import _finevec
from . import stored

_SUFFIX = ".words.txt"
_OTHER_SUFFIX = ".words"

_BYTE_ORDER_MARK = "\ufeff".encode()

# How often a table and its words are opened where they are replaced in between.
_TRIES = 5

T = TypeVar("T")


class _ReplacedError(ValueError):
    """A table and its words were replaced or written while they were opened."""


def words_path(path: str) -> str:
    """Return the name of the words of a table, beside the file that a link points to.

    It is ``v.words.txt`` for ``v.npy``, and ``v.words`` for a table ``v``: two tables have two files of words.
    """
    return _beside(os.path.realpath(path) if os.path.islink(path) else path)


def _beside(path: str) -> str:
    stem, suffix = os.path.splitext(path)
    return stem + _SUFFIX if suffix in (".npy", ".safetensors") else path + _OTHER_SUFFIX


def found_path(path: str) -> str:
    """Return the name of the words of a table that is there: beside a link where its target has none."""
    name, beside_link = words_path(path), _beside(path)
    is_left = os.path.lexists(name) or os.path.exists(previous_path(name))
    return beside_link if not is_left and os.path.exists(beside_link) else name


def previous_path(name: str) -> str:
    """Return where a save keeps the old words while it replaces the table and then the words."""
    return os.path.realpath(name) + ".previous"


def undisturbed(load: Callable[[], T]) -> T:
    """Load a table and its words, again where they were replaced meanwhile; a `ValueError` if that does not end."""
    for _ in range(_TRIES - 1):
        with contextlib.suppress(_ReplacedError):
            return load()
    return load()


def picker(table: stored.Table, state: stored.FileState, looked: int, asked: stored.Asked) -> stored.Pick:
    """Return what picks among the words of the first `looked` rows. Those of a mapped table are not read yet.

    `state` is that of the table when it was opened. Its words are those of this table if its name is still its own once
    they are open: a save gives the name to the new table before there are new words.
    """
    name = found_path(table.path)
    try:
        with stored.opened(name, "a file of words") as (file, size):
            words_state = stored.FileState.of(file, name)
            fetch = stored.reader(file, name, bool(asked.mmap))(0, size)
            text = None if asked.mmap else fetch()
        is_pair = words_state.is_current() and state.is_current()
    except FileNotFoundError:
        if state.is_current() and not os.path.exists(name):
            raise _missing(name, table.path) from None
        is_pair = False
    if not is_pair:
        raise _ReplacedError(f"{table.path}: it or {name} was replaced or written while they were opened: try again")

    def pick(vocabulary: list[str] | None, encoding_errors: str) -> stored.Picked:
        if asked.mmap and state.is_written():
            raise ValueError(f"{table.path}: the file was written into after it was mapped: load it again")
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
    if os.path.exists(previous_path(name)):
        why = f"a save was broken off, {previous_path(name)} has the words of {table} as it was before: save it again"
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
