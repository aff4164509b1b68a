"""Tables and words in safetensors files. `docs/formats.md` describes ours."""

from __future__ import annotations

import os
from io import BufferedReader
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _finevec
from ..replace import replaced_file
from . import stored, word_lines

FORMAT = "safetensors"

# Element types of tables: by name of the format, NumPy's type in the file and the name.
_FLOATS = {
    "F16": ("<f2", "float16"),
    "BF16": ("<u2", "bfloat16"),
    "F32": ("<f4", "float32"),
    "F64": ("<f8", "float64"),
}
_NAMES = {kind: name for name, (_, kind) in _FLOATS.items()}

# Names that other programs give to a table.
_TABLES = ("vectors", "embedding.weight", "embeddings", "weight")

# Tensors that an error lists.
_LISTED = 10


class _Tensor(NamedTuple):
    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    def __str__(self) -> str:
        shape = ", ".join(map(str, self.shape))
        return f"{self.name[:60]!r} {self.dtype} ({shape})"


class _Contents(NamedTuple):
    tensors: dict[str, _Tensor]
    metadata: dict[str, str]
    table: _Tensor
    own_words: bool


def load(
    path: str | os.PathLike[str], asked: stored.Asked
) -> tuple[_finevec.Words | stored.LazyWords, NDArray[Any], dict[str, Any]]:
    """Read or map a file. See `WordVectors.load`."""
    return word_lines.undisturbed(lambda: _load(path, asked))


def _load(
    path: str | os.PathLike[str], asked: stored.Asked
) -> tuple[_finevec.Words | stored.LazyWords, NDArray[Any], dict[str, Any]]:
    name = os.fspath(path)
    with stored.opened(path, FORMAT) as (file, size):
        state = stored.FileState.of(file, path)
        contents = _contents(file, name, size)
        table = _table(contents.table, name, size)
        looked = table.rows if asked.limit is None else min(asked.limit, table.rows)
        if contents.own_words:
            read = stored.reader(file, name, bool(asked.mmap))
            pick = _packed_words(contents.tensors, table, looked, read)
        else:
            pick = word_lines.picker(table, state, looked, asked)
        return stored.load(file, table, asked, pick, looked)


def describe(path: str | os.PathLike[str]) -> tuple[stored.Table, str, str | None]:
    """Return where the table of a file is, its header in a line, and the file of its words where that is another."""
    with stored.opened(path, FORMAT) as (file, size):
        contents = _contents(file, os.fspath(path), size)
    listed = _listed(contents.tensors)
    told = ", ".join(f"{key!r}={value!r}" for key, value in contents.metadata.items())
    table = _table(contents.table, os.fspath(path), size)
    words = None if contents.own_words else word_lines.found_path(table.path)
    return table, f"{listed}{'; ' if told else ''}{told[:200]}", words


def _contents(file: BufferedReader, name: str, size: int) -> _Contents:
    head = file.read(8)
    head += file.read(min(int.from_bytes(head, "little"), _finevec.MAX_HEADER))
    listed, metadata = _finevec.parse_safetensors(name, head, size)
    tensors = {one[0]: _Tensor(one[0], one[1], tuple(one[2]), one[3], one[4]) for one in listed}
    own_words = {"vectors", "words", "word_offsets"} <= tensors.keys()
    candidates = [one for one in tensors.values() if len(one.shape) == 2 and one.dtype in _FLOATS]
    named = [one for wanted in _TABLES for one in candidates if one.name == wanted]
    found = named or (candidates if len(candidates) == 1 else [])
    if not found or (own_words and found[0].name != "vectors"):
        raise ValueError(
            f"{name}: found {_listed(tensors) or 'no tensors'}: wanted a 2-D tensor of F16, BF16, F32 or F64 numbers, "
            f"under {', '.join(map(repr, _TABLES))} or alone"
        )
    return _Contents(tensors, dict(metadata), found[0], own_words)


def _listed(tensors: dict[str, _Tensor]) -> str:
    listed = [str(one) for one in tensors.values()]
    rest = [f"and {len(listed) - _LISTED} others"] if len(listed) > _LISTED else []
    return ", ".join([*listed[:_LISTED], *rest])


def _table(tensor: _Tensor, name: str, size: int) -> stored.Table:
    dtype, kind = _FLOATS[tensor.dtype]
    rows, dim = tensor.shape
    stored.check_dim(name, tensor.shape, kind)
    return stored.Table(name, FORMAT, np.dtype(dtype), kind, rows, dim, tensor.start, size)


def _packed_words(tensors: dict[str, _Tensor], table: stored.Table, looked: int, read: stored.Read) -> stored.Pick:
    """Return what picks among the words in the file."""
    words, offsets = tensors["words"], tensors["word_offsets"]
    wanted = ("I64", (table.rows + 1,))
    if (offsets.dtype, offsets.shape) != wanted or words.dtype != "U8" or len(words.shape) != 1:
        raise ValueError(
            f"{table.path}: found {offsets} and {words} beside {table.rows} rows: wanted "
            f"'word_offsets' I64 ({table.rows + 1}) and 'words' U8 of one dimension"
        )
    size = words.end - words.start
    fetch_offsets, fetch_block = read(offsets.start, 8 * (looked + 1)), read(words.start, size)

    def pick(vocabulary: list[str] | None, encoding_errors: str) -> stored.Picked:
        positions = np.frombuffer(fetch_offsets(), "<i8")
        # Of words that are not looked at, only the offsets tell.
        block = fetch_block()
        if looked < table.rows and 0 <= positions[-1] <= size:
            block = block[: positions[-1]]
        return _finevec.pick_packed_words(
            table.path, block, positions, byte=words.start, vocabulary=vocabulary, encoding_errors=encoding_errors
        )

    return pick


def save(
    path: str | os.PathLike[str],
    words: _finevec.Words,
    vectors: NDArray[Any],
    dtype: np.dtype[Any],
    progress: stored.Progress,
) -> None:
    """Write a file. See `WordVectors.save`."""
    stored.check_lengths(words, vectors, FORMAT)
    block, offsets = words.packed()
    head = _finevec.safetensors_head(len(vectors), vectors.shape[1], _NAMES[dtype.name], len(block))
    with replaced_file(path) as file:
        file.write(head)
        stored.write_bytes(file, offsets.astype("<i8", copy=False).tobytes())
        stored.write_table(file, words, vectors, dtype, progress)
        stored.write_bytes(file, block)
