"""fastText's models, safetensors and npy with random damage, and one loading of them beside the slow readers."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
from pathlib import Path

import mutations
import numpy as np
import reference_tables
from finevec.vectors import WordVectors
from reference_files import Options, RefusedError

GOLDEN = Path(__file__).parent / "golden"

FORMATS = ("fasttext-binary", "safetensors", "npy")

INTEGERS = [0, 1, 2, 3, 7, 11, 12, 64, 255, 2**20, 2**20 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1]
INTEGERS += [-1, -2, -(2**31), -(2**63), 10**12]

JSON = ["F16", "F32", "F64", "BF16", "I64", "U8", "F8_E4M3", "vectors", "words", "word_offsets", "weight", "", None]
JSON += [0, 1, -1, 3, 2**32, 2**63, 2**64, 1e300, [], {}, [0, 0], [2**63, 2**63], [3], [2, 2, 2], True]


def set_integer(rng: random.Random, data: bytes) -> bytes:
    at = mutations.place(rng, data[: rng.choice([120, len(data)])])
    kind = rng.choice("iiqB")
    size = struct.calcsize(kind)
    value = (rng.choice(INTEGERS) % 2 ** (8 * size)).to_bytes(size, "little")
    return data[:at] + value + data[at + size :]


def change_json(rng: random.Random, data: bytes) -> bytes:
    """Change one thing in the header of a safetensors file, and its length with it."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        name = rng.choice([*header])
        kind = rng.randrange(5)
        if kind == 0:
            header[rng.choice(["vectors", "words", "weight", "embeddings", "x"])] = header.pop(name)
        elif kind == 1:
            header[name] = rng.choice(JSON)
        elif kind == 2:
            header[name][rng.choice([*header[name]])] = rng.choice(JSON)
        else:
            numbers = header[name][rng.choice(["shape", "data_offsets"])]
            at = rng.randrange(len(numbers))
            numbers[at] = rng.choice([numbers[at] + 1, numbers[at] - 1, 2 * numbers[at], rng.choice(JSON)])
        text = json.dumps(header).encode()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return data
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


MUTATIONS = [mutations.flip, mutations.set_byte, mutations.insert_hostile, mutations.insert_bytes, mutations.delete]
MUTATIONS += [mutations.duplicate, mutations.cut, mutations.replace_field, set_integer, set_integer, set_integer]


def mutated(rng: random.Random, data: bytes, format: str) -> bytes:
    ways = MUTATIONS + [change_json] * 4 * (format == "safetensors")
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 3])):
        data = rng.choice(ways)(rng, data)
    return data


def corpus(rng: random.Random, format: str) -> tuple[bytes, bytes]:
    """Return a whole file, and the file of words beside it."""
    if format == "fasttext-binary":
        return rng.choice(sorted(GOLDEN.glob("fasttext_*.bin"))).read_bytes(), b""
    count, dim = rng.choice([0, 1, 2, 5, 40]), rng.choice([1, 2, 3, 16])
    words = [row.rsplit(b" ", dim)[0] for row in mutations.made_up_rows(rng, count, dim)]
    vectors = np.random.default_rng(rng.randrange(2**32)).standard_normal((count, dim))
    lines = b"".join(word + b"\n" for word in words)
    if format == "npy":
        file = io.BytesIO()
        np.save(file, vectors.astype(rng.choice(["<f4", "<f4", "<f8", "<f2", ">f4"])))
        return file.getvalue(), lines
    kind, dtype = rng.choice([("F32", "<f4"), ("F32", "<f4"), ("F64", "<f8"), ("F16", "<f2"), ("BF16", "<u2")])
    parts = [
        (rng.choice(["vectors", "weight", "my table"]), kind, vectors.astype("<f4").view("<u4") >> 16, vectors.shape)
    ]
    if kind != "BF16":
        parts[0] = (*parts[0][:2], vectors, vectors.shape)
    if rng.random() < 0.6:
        offsets = np.cumsum([0, *map(len, words)])
        parts[0] = ("vectors", *parts[0][1:])
        parts.insert(0, ("word_offsets", "I64", offsets, offsets.shape))
        parts.append(("words", "U8", np.frombuffer(b"".join(words), "u1"), (offsets[-1],)))
    header: dict[str, object] = {"__metadata__": {"made": "up"}} if rng.random() < 0.3 else {}
    block = b""
    for name, code, array, shape in parts:
        data = array.astype({"I64": "<i8", "U8": "u1"}.get(code, dtype)).tobytes()
        header[name] = {
            "dtype": code,
            "shape": [*map(int, shape)],
            "data_offsets": [len(block), len(block) + len(data)],
        }
        block += data
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + block, lines


def try_one(seed: int, folder: Path) -> tuple[str, str]:
    """Make one file from a seed, load it, compare; return its format and the outcome."""
    rng = random.Random(seed)
    format = rng.choice(FORMATS)
    whole, lines = corpus(rng, format)
    data = mutated(rng, whole, format)
    asked = mutations.options(rng, "auto", lines)
    asked.format = rng.choice(["auto", "auto", format])
    mapped = False
    if format == "fasttext-binary" and rng.random() < 0.1:
        data = gzip.compress(data, 1)
    elif format != "fasttext-binary" and rng.random() < 0.3:
        mapped, asked.vocabulary = True, None
    if rng.random() < 0.2:
        lines = mutations.mutated(rng, lines)
    return format, compare(folder, format, data, lines, asked, mapped=mapped, whole=data == whole)


def compare(
    folder: Path, format: str, data: bytes, lines: bytes, asked: Options, *, mapped: bool = False, whole: bool = False
) -> str:
    """Load the file and hold what comes beside the slow reader. `AssertionError` says what differs."""
    path = folder / "mutated.npy"
    path.write_bytes(data)
    (folder / "mutated.words.txt").write_bytes(lines)
    wanted: object
    try:
        wanted = reference_tables.read_table(data, lines, format, asked)
    except RefusedError as refused:
        wanted = refused
    try:
        got = WordVectors.load(path, mmap=mapped, **vars(asked))
        words = got.index_to_key
    except mutations.ERRORS as error:
        said = str(error)
        # What is no table any more but text cannot be mapped: that is said of the option.
        named = str(path.with_suffix("")) in said  # or the file of its words
        assert named or said.startswith("mmap: "), f"{said!r} does not name the file"
        assert "\n" not in said, f"{said!r} is more than one line"
        if isinstance(wanted, RefusedError):
            return "refused alike"
        # What may be refused of a file that is not damaged: its words, values that do not fit, what cannot be mapped.
        reason = re.search("UTF-8|twice|float32|float64|mmap|mapped|words", said)
        assert not whole or reason, f"a whole file is refused, with {said!r}"
        return "refused by the reader alone"
    if got.file_info.format != format:
        return "read as another format"
    if isinstance(wanted, RefusedError):
        raise AssertionError(f"read {len(got)} words: wanted a refusal, {wanted}")
    assert words == wanted.words
    assert got.vectors.dtype == asked.dtype
    assert reference_tables.same(got.vectors, wanted.vectors), "values differ"
    info = got.file_info
    assert (info.rows, info.repeated, info.promised) == (wanted.rows, wanted.repeated, wanted.promised)
    return "read alike"
