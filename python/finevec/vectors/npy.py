"""Tables in NumPy's ``.npy``, words in a file beside it. `docs/formats.md` tells how the two are kept together."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import warnings
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .. import _finevec
from ..replace import replaced_file
from . import stored, word_lines

FORMAT = "npy"

# More than NumPy reads of a header.
_HEAD_BYTES = 1 << 16


def load(
    path: str | os.PathLike[str], asked: stored.Asked
) -> tuple[_finevec.Words | stored.LazyWords, NDArray[Any], dict[str, Any]]:
    """Read or map a table and its words. See `WordVectors.load`."""
    return word_lines.undisturbed(lambda: _load(path, asked))


def _load(
    path: str | os.PathLike[str], asked: stored.Asked
) -> tuple[_finevec.Words | stored.LazyWords, NDArray[Any], dict[str, Any]]:
    with stored.opened(path, FORMAT) as (file, size):
        state = stored.FileState.of(file, path)
        table = _table(file, os.fspath(path), size)
        looked = table.rows if asked.limit is None else min(asked.limit, table.rows)
        return stored.load(file, table, asked, word_lines.picker(table, state, looked, asked), looked)


def describe(path: str | os.PathLike[str]) -> tuple[stored.Table, str, str | None]:
    """Return where the table of a file is, its header in a line, and the file of its words."""
    with stored.opened(path, FORMAT) as (file, size):
        table = _table(file, os.fspath(path), size)
    header = f"{np.lib.format.dtype_to_descr(table.dtype)} ({table.rows}, {table.dim})"
    return table, header, word_lines.found_path(table.path)


def _table(file: IO[bytes], name: str, size: int) -> stored.Table:
    # From memory: NumPy would ask the file for as many bytes as its header says that it has.
    head = io.BytesIO(file.read(_HEAD_BYTES))
    try:
        shape, fortran_order, dtype = _header(head)
    except Exception as error:  # What NumPy raises about what it cannot parse has no list.
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f"{name}: not the header of an npy file: {said}") from None
    kind = dtype.name if dtype.names is None else "records"
    if len(shape) != 2 or dtype.kind != "f" or dtype.itemsize not in (2, 4, 8) or min(shape) < 0:
        found = stored.described(shape, kind)
        raise ValueError(f"{name}: found {found}: wanted float16, float32 or float64 of shape (rows, dim)")
    if fortran_order and min(shape) > 1:
        raise ValueError(
            f"{name}: found columns one after the other (Fortran order), wanted rows: "
            "np.save(path, np.ascontiguousarray(np.load(path))) turns them"
        )
    rows, dim = shape
    stored.check_dim(name, shape, kind)
    table = stored.Table(name, FORMAT, dtype, kind, rows, dim, head.tell(), size)
    promised = table.start + rows * table.row_bytes
    if promised != size:
        raise ValueError(f"{name}: the header promises a file of {promised} bytes, it has {size}")
    return table


def _header(head: io.BytesIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(head)
    with warnings.catch_warnings():
        # Of headers that Python 2 wrote, which are read all the same.
        warnings.simplefilter("ignore")
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(head)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(head)
    raise ValueError(f"version {version[0]}.{version[1]} of the format, wanted 1.0 or 2.0")


def save(
    path: str | os.PathLike[str],
    words: _finevec.Words,
    vectors: NDArray[Any],
    dtype: np.dtype[Any],
    progress: stored.Progress,
) -> None:
    """Write a table and, unless they are there already, its words. See `WordVectors.save`.

    Two files cannot be renamed at once. The old words are moved away before the table is renamed, so that after a kill
    at any moment there is a table with its own words, or one without words, which `load` refuses.
    """
    stored.check_lengths(words, vectors, FORMAT)
    text = word_lines.lines_of(words)
    name = os.path.realpath(word_lines.words_path(os.fspath(path)))
    if _holds(name, text):
        with replaced_file(path) as file:
            _write(file, words, vectors, dtype, progress)
        return
    if not os.path.isdir(os.path.dirname(os.path.realpath(path))):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    previous = word_lines.previous_path(name)
    moved: os.stat_result | None = None
    written: os.stat_result | None = None
    try:
        with replaced_file(name) as words_file:
            stored.write_bytes(words_file, text)
            with replaced_file(path) as file:
                _write(file, words, vectors, dtype, progress)
                file.flush()
                os.fsync(file.fileno())
                written = os.fstat(file.fileno())
                if os.path.exists(name):
                    moved = os.stat(name)
                    os.replace(name, previous)
    except BaseException:
        # The old words belong to the old table alone; those that an earlier save left behind may belong to none.
        if moved is not None and not _is(path, written) and _is(previous, moved) and not os.path.exists(name):
            os.replace(previous, name)
        raise
    with contextlib.suppress(FileNotFoundError):
        os.unlink(previous)


def _is(path: str | os.PathLike[str], known: os.stat_result | None) -> bool:
    """Return whether a path names a known file."""
    return known is not None and os.path.exists(path) and os.path.samestat(known, os.stat(path))


def _holds(name: str, text: bytes) -> bool:
    if not os.path.isfile(name) or os.path.getsize(name) != len(text):
        return False
    with open(name, "rb") as file:
        return file.read() == text


def _write(
    file: IO[bytes],
    words: _finevec.Words,
    vectors: NDArray[Any],
    dtype: np.dtype[Any],
    progress: stored.Progress,
) -> None:
    descr = np.lib.format.dtype_to_descr(dtype.newbyteorder("<"))
    header = {"descr": descr, "fortran_order": False, "shape": vectors.shape}
    np.lib.format.write_array_header_1_0(file, header)
    stored.write_table(file, words, vectors, dtype, progress)
