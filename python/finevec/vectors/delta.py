"""Deltas: files of the rows in which fine-tuned vectors differ from those they started from.

`docs/formats.md` describes the file. A base is told by its fingerprint, which covers words and values; "differ" means
that bytes differ, so that a table comes back bit for bit.
"""

from __future__ import annotations

import contextlib
import errno
import os
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _finevec
from ..replace import replaced_file
from . import load_save
from .fingerprint import DIGEST_BYTES, PackedWords, values_digest, words_digest
from .npz import Reader, rows_at_once, write, write_blocks

if TYPE_CHECKING:
    from .word_vectors import WordVectors

FORMAT = "finevec-delta"
FORMAT_VERSION = 1


def save(tuned: WordVectors, path: str | os.PathLike[str], base: WordVectors | str | os.PathLike[str]) -> None:
    """Write a delta. See `WordVectors.save_delta`."""
    from .word_vectors import WordVectors

    if isinstance(base, (str, os.PathLike)):
        base = _opened(base, tuned.vectors.dtype)
    elif not isinstance(base, WordVectors):
        raise TypeError(f"base: expected a path or WordVectors, got {type(base).__name__}")
    table, old = tuned.vectors, base.vectors
    if old.dtype != table.dtype or old.shape[1] != table.shape[1]:
        kinds = f"{table.shape[1]} {table.dtype}, got {old.shape[1]} {old.dtype}"
        raise ValueError(f"base: expected rows like those of the tuned vectors, {kinds}")
    if base is tuned or np.may_share_memory(table, old):
        raise ValueError(
            "base: expected vectors that share no memory with the tuned ones, which may have changed them too: "
            "give the path of the file they came from"
        )
    base_row = _rows_in_base(tuned, base)
    added = np.flatnonzero(base_row < 0)
    with replaced_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        write(archive, "format", np.array(FORMAT))
        write(archive, "version", np.array(FORMAT_VERSION, np.int64))
        write(archive, "base_shape", np.array(old.shape, np.int64))
        write(archive, "base_words", words_digest(_packed(base)))
        write(archive, "base_values", values_digest(old))
        write(archive, "tuned_rows", np.array(len(table), np.int64))
        if not _is_plain(base_row, len(old)):
            write(archive, "base_row", base_row)
        changed = _changed_rows(table, old, base_row)
        write(archive, "changed_rows", changed)
        _write_rows(archive, "changed_values", table, changed)
        words = _chosen(_packed(tuned), added)
        write(archive, "added_words", np.frombuffer(words.block, np.uint8))
        write(archive, "added_offsets", words.offsets)
        _write_rows(archive, "added_values", table, added)


def _opened(path: str | os.PathLike[str], dtype: np.dtype[Any]) -> WordVectors:
    """Map a file where that can be done, so that no table is held; load it where not."""
    from .word_vectors import WordVectors

    if load_save.kind_of(path, "auto") in load_save.STORED:
        # Another dtype, or words that a map refuses. What else is wrong, loading tells.
        with contextlib.suppress(ValueError):
            base = WordVectors.load(path, dtype=dtype, mmap=True)
            base._words.packed()
            return base
    return WordVectors.load(path, dtype=dtype)


def apply(base: WordVectors, path: str | os.PathLike[str], copy: bool) -> WordVectors:
    """Return the tuned vectors. See `WordVectors.apply_delta`."""
    with open(path, "rb") as file, _told_as_damage(path):
        reader = Reader(file)
        _check_format(reader)
        _check_base(reader, base)
        delta = _read(reader, base)
        if not copy:
            _check_in_place(base, delta)
            tuned = base
        else:
            table = np.empty((len(delta.base_row), base.vector_size), base.vectors.dtype)
            _take_kept(table, base.vectors, delta.base_row)
            tuned = _with_words(base, delta, table)
        _put_rows(tuned.vectors, delta.changed, reader, "changed_values")
        _put_rows(tuned.vectors, np.flatnonzero(delta.base_row < 0), reader, "added_values")
    return tuned


class _Delta(NamedTuple):
    """What a file holds beside the values."""

    base_row: NDArray[np.int64]
    """For each tuned row, that of the same word in the base; -1 for an added word."""
    changed: NDArray[np.int64]
    """Tuned rows of words of the base whose bytes differ, ascending."""
    words: PackedWords
    """The added words."""


