"""Reading and writing files of word vectors, by way of the compiled readers and writers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _finevec
from ..checks import float_dtype, integer, strings
from . import fasttext_model, npy, safetensors, stored

FORMATS = ("auto", "glove", "word2vec", "word2vec-binary", "fasttext", "fasttext-binary", "safetensors", "npy")

ENCODING_ERRORS = ("strict", "replace", "ignore")
"""What may become of words that are not UTF-8."""

# What a suffix means when a file is saved; any other is text.
_BY_SUFFIX = {".safetensors": "safetensors", ".npy": "npy", ".bin": "word2vec-binary", ".vec": "fasttext"}

# Suffixes that promise a format that is not written to whoever finds the file.
_NOT_WRITTEN = (
    *(".npz", ".parquet", ".pkl", ".pickle", ".ftz", ".h5", ".pt", ".pth", ".kv", ".model", ".magnitude", ".arrow"),
    *(".feather", ".json", ".zip", ".xz", ".bz2", ".zst", ".7z", ".tar"),
)

# What files start with that are handed around packed.
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive (or an .npz, such as a delta: see apply_delta)",
    b"\xfd7zXZ\x00": "xz data",
    b"\x28\xb5\x2f\xfd": "zstandard data",
    b"7z\xbc\xaf\x27\x1c": "a 7-zip archive",
}

STORED: dict[str, Any] = {safetensors.FORMAT: safetensors, npy.FORMAT: npy}
"""Formats whose tables lie in the file as in memory."""

_log = logging.getLogger(__name__)


class FileInfo(NamedTuple):
    """What a file told about itself."""

    path: str
    """The file."""
    format: str
    """The format it was read as, by the name that `WordVectors.load` takes."""
    rows: int
    """Rows that were looked at: of all words, not just those of a vocabulary."""
    repeated: int
    """Rows left out because their word had come before."""
    numbered: int
    """Rows whose word holds a number after a space: ``route 66``, or a row with one number too many."""
    final_newline: bool
    """False where the last row of text has no line break, so that the file may be cut off inside its last number."""
    promised: int | None = None
    """Rows that the file's header promises; None where there is no header."""


def load(
    path: str | os.PathLike[str],
    format: str,
    vocabulary: Iterable[str] | None,
    limit: int | None,
    dtype: DTypeLike,
    mmap: bool | str,
    encoding_errors: str,
    progress: Callable[[int, int, int], object] | None,
) -> tuple[_finevec.Words | stored.LazyWords, NDArray[Any], FileInfo, fasttext_model.Subwords | None]:
    """Read a file. See `WordVectors.load`. What is more than a table is there for fastText's models alone."""
    _check_format(format)
    if mmap not in (False, True, "c"):
        raise ValueError(f'mmap: expected False, True or "c", got {mmap!r}')
    if encoding_errors not in ENCODING_ERRORS:
        raise ValueError(f'encoding_errors is "{encoding_errors}", wanted "strict", "replace" or "ignore"')
    if vocabulary is not None:
        vocabulary = strings("vocabulary", vocabulary)
    if limit is not None:
        limit = integer("limit", limit, least=0, most=2**63 - 1)
    kind = kind_of(path, format)
    if mmap and kind not in STORED:
        raise ValueError(f"mmap: expected False, got {mmap!r}: {kind} has to be parsed and cannot be mapped")
    options: dict[str, Any] = {
        "vocabulary": vocabulary,
        "limit": limit,
        "dtype": float_dtype(dtype).name,
        "encoding_errors": encoding_errors,
        "progress": progress,
    }
    subwords = None
    words: _finevec.Words | stored.LazyWords
    if kind in STORED:
        asked = stored.Asked(options["vocabulary"], limit, float_dtype(dtype), mmap, encoding_errors, progress)
        words, vectors, told = STORED[kind].load(path, asked)
    elif kind == "fasttext-binary":
        vectors, words, told, subwords = fasttext_model.read(path, options)
    else:
        vectors, words, told = _finevec.read_vectors(path, format=None if format == "auto" else format, **options)
    info = FileInfo(os.fspath(path), **told)
    _report(info, vectors.shape[1], whole=limit is None)
    return words, vectors, info, subwords


def kind_of(path: str | os.PathLike[str], format: str) -> str:
    """Return the format that a file has, told by its content for "auto"; "auto" for what can be read but once."""
    if format != "auto" or not os.path.isfile(path):
        return format
    with open(path, "rb") as file:
        start = file.read(8)
    for mark, what in _ARCHIVES.items():
        if start.startswith(mark):
            raise ValueError(f"{os.fspath(path)}: expected word vectors, plain or gzip, got {what}: unpack it first")
    return _finevec.sniff(path)


def stored_type(path: str | os.PathLike[str], format: str) -> tuple[str | None, str | None]:
    """Return the name of the values' type in a file that holds them as in memory, and the file of its words.

    None for files of other formats, and for words in the same file.
    """
    kind = kind_of(path, format)
    if kind not in STORED:
        return None, None
    table, _, words = STORED[kind].describe(path)
    return table.kind, words


def written_format(path: str | os.PathLike[str], format: str) -> str:
    """Return the format that is written under a name: "auto" goes by the suffix. `ValueError` where none is."""
    name = os.fspath(path).lower()
    suffix = Path(name.removesuffix(".gz")).suffix
    if format == "auto" and suffix in _NOT_WRITTEN:
        raise ValueError(
            f"{os.fspath(path)}: expected a name for a format that is written, such as .txt, .bin or "
            f'.safetensors, got {suffix!r}: format="word2vec" writes text under any name'
        )
    written = _BY_SUFFIX.get(suffix, "word2vec") if format == "auto" else format
    if written in STORED and name.endswith(".gz"):
        raise ValueError(
            f"{os.fspath(path)}: expected a name without .gz: {written} is not packed, it could not be mapped"
        )
    return written


def _report(info: FileInfo, dim: int, *, whole: bool) -> None:
    """Log once what is odd about a file, and no error."""
    if whole and info.promised not in (None, info.rows):
        _log.warning("%s: the header promises %d words, the file has %d", info.path, info.promised, info.rows)
    if info.repeated:
        _log.warning("%s: left out %d rows of repeated words: the first of each was kept", info.path, info.repeated)
    if info.numbered:
        counts = f"{info.numbered} of {info.rows} rows hold one number more than {dim}"
        _log.warning("%s: %s: it was taken as part of the word", info.path, counts)
    if not info.final_newline:
        _log.warning("%s: no line break after the last row: the file may be cut off there", info.path)


def save(
    path: str | os.PathLike[str],
    format: str,
    words: _finevec.Words,
    vectors: NDArray[Any],
    dtype: DTypeLike | None,
    progress: Callable[[int, int, int], object] | None,
) -> None:
    """Write a file. See `WordVectors.save`."""
    _check_format(format)
    kept = vectors.dtype if dtype is None else np.dtype(dtype)
    if kept not in (np.float16, np.float32, np.float64):
        raise TypeError(f"dtype must be float16, float32 or float64, got {kept}")
    format = written_format(path, format)
    if format == "fasttext-binary":
        raise ValueError("format: fastText's .bin is only read: it holds a whole model; save as another format")
    if format in STORED:
        STORED[format].save(path, words, vectors, kept.newbyteorder("="), progress)
        return
    if dtype is not None:
        raise ValueError(f"dtype: expected None for {format}, which has one of its own, got {kept.name}")
    _finevec.write_vectors(path, vectors, words, format=format, progress=progress)


def _check_format(format: str) -> None:
    if format not in FORMATS:
        raise ValueError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
