"""Tables that lie in a file as NumPy has them in memory: mapped, or read in blocks; and the way back."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from itertools import pairwise
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import _finevec
from .. import functional as F
from .lines import GZIP_MAGIC
from .npz import BLOCK_BYTES, rows_at_once

Progress: TypeAlias = "Callable[[int, int, int], object] | None"

Picked: TypeAlias = "tuple[_finevec.Words, NDArray[np.int64] | None, int]"
"""Words, the rows of the file that they are (None: all, in order), and how many were repeated."""

Pick: TypeAlias = "Callable[[list[str] | None, str], Picked]"
"""Gives the words among a vocabulary, or all; what to do with words that are not UTF-8 is the other argument."""

Read: TypeAlias = "Callable[[int, int], Callable[[], bytes]]"
"""See `reader`."""

MAX_DIM = _finevec.MAX_DIM
"""Most numbers in a row of a file."""

# Rows this near to each other are fetched in one read: to pass so many bytes costs about as much as another read.
_GAP_BYTES = 1 << 16


class Asked(NamedTuple):
    """What `WordVectors.load` was asked for."""

    vocabulary: list[str] | None
    limit: int | None
    dtype: np.dtype[Any]
    mmap: bool | str
    encoding_errors: str
    progress: Progress


class Table(NamedTuple):
    """Where a table lies in a file."""

    path: str
    format: str
    dtype: np.dtype[Any]
    """Its element type with its byte order; that of bfloat16, which NumPy lacks, is ``<u2``."""
    kind: str
    """The name of its element type."""
    rows: int
    dim: int
    start: int
    """Its first byte in the file."""
    size: int
    """Bytes of the file."""

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.dim * self.dtype.itemsize


@contextlib.contextmanager
def opened(path: str | os.PathLike[str], format: str) -> Iterator[tuple[BufferedReader, int]]:
    """Open a file that has a size and can be read anywhere; give it and its bytes."""
    with open(path, "rb") as file:
        told = os.fstat(file.fileno())
        if not stat.S_ISREG(told.st_mode):
            raise ValueError(f"{os.fspath(path)}: {format} can be read only from a regular file")
        if file.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
            raise ValueError(f"{os.fspath(path)}: packed with gzip: unpack it first, {format} is read in place")
        file.seek(0)
        yield file, told.st_size


class FileState(NamedTuple):
    """Which file was opened under a name, and what tells whether it was written since."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, file: IO[bytes], path: str | os.PathLike[str]) -> FileState:
        """Return the state of an open file."""
        return cls._told(os.fstat(file.fileno()), os.path.abspath(path))

    @classmethod
    def _told(cls, told: os.stat_result, path: str) -> FileState:
        return cls(path, told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)

    def _now(self) -> FileState | None:
        try:
            return self._told(os.stat(self.path), self.path)
        except FileNotFoundError:
            return None

    def is_current(self) -> bool:
        """Return whether the name is still that of the file, as it was."""
        return self._now() == self

    def is_written(self) -> bool:
        """Return whether the file was written into. One that lost its name cannot be told, and is taken as whole."""
        now = self._now()
        return now is not None and (now.device, now.inode) == (self.device, self.inode) and now != self


def reader(file: BufferedReader, path: str, mapped: bool) -> Read:
    """Return a function of a place in a file and a number of bytes, which returns a function that gives these bytes.

    From a mapped file they are fetched when they are asked for, of the file as it was opened, even if another has taken
    its name. `ValueError` where it was written into.
    """
    state = FileState.of(file, path)

    def read(start: int, size: int) -> Callable[[], bytes]:
        if mapped and size:
            mapping = np.asarray(np.memmap(file, np.uint8, "r", start, (size,)))

            def fetch_mapped() -> bytes:
                if state.is_written():
                    raise ValueError(f"{path}: the file was written into after it was mapped: load it again")
                return mapping.tobytes()

            return fetch_mapped

        def fetch() -> bytes:
            file.seek(start)
            data = file.read(size)
            if len(data) != size:
                raise ValueError(f"{path}: the file has become shorter while it was read")
            return data

        return fetch if size else bytes

    return read