class _RefusedError(ValueError):
    """The file may be whole, but it is not for this base or this finevec."""


def _packed(wv: WordVectors) -> PackedWords:
    return PackedWords(*wv._words.packed())


def _rows_in_base(tuned: WordVectors, base: WordVectors) -> NDArray[np.int64]:
    words, old = _packed(tuned), _packed(base)
    if np.array_equal(words.offsets, old.offsets) and words.block == old.block:
        return np.arange(len(tuned), dtype=np.int64)
    return base.rows_of(tuned._words.to_list())


def _is_plain(base_row: NDArray[np.int64], rows: int) -> bool:
    """Tell whether the tuned rows are those of the base in their order, then the added ones."""
    return len(base_row) >= rows and np.array_equal(base_row, _plain(len(base_row), rows))


def _plain(tuned_rows: int, rows: int) -> NDArray[np.int64]:
    base_row = np.arange(tuned_rows, dtype=np.int64)
    base_row[rows:] = -1
    return base_row


def _changed_rows(table: NDArray[Any], old: NDArray[Any], base_row: NDArray[np.int64]) -> NDArray[np.int64]:
    bits = f"u{table.itemsize}"
    changed = [np.empty(0, np.int64)]
    step = rows_at_once(table.shape[1] * table.itemsize)
    for first in range(0, len(table), step):
        rows = base_row[first : first + step]
        kept = np.flatnonzero(rows >= 0)
        new, before = table[first : first + step][kept].view(bits), old[rows[kept]].view(bits)
        changed.append(kept[(new != before).any(axis=1)] + first)
    return np.concatenate(changed)


def _write_rows(archive: zipfile.ZipFile, name: str, table: NDArray[Any], rows: NDArray[np.int64]) -> None:
    step = rows_at_once(table.shape[1] * table.itemsize)
    blocks = (table[rows[first : first + step]] for first in range(0, len(rows), step))
    write_blocks(archive, name, table.dtype, (len(rows), table.shape[1]), blocks)


def _chosen(words: PackedWords, rows: NDArray[np.int64]) -> PackedWords:
    starts, ends = words.offsets[rows], words.offsets[rows + 1]
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(ends - starts, out=offsets[1:])
    pieces = (words.block[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True))
    return PackedWords(b"".join(pieces), offsets)


