"""Slow readers of fastText's models, safetensors and npy, written from docs/formats.md alone.

They take more than the shipped ones, which may refuse what these read; what both read must be the same.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from reference_files import Options, RefusedError, Table, decoded, unpacked

FLOATS = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}


def read_table(data: bytes, lines: bytes, format: str, options: Options) -> Table:
    """Read the file `data`; `lines` is the file of words beside it."""
    reader = {"fasttext-binary": fasttext, "safetensors": safetensors, "npy": npy}[format]
    try:
        with np.errstate(all="ignore"):
            return reader(data, lines, options)
    except Exception as error:  # Whatever bytes that are not what they should be lead to.
        raise RefusedError(repr(error)) from None


def picked(format: str, words: Iterable[bytes], vectors: np.ndarray, options: Options) -> tuple[Table, list[int]]:
    """Return a table of the wanted words, each once, and which rows they are."""
    table = Table(format, vectors.shape[1], options.dtype, promised=len(vectors))
    rows = []
    for row, word in enumerate(words):
        text = decoded(word, options, "", 0)
        if options.vocabulary is None or text in options.vocabulary:
            known = len(table.words)
            table.add(text, vectors[row].astype(options.dtype))
            rows += [row] if len(table.words) > known else []
        table.rows += 1
    lost = [np.isinf(new) & np.isfinite(vectors[row]) for row, new in zip(rows, table.values, strict=True)]
    if np.any(lost) and format != "fasttext-binary":
        raise RefusedError("out of the range of float32")
    return table, rows


def looked(count: int, options: Options) -> int:
    return count if options.limit is None else min(count, options.limit)


def lines_of(text: bytes, count: int, options: Options) -> list[bytes]:
    text = text.removeprefix(b"\xef\xbb\xbf")
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    if len(lines) < looked(count, options) or (options.limit is None and len(lines) != count):
        raise RefusedError("not one word for each row")
    return [line.removesuffix(b"\r") for line in lines[: looked(count, options)]]


def npy(data: bytes, lines: bytes, options: Options) -> Table:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectors = np.load(io.BytesIO(data), allow_pickle=False)
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise RefusedError("no table of numbers")
    count = looked(len(vectors), options)
    words = lines_of(lines, len(vectors), Options(limit=options.limit))
    return picked("npy", words[:count], vectors, options)[0]


def safetensors(data: bytes, lines: bytes, options: Options) -> Table:
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    start = 8 + length

    def tensor(name: str) -> np.ndarray:
        first, end = header[name]["data_offsets"]
        kind = {**FLOATS, "I64": "<i8", "U8": "u1"}[header[name]["dtype"]]
        if not 0 <= first <= end <= len(data) - start:
            raise RefusedError("a tensor outside the file")
        array = np.frombuffer(data[start + first : start + end], kind).reshape(header[name]["shape"])
        return (array.astype("u4") << 16).view("f4") if header[name]["dtype"] == "BF16" else array

    tables = [name for name, told in header.items() if told["dtype"] in FLOATS and len(told["shape"]) == 2]
    named = [name for name in ("vectors", "embedding.weight", "embeddings", "weight") if name in tables]
    vectors = tensor((named or tables)[0])
    count = looked(len(vectors), options)
    if not {"vectors", "words", "word_offsets"} <= header.keys():
        return picked("safetensors", lines_of(lines, len(vectors), options), vectors, options)[0]
    block, offsets = tensor("words").tobytes(), tensor("word_offsets").tolist()
    if len(offsets) != len(vectors) + 1 or offsets[0] != 0:
        raise RefusedError("not one offset for each word")
    offsets = offsets[: count + 1]
    if offsets != sorted(offsets) or offsets[-1] > len(block):
        raise RefusedError("offsets that fall")
    words = [block[first:end] for first, end in pairwise(offsets)]
    return picked("safetensors", words, vectors, options)[0]


def fasttext(data: bytes, lines: bytes, options: Options) -> Table:
    file = io.BytesIO(unpacked(data))

    def take(kinds: str) -> tuple:
        return struct.unpack("<" + kinds, file.read(struct.calcsize("<" + kinds)))

    def matrix(rows: int, dim: int) -> np.ndarray:
        if take("B") != (0,) or take("qq") != (rows, dim):
            raise RefusedError("no matrix of this size")
        return np.frombuffer(file.read(4 * rows * dim), "<f4").reshape(rows, dim)

    mark, version, dim, *_, kind, buckets, shortest, longest, _, _ = take("i" * 14 + "d")
    entries, count, labels, _, pruned = take("iiiqq")
    if mark != 793_712_314 or version not in (11, 12) or pruned >= 0 or entries != count + labels:
        raise RefusedError("no whole model")
    words = []
    for entry in range(entries):
        word = b"".join(iter(lambda: take("c")[0], b"\0"))
        if take("qB")[1] != (entry >= count):
            raise RefusedError("words and labels mixed")
        words.append(word)
    vectors = matrix(count + buckets, dim)
    if version == 11 and kind == 3:
        longest = 0
    table, rows = picked("fasttext-binary", words[: looked(count, options)], vectors[:count], options)
    for place, row in enumerate(rows):
        parts = ngrams(words[row], shortest, longest, buckets) if buckets and longest >= max(shortest, 1) else []
        total = vectors[row].astype(options.dtype)
        for part in parts:
            total = total + vectors[count + part].astype(options.dtype)
        table.values[place] = total * (np.dtype(options.dtype).type(1) / np.dtype(options.dtype).type(1 + len(parts)))
    return table


def ngrams(word: bytes, shortest: int, longest: int, buckets: int) -> list[int]:
    """Return the buckets of a word's n-grams. A character is a byte and the continuation bytes behind it."""
    if word == b"</s>":
        return []
    characters: list[bytes] = []
    for byte in b"<" + word + b">":
        if characters and byte & 0xC0 == 0x80:
            characters[-1] += bytes([byte])
        else:
            characters.append(bytes([byte]))
    found = []
    for start in range(len(characters)):
        for length in range(max(shortest, 1), min(longest, len(characters) - start) + 1):
            if length > 1 or 0 < start < len(characters) - 1:
                found.append(fnv(b"".join(characters[start : start + length])) % buckets)
    return found


def fnv(text: bytes) -> int:
    value = 2166136261
    for byte in text:
        value = (value ^ ((byte - 256 if byte >= 128 else byte) % 2**32)) * 16777619 % 2**32
    return value


def same(got: np.ndarray, wanted: np.ndarray) -> bool:
    """Tell whether both have the same bits; a NaN that came of arithmetic is any NaN."""
    either = np.isnan(got) & np.isnan(wanted)
    bits = f"u{got.itemsize}"
    return got.shape == wanted.shape and bool(np.all((got.view(bits) == wanted.view(bits)) | either))