class LazyWords:
    """The words of a mapped file, read when they are first asked for, for all who share them.

    Threads that ask at the same time may each read them, and get equal words. There is no lock: a process that is
    forked while another thread holds one would wait for it forever.

    Parameters
    ----------
    path : str
        The file, for errors.
    pick : callable
        Gives the words.
    """

    def __init__(self, path: str, pick: Callable[[], Picked]) -> None:
        self._path = path
        self._pick: Callable[[], Picked] | None = pick
        self._words: _finevec.Words | None = None

    def __call__(self) -> _finevec.Words:
        """Return the words. `ValueError` where they are damaged, or one is there twice."""
        # In this order: another thread forgets how to pick once there are words.
        pick = self._pick
        if self._words is None:
            assert pick is not None
            words, _, repeated = pick()
            if repeated:
                raise ValueError(
                    f"{self._path}: {repeated} rows of repeated words, wanted each word once in a mapped file: "
                    "load it without mmap, which keeps the first of each"
                )
            if self._words is None:
                self._words = words
            self._pick = None
        return self._words

    def __reduce__(self) -> tuple[Any, tuple[_finevec.Words]]:
        """Copy and pickle as the words themselves."""
        return _same, (self(),)


def _same(words: _finevec.Words) -> _finevec.Words:
    return words


def load(
    file: BufferedReader, table: Table, asked: Asked, pick: Pick, looked: int
) -> tuple[_finevec.Words | LazyWords, NDArray[Any], dict[str, Any]]:
    """Return the words, the table, and what the file told.

    Parameters
    ----------
    file : file
        Of the table.
    table : Table
    asked : Asked
    pick : callable
        See `Pick`.
    looked : int
        Rows that are looked at.
    """
    told = {"format": table.format, "rows": looked, "repeated": 0, "promised": table.rows}
    told |= {"numbered": 0, "final_newline": True}
    if asked.mmap:
        vectors = _mapped(file, table, asked, looked)
        return LazyWords(table.path, lambda: pick(None, asked.encoding_errors)), vectors, told
    words, rows, repeated = pick(asked.vocabulary, asked.encoding_errors)
    told["repeated"] = repeated
    vectors = _read(file, table, rows, len(words), asked)
    return words, vectors, told


def _mapped(file: BufferedReader, table: Table, asked: Asked, rows: int) -> NDArray[Any]:
    def refuse(why: str) -> ValueError:
        return ValueError(f"{table.path}: mmap={asked.mmap!r}: {why}")

    if asked.vocabulary is not None:
        raise refuse("a vocabulary picks rows, and a map has all of them: load without mmap, or without vocabulary")
    without = "load without mmap, or make a file that can be mapped by finevec convert --dtype float32"
    if table.dtype not in (np.dtype("<f4"), np.dtype("<f8")) or not table.dtype.isnative:
        order = "" if table.dtype.byteorder != ">" else " in big-endian byte order"
        raise refuse(f"the file holds {table.kind}{order}, only float32 and float64 can be mapped: {without}")
    if table.dtype != asked.dtype:
        raise refuse(
            f"the file holds {table.kind}, a map cannot turn it into {asked.dtype}: "
            f'give dtype="{table.kind}", or load without mmap'
        )
    if table.start % table.dtype.itemsize:
        raise refuse(f"the table starts at byte {table.start}, no multiple of {table.dtype.itemsize}: {without}")
    if rows:
        shape = (rows, table.dim)
        return np.asarray(np.memmap(file, table.dtype, "c" if asked.mmap == "c" else "r", table.start, shape))
    empty = np.empty((0, table.dim), table.dtype)
    empty.flags.writeable = asked.mmap == "c"
    return empty