@contextlib.contextmanager
def _told_as_damage(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what numpy and zipfile raise about the content of a file, for which there is no list, into a ValueError."""
    try:
        yield
    except _RefusedError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
    except Exception as error:
        # zipfile seeks to wherever a damaged file tells it to.
        of_the_disk = isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)
        if of_the_disk or isinstance(error, MemoryError):
            raise
        said = str(error) or type(error).__name__
        raise ValueError(f"{os.fspath(path)}: not a delta, or damaged: {said}") from None


def _check_format(reader: Reader) -> None:
    if reader.read("format", f"<U{len(FORMAT)}").item() != FORMAT:
        raise ValueError("its format is another")
    version = reader.read("version", np.int64).item()
    if version != FORMAT_VERSION:
        raise _RefusedError(f"delta of format version {version}, this finevec reads {FORMAT_VERSION}")


def _check_base(reader: Reader, base: WordVectors) -> None:
    """Raise with all that differs: cheap things first, the values only where nothing else does."""
    rows, dim = reader.read("base_shape", np.int64, 2).tolist()
    _, dtype = reader.header("changed_values")
    native = dtype.newbyteorder("=")
    differences = []
    if native != base.vectors.dtype:
        differences.append(f"dtype {native} wanted, got {base.vectors.dtype}")
    if dim != base.vector_size:
        differences.append(f"dim {dim} wanted, got {base.vector_size}")
    wanted = reader.read("base_words", np.uint8, DIGEST_BYTES)
    if rows != len(base):
        differences.append(f"{rows} words wanted, got {len(base)}")
    elif not np.array_equal(wanted, words_digest(_packed(base))):
        differences.append("the words or their order differ")
    wanted = reader.read("base_values", np.uint8, DIGEST_BYTES)
    if not differences and not np.array_equal(wanted, values_digest(base.vectors)):
        differences.append("the same words with other values")
    if differences:
        raise _RefusedError(f"made from another base: {'; '.join(differences)}")


def _read(reader: Reader, base: WordVectors) -> _Delta:
    """Read all but the values, and check everything: from here on nothing can fail but the disk."""
    rows, dim, dtype = len(base), base.vector_size, base.vectors.dtype
    tuned_rows = reader.read("tuned_rows", np.int64).item()
    words = _read_words(reader, base)
    added = len(words.offsets) - 1
    if "base_row" in reader:
        base_row = reader.read("base_row", np.int64, tuned_rows)
        kept = np.sort(base_row[base_row >= 0])
        if base_row.min(initial=-1) < -1 or kept.max(initial=-1) >= rows or (kept[1:] == kept[:-1]).any():
            raise ValueError(f"base_row: expected rows of a base of {rows}, each once, or -1")
        if len(base_row) - len(kept) != added:
            raise ValueError(f"base_row: expected {added} times -1, got {len(base_row) - len(kept)}")
    elif tuned_rows != rows + added:
        raise ValueError(f"tuned_rows: expected {rows + added}, got {tuned_rows}")
    else:
        base_row = _plain(tuned_rows, rows)
    changed = reader.read("changed_rows", np.int64, None)
    if changed.min(initial=0) < 0 or changed.max(initial=-1) >= tuned_rows or (changed[1:] <= changed[:-1]).any():
        raise ValueError(f"changed_rows: expected ascending rows of {tuned_rows}")
    if (base_row[changed] < 0).any():
        raise ValueError("changed_rows: expected rows of words of the base, got one of an added word")
    reader.verify("changed_values", dtype, len(changed), dim)
    reader.verify("added_values", dtype, added, dim)
    return _Delta(base_row, changed, words)


def _read_words(reader: Reader, base: WordVectors) -> PackedWords:
    block = reader.read("added_words", np.uint8, None).tobytes()
    offsets = reader.read("added_offsets", np.int64, None)
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(block) or (offsets[1:] < offsets[:-1]).any():
        raise ValueError(f"added_offsets: expected them to run from 0 to {len(block)}")
    words = _finevec.Words.from_packed(block, offsets).to_list()
    if base.rows_of(words).max(initial=-1) >= 0:
        raise ValueError("added_words: expected none of the base")
    return PackedWords(block, offsets)


def _check_in_place(base: WordVectors, delta: _Delta) -> None:
    if not base.vectors.flags.writeable:
        raise _RefusedError("copy=False: expected a writable table, got a read-only one")
    if len(delta.base_row) != len(base) or not _is_plain(delta.base_row, len(base)):
        raise _RefusedError("copy=False: expected tuned vectors of the words of the base in its order, got others")


def _take_kept(table: NDArray[Any], old: NDArray[Any], base_row: NDArray[np.int64]) -> None:
    """Copy the rows of the base to where the tuned table has their words."""
    if _is_plain(base_row, len(old)):
        table[: len(old)] = old
        return
    step = rows_at_once(table.shape[1] * table.itemsize)
    for first in range(0, len(table), step):
        rows = base_row[first : first + step]
        kept = np.flatnonzero(rows >= 0)
        table[first + kept] = old[rows[kept]]


def _put_rows(table: NDArray[Any], rows: NDArray[np.int64], reader: Reader, name: str) -> None:
    first = 0
    for block in reader.blocks(name, table.dtype, len(rows), table.shape[1]):
        table[rows[first : first + len(block)]] = block
        first += len(block)


def _with_words(base: WordVectors, delta: _Delta, table: NDArray[Any]) -> WordVectors:
    """Return `table` with the words of its rows, which stay packed."""
    from .word_vectors import WordVectors

    if len(table) == len(base) and _is_plain(delta.base_row, len(base)):
        return base.with_vectors(table)
    old, new = _packed(base), delta.words
    both = PackedWords(old.block + new.block, np.concatenate([old.offsets, new.offsets[1:] + old.offsets[-1]]))
    rows = delta.base_row.copy()
    rows[rows < 0] = len(base) + np.arange(len(new.offsets) - 1)
    packed = both if _is_plain(delta.base_row, len(base)) else _chosen(both, rows)
    return WordVectors._loaded(_finevec.Words.from_packed(*packed), table, None)
