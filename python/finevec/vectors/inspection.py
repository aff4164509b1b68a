"""What a file of word vectors is, and what is wrong with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _finevec
from . import load_save, stored
from .npz import rows_at_once

if TYPE_CHECKING:
    from .word_vectors import WordVectors

_FIRST_WORDS = 8


class Report(NamedTuple):
    """What was found in a file."""

    file: str
    bytes: int
    """Of the file as it is, packed or not."""
    format: str
    header: str | None
    words: int
    """Different words, with a row of values each."""
    dim: int
    dtype: str
    """Of the values in the file."""
    rows: int
    """Rows that could be read, those of repeated words too."""
    promised: int | None
    """Rows that the header promises."""
    repeated: int
    numbered: int
    bad_rows: int
    """Rows that could not be read."""
    faults: list[str]
    """What was wrong with the first of them."""
    end: str | None
    """What ended the reading before the end of the file."""
    final_newline: bool
    first_words: list[str]
    smallest: float | None
    """Of the finite values."""
    largest: float | None
    not_finite: int
    """Values that are NaN or infinite."""
    memory: int
    """Bytes that the table takes when it is loaded, as `memory_dtype`."""
    memory_dtype: str
    model: dict[str, Any]
    """Of a fastText model: its kind, version, labels and n-grams."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong: all rows could be read, and there are as many as the header promises."""
        return not self.bad_rows and self.end is None and self.promised in (None, self.rows)


def inspect(path: str | os.PathLike[str], format: str, encoding_errors: str, progress: stored.Progress) -> Report:
    """Read a file as far as it can be read, and tell about it.

    Parameters
    ----------
    path : str or path
    format, encoding_errors : str
    progress : callable or None
        See `WordVectors.load`.

    Raises
    ------
    ValueError
        Nothing can be understood of the file.
    OSError
        It cannot be read.
    """
    told: dict[str, Any] = {"bad_rows": 0, "faults": [], "end": None, "model": {}, "dtype": "text", "header": None}
    kind = load_save.kind_of(path, format)
    vectors: NDArray[Any]
    if kind in load_save.STORED:
        wv, of_table = _stored(path, kind, encoding_errors, progress)
        told |= of_table
    elif kind == "fasttext-binary":
        wv = _loaded(path, kind, encoding_errors, progress)
        told |= {"dtype": "float32", "model": _model(wv)}
    else:
        asked = None if format == "auto" else format
        vectors, words, found = _finevec.inspect_vectors(
            path, format=asked, encoding_errors=encoding_errors, progress=progress
        )
        told |= {name: found[name] for name in ("bad_rows", "faults", "end")}
        if found["promised"] is not None:
            told["header"] = f"{found['promised']} {vectors.shape[1]}"
        if kind == "word2vec-binary":
            told["dtype"] = "float32"
        file_info = load_save.FileInfo(os.fspath(path), *(found[name] for name in load_save.FileInfo._fields[1:]))
        wv = _wrapped(words, vectors, file_info)
    info = wv.file_info
    assert info is not None
    smallest, largest, not_finite = _range(wv.vectors)
    return Report(
        file=info.path,
        bytes=os.path.getsize(path),
        format=info.format,
        words=len(wv),
        dim=wv.vector_size,
        rows=info.rows,
        promised=info.promised,
        repeated=info.repeated,
        numbered=info.numbered,
        final_newline=info.final_newline,
        first_words=[wv._words[row] for row in range(min(_FIRST_WORDS, len(wv)))],
        smallest=smallest,
        largest=largest,
        not_finite=not_finite,
        memory=wv.vectors.nbytes,
        memory_dtype=wv.vectors.dtype.name,
        **told,
    )


def _wrapped(words: _finevec.Words, vectors: NDArray[Any], info: load_save.FileInfo) -> WordVectors:
    from .word_vectors import WordVectors

    return WordVectors._loaded(words, vectors, info)


def _loaded(path: Any, kind: str, encoding_errors: str, progress: stored.Progress, **options: Any) -> WordVectors:
    from .word_vectors import WordVectors

    return WordVectors.load(path, format=kind, encoding_errors=encoding_errors, progress=progress, **options)


def _stored(
    path: str | os.PathLike[str], kind: str, encoding_errors: str, progress: stored.Progress
) -> tuple[WordVectors, dict[str, Any]]:
    """Return a table that is mapped where that can be, and what its header tells."""
    table, header, _ = load_save.STORED[kind].describe(path)
    told = {"dtype": table.kind, "header": header}
    dtype = "float64" if table.kind == "float64" else "float32"
    try:
        wv = _loaded(path, kind, encoding_errors, None, dtype=dtype, mmap=True)
        wv._words  # noqa: B018  # Read now: repeated words are told by loading it otherwise.
    except ValueError:
        wv = _loaded(path, kind, encoding_errors, progress, dtype=dtype)
    return wv, told


def _model(wv: WordVectors) -> dict[str, Any]:
    info = getattr(wv, "model_info", None)
    told = {} if info is None else {name: getattr(info, name) for name in info._fields}
    return told | {name: getattr(wv, name) for name in ("bucket", "min_n", "max_n") if hasattr(wv, name)}


def _range(table: NDArray[Any]) -> tuple[float | None, float | None, int]:
    """Return the smallest and the largest finite value, and how many are not finite."""
    smallest, largest, not_finite = np.inf, -np.inf, 0
    step = rows_at_once(table.shape[1] * table.itemsize)
    for first in range(0, len(table), step):
        block = table[first : first + step]
        finite = np.isfinite(block)
        if not finite.all():
            not_finite += int(block.size - np.count_nonzero(finite))
            block = block[finite]
        smallest = min(smallest, float(block.min(initial=np.inf)))
        largest = max(largest, float(block.max(initial=-np.inf)))
    return (None, None, not_finite) if smallest > largest else (smallest, largest, not_finite)