def _read(file: BufferedReader, table: Table, rows: NDArray[np.int64] | None, count: int, asked: Asked) -> NDArray[Any]:
    """Return `count` rows of a table: the first, or those with these numbers, ascending."""
    vectors = np.empty((count, table.dim), asked.dtype)
    for first, end, start, stop in _runs(table, rows, count):
        if asked.progress is not None:
            asked.progress(first, table.start + start * table.row_bytes, table.size)
        block = np.empty((stop - start, table.dim), table.dtype)
        file.seek(table.start + start * table.row_bytes)
        if file.readinto(block.view(np.uint8).data) != block.nbytes:
            raise ValueError(f"{table.path}: the file has become shorter while it was read")
        wanted = block if rows is None else block[rows[first:end] - start]
        if table.kind == "bfloat16":
            wanted = (wanted.astype(np.uint32) << 16).view(np.float32)
        numbers = range(first, end) if rows is None else rows[first:end]
        vectors[first:end] = _cast(wanted, asked.dtype, partial(_row_place, table.path, numbers))
    if asked.progress is not None:
        asked.progress(count, table.size, table.size)
    return vectors


def _runs(table: Table, rows: NDArray[np.int64] | None, count: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield pieces of the result, first <= row < end, and the rows of the file that they are among, start to stop."""
    step = rows_at_once(table.row_bytes)
    if rows is None:
        for first in range(0, count, step):
            end = min(first + step, count)
            yield first, end, first, end
        return
    gap = max(1, _GAP_BYTES // table.row_bytes)
    breaks = [0, *(np.flatnonzero(np.diff(rows) > gap) + 1).tolist(), count] if count else []
    for run, run_end in pairwise(breaks):
        first = run
        while first < run_end:
            start = int(rows[first])
            end = min(run_end, first + int(np.searchsorted(rows[first:run_end], start + step)))
            yield first, end, start, int(rows[end - 1]) + 1
            first = end


def _cast(block: NDArray[Any], dtype: np.dtype[Any], place: Callable[[int], str]) -> NDArray[Any]:
    """Return values in another element type; `ValueError` where that would make a finite one infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        made = block.astype(dtype, copy=False)
    if dtype.itemsize < block.dtype.itemsize:
        lost = np.argwhere(np.isinf(made) & np.isfinite(block))
        if len(lost):
            row, column = lost[0].tolist()
            raise ValueError(f"{place(row)}: value {column} is {block[row, column]}: out of the range of {dtype.name}")
    return made


def check_dim(path: str, shape: tuple[int, ...], kind: str) -> None:
    """Refuse a table whose rows have no numbers, or more than are read."""
    if not 1 <= shape[1] <= MAX_DIM:
        raise ValueError(f"{path}: found {described(shape, kind)}: wanted 1 <= dim <= {MAX_DIM}")


def check_lengths(words: _finevec.Words, vectors: NDArray[Any], format: str) -> None:
    """Refuse a table that no file of vectors holds."""
    if not 1 <= vectors.shape[1] <= MAX_DIM:
        raise ValueError(f"{len(vectors)} rows of {vectors.shape[1]} numbers cannot be written as {format}")
    if len(words) != len(vectors):
        raise ValueError(f"{len(words)} words for {len(vectors)} rows: wanted one word for each row")


def write_table(
    file: IO[bytes], words: _finevec.Words, vectors: NDArray[Any], dtype: np.dtype[Any], progress: Progress
) -> None:
    """Write the values of a table, little-endian, in blocks: what trains it meanwhile waits for one of them at most."""
    kept = dtype.newbyteorder("<")
    step = rows_at_once(vectors.shape[1] * vectors.itemsize)
    for first in range(0, len(vectors), step):
        if progress is not None:
            progress(first, 0, 0)
        block = F.embedding(np.arange(first, min(first + step, len(vectors))), vectors)
        made = _cast(block, dtype, partial(_word_place, words, first))
        file.write(np.ascontiguousarray(made.astype(kept, copy=False)).data)


def _row_place(path: str, rows: Sequence[int] | NDArray[np.int64], row: int) -> str:
    return f"{path}: row {int(rows[row])}"


def _word_place(words: _finevec.Words, first: int, row: int) -> str:
    return f"word {first + row}, {words[first + row]!r}"


def write_bytes(file: IO[bytes], data: bytes) -> None:
    """Write bytes piece by piece, so that Ctrl-C is heeded in between."""
    view = memoryview(data)
    for first in range(0, len(view), BLOCK_BYTES):
        file.write(view[first : first + BLOCK_BYTES])


def described(shape: tuple[int, ...], kind: str) -> str:
    """Return the shape and the element type of an array in a file as text."""
    return f"{kind} of shape ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
