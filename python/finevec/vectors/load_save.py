"""Reading and writing files of word vectors, by way of the compiled readers and writers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import DTypeLike, NDArray

from .. import _finevec
from ..checks import float_dtype, integer
from .packed import PackedWords

FORMATS = ("auto", "glove", "word2vec")

MAX_DIM = 1 << 20
"""Most numbers in a row of a file: `limits.rs` of the core has the same bound."""

# Suffixes that promise another format than text to whoever finds the file.
_OTHER_FORMATS = (".bin", ".npy", ".npz", ".safetensors", ".parquet", ".pkl", ".pickle", ".zip")

_log = logging.getLogger(__name__)


class FileInfo(NamedTuple):
    """What a file told about itself."""

    path: str
    """The file."""
    format: str
    """``"glove"`` or ``"word2vec"``."""
    rows: int
    """Rows that were looked at: of all words, not just those of a vocabulary."""
    repeated: int
    """Rows left out because their word had come before."""
    numbered: int
    """Rows whose word holds a number after a space: ``route 66``, or a row with one number too many."""
    final_newline: bool
    """False where the last row has no line break, so that the file may be cut off inside its last number."""


def load(
    path: str | os.PathLike[str],
    format: str,
    vocabulary: Iterable[str] | None,
    limit: int | None,
    dtype: DTypeLike,
    mmap: bool,
    encoding_errors: str,
    progress: Callable[[int, int, int], object] | None,
) -> tuple[PackedWords, NDArray[Any], FileInfo]:
    """Read a file. See `WordVectors.load`."""
    _check_format(format)
    if mmap:
        raise ValueError("mmap: expected False, got True: text has to be parsed and cannot be mapped")
    if isinstance(vocabulary, str):
        raise TypeError("vocabulary: expected an iterable of words, got one string")
    if limit is not None:
        limit = integer("limit", limit, least=0, most=2**63 - 1)
    vectors, block, offsets, told = _finevec.read_text(
        path,
        format=None if format == "auto" else format,
        vocabulary=None if vocabulary is None else list(vocabulary),
        limit=limit,
        dtype=float_dtype(dtype).name,
        encoding_errors=encoding_errors,
        progress=progress,
    )
    info = FileInfo(os.fspath(path), **told)
    if info.repeated:
        _log.warning("%s: left out %d rows of repeated words: the first of each was kept", info.path, info.repeated)
    if info.numbered:
        counts = f"{info.numbered} of {info.rows} rows hold one number more than {vectors.shape[1]}"
        _log.warning("%s: %s: it was taken as part of the word", info.path, counts)
    if not info.final_newline:
        _log.warning("%s: no line break after the last row: the file may be cut off there", info.path)
    return PackedWords(block, offsets), vectors, info


def save(path: str | os.PathLike[str], format: str, words: PackedWords, vectors: NDArray[Any]) -> None:
    """Write a file. See `WordVectors.save`."""
    _check_format(format)
    suffix = Path(path).suffix.lower()
    if format == "auto" and suffix in _OTHER_FORMATS:
        raise ValueError(
            f"{os.fspath(path)}: expected a name for text, such as .txt or .txt.gz, got {suffix!r}: "
            'only text is written; format="word2vec" writes it under any name'
        )
    _finevec.write_text(path, vectors, words.block, words.offsets, format="word2vec" if format == "auto" else format)


def _check_format(format: str) -> None:
    if format not in FORMATS:
        raise ValueError(f"format: expected one of {', '.join(FORMATS)}, got {format!r}")
