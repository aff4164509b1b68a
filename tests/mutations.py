"""Files of word vectors, whole and with random damage, and one loading of them beside the slow reader."""

from __future__ import annotations

import functools
import gzip
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import reference_files
from finevec.vectors import WordVectors
from reference_files import Options, RefusedError, Table

# What a reader may raise; `pyo3`'s PanicException is none of them.
ERRORS = (ValueError, OSError, MemoryError)

HOSTILE = [
    *(b"1e999", b"-1e999", b"1e39", b"3.4028235677973366e38", b"3.4028234e38", b"1e-999", b"1e-45", b"7e-46", b"-0"),
    *(b"nan", b"-NaN", b"inf", b"+Infinity", b"0x10", b"1_000", b"1e", b"e5", b".", b"-", b"+.5", b"5.", b"-.5e+1"),
    *(b"9" * 400, b"0." + b"0" * 400 + b"1", b"0.1234567890123456789012345678901234567890", b"123456789012345"),
    *(b"1234567890123456", b"9007199254740993", b"7.038531e-26", b"2.2250738585072011e-308", b"4.9e-324", b"1e400000"),
    *(b"\0", b"\r", b"\r\n", b"\n\n", b"\t", b"\xc2\xa0", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\x0b", b"\x85", b"\x1a"),
    *(b"\xff", b"\xe9", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98"),
    *(b" ", b"  ", b" 66 ", b" 1 2 ", b"\xd9\xa1", b"\xef\xbc\x91", b"\x1f\x8b", b"\x93NUMPY", b"", b"word", b"1,5"),
    *(b"\x01\x00\x80\x7f", b"\x00\x00\xc0\xff", b"\x00\x00\x80\x7f", b"\x01\x00\x00\x80"),
]

COUNTS = [b"0", b"1", b"2", b"3", b"50", b"1000000000000", b"18446744073709551615", b"18446744073709551616"]
COUNTS += [b"1048576", b"1048577", b"-1", b"+3", b"03", b"9" * 30, b"", b"2.0", b"4294967296"]


def place(rng: random.Random, data: bytes) -> int:
    """Choose a position: anywhere, near an end, or near where the readers cut a large file."""
    kind = rng.random()
    if kind < 0.15:
        return rng.randrange(min(len(data), 40) + 1)
    if kind < 0.3:
        return max(0, len(data) - rng.randrange(80))
    if kind < 0.5 and len(data) > 300_000:
        cut = (256 << 10) * rng.randrange(1, len(data) // (256 << 10) + 1)
        return min(len(data), max(0, cut + rng.randrange(-60, 60)))
    return rng.randrange(len(data) + 1)


def flip(rng: random.Random, data: bytes) -> bytes:
    at = place(rng, data)
    return data[:at] + bytes(byte ^ (1 << rng.randrange(8)) for byte in data[at : at + 1]) + data[at + 1 :]


def set_byte(rng: random.Random, data: bytes) -> bytes:
    at = place(rng, data)
    byte = rng.choice([rng.randrange(256), *b" \n\r\t\0.-e09"])
    return data[:at] + bytes([byte]) + data[at + 1 :]


def insert_hostile(rng: random.Random, data: bytes) -> bytes:
    at = place(rng, data)
    return data[:at] + rng.choice(HOSTILE) + data[at:]


def insert_bytes(rng: random.Random, data: bytes) -> bytes:
    at = place(rng, data)
    return data[:at] + rng.randbytes(rng.choice([1, 2, 7, 100])) + data[at:]


def delete(rng: random.Random, data: bytes) -> bytes:
    at = place(rng, data)
    return data[:at] + data[at + rng.choice([1, 1, 2, 4, 30, 1000]) :]


def duplicate(rng: random.Random, data: bytes) -> bytes:
    at = place(rng, data)
    piece = data[at : at + rng.choice([1, 4, 30, 1000])]
    to = place(rng, data)
    return data[:to] + piece + data[to:]


def cut(rng: random.Random, data: bytes) -> bytes:
    return data[: place(rng, data)]


def replace_field(rng: random.Random, data: bytes) -> bytes:
    start = data.find(b" ", place(rng, data)) + 1
    ends = [end for end in (data.find(b" ", start), data.find(b"\n", start)) if end >= 0]
    return data[:start] + rng.choice(HOSTILE) + data[min(ends, default=len(data)) :]


def change_lines(rng: random.Random, data: bytes) -> bytes:
    """Swap, drop or repeat a line, blank one, or join two."""
    lines = data.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 1:
        del lines[one]
    elif kind == 2:
        lines.insert(other, lines[one])
    elif kind == 3:
        lines.insert(one, rng.choice([b"", b" ", b"\r", b" \t\r "]))
    else:
        lines[one : one + 2] = [rng.choice([b"", b" "]).join(lines[one : one + 2])]
    return b"\n".join(lines)


def change_ends(rng: random.Random, data: bytes) -> bytes:
    kind = rng.randrange(5)
    if kind == 0:
        return data.replace(b"\n", b"\r\n")
    if kind == 1:
        return b"\xef\xbb\xbf" + data
    if kind == 2:
        return data.rstrip(b"\n")
    if kind == 3:
        return data + rng.choice([b"\n", b"\n\n", b" \n", b" ", b"\r\n\r\n", b"\0", b"\n" * 300_000])
    return rng.choice([b"\n", b" ", b"\n\n", b"\0"]) + data


def change_header(rng: random.Random, data: bytes) -> bytes:
    """Put other counts, or counts at all, into the first line."""
    first, newline, rest = data.partition(b"\n")
    fields = first.split(b" ")
    if len(fields) != 2 or rng.random() < 0.1:
        return b"%s %s\n" % (rng.choice(COUNTS), rng.choice(COUNTS)) + data
    at = rng.randrange(2)
    near = b"%d" % max(0, int(fields[at]) + rng.choice([-1, 1, 2])) if fields[at].isdigit() else b"1"
    fields[at] = rng.choice([near, rng.choice(COUNTS)])
    return b" ".join(fields) + newline + rest


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [
    *(flip, set_byte, insert_hostile, insert_bytes, delete, duplicate, cut, replace_field, replace_field),
    *(change_lines, change_lines, change_ends, change_header),
]


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return the file with one change, or a few; now and then with none."""
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 2, 3, 5])):
        data = rng.choice(MUTATIONS)(rng, data)
    return data


def made_up_rows(rng: random.Random, count: int, dim: int) -> list[bytes]:
    """Rows as GloVe's files have them: words of many kinds, numbers of a few digits."""
    odd = [". . .", "at name@domain.com", "2008", "route 66", "Ä\u00a0ö", "日本", "a", "b", "", "🙂", "nan", "1 2"]
    rows = []
    for row in range(count):
        word = rng.choice(odd[: 4 + row % 9]) if rng.random() < 0.03 else f"w{rng.randrange(10 * count)}"
        numbers = [f"{rng.gauss(0, 0.5):.{rng.choice([3, 5, 5, 5, 6])}g}" for _ in range(dim)]
        rows.append(" ".join([word, *numbers]).encode())
    return rows


@functools.cache
def real_rows(path: Path) -> list[bytes]:
    """Return the first rows of a packed GloVe file."""
    with gzip.open(path, "rb") as file:
        return [file.readline().rstrip(b"\n") for _ in range(6000)]


def glove(rows: list[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in rows)


def word2vec(rows: list[bytes], dim: int) -> bytes:
    return b"%d %d\n" % (len(rows), dim) + glove(rows)


def word2vec_binary(rows: list[bytes], dim: int, end: bytes) -> bytes:
    parts = [b"%d %d\n" % (len(rows), dim)]
    for row in rows:
        word, *numbers = row.rsplit(b" ", dim)
        parts.append(word.replace(b" ", b"_") + b" " + struct.pack(f"<{dim}f", *map(float, numbers)) + end)
    return b"".join(parts)


def corpus(rng: random.Random, format: str, real: Path | None, large: bool) -> bytes:
    """Return a whole file: large ones are read in several pieces and waves."""
    if real is not None and rng.random() < 0.5:
        rows, dim = real_rows(real)[: rng.choice([800, 2000, 6000] if large else [1, 3, 20])], 50
    else:
        dim = rng.choice([1, 2, 3, 5, 50, 300] if large else [1, 2, 3, 3, 5, 17])
        size = rng.choice([300_000, 300_000, 600_000, 1_200_000]) if large else 0
        rows = made_up_rows(rng, size // (8 * dim + 8) if large else rng.choice([1, 2, 5, 9, 70]), dim)
    if format == "glove":
        return glove(rows)
    if format == "word2vec-binary":
        return word2vec_binary(rows, dim, rng.choice([b"", b"\n"]))
    return word2vec(rows, dim)


def options(rng: random.Random, format: str, data: bytes) -> Options:
    """Choose how to load `data`."""
    words = [line.partition(b" ")[0].decode(errors="replace") for line in data[:20_000].split(b"\n")[:40]]
    return Options(
        format=rng.choices(["auto", format, "glove", "word2vec", "word2vec-binary", "fasttext"], [8, 4, 1, 1, 1, 1])[0],
        vocabulary=rng.sample(words, rng.randrange(len(words) + 1)) if rng.random() < 0.25 else None,
        limit=rng.choice([0, 1, 2, 5, 64, 1000, 10**12]) if rng.random() < 0.25 else None,
        dtype=rng.choice(["float32", "float64"]),
        encoding_errors=rng.choice(["strict", "replace", "ignore"]),
    )


def try_one(seed: int, folder: Path, real: Path | None, large: bool) -> tuple[str, str]:
    """Make one file from a seed, load it, compare; return its format and the outcome."""
    rng = random.Random(seed)
    format = rng.choice(["glove", "word2vec", "word2vec-binary"])
    data = mutated(rng, corpus(rng, format, real, large))
    asked = options(rng, format, data)
    damaged = False
    if rng.random() < 0.1:
        data = gzip.compress(data, 1)
        damaged = rng.random() < 0.5
        if damaged:
            data = mutated(rng, data)
    return format, compare(folder / "mutated", data, asked, damaged=damaged)


def compare(path: Path, data: bytes, asked: Options, *, damaged: bool = False) -> str:
    """Load the file and hold what comes beside the slow reader. `AssertionError` says what differs.

    Of `damaged` gzip data the two may unpack different lengths before they give up.
    """
    path.write_bytes(data)
    wanted: Table | RefusedError
    try:
        wanted = reference_files.read(data, asked)
    except RefusedError as refused:
        wanted = refused
        if damaged and asked.limit is not None:
            # What comes behind the rows that are looked at may be damaged.
            try:
                wanted = reference_files.read(reference_files.unpacked_start(data), asked)
            except RefusedError as refused_start:
                wanted = refused_start
    try:
        got = WordVectors.load(path, **vars(asked))
    except ERRORS as error:
        said = str(error)
        assert said.startswith(f"{path}: "), f"{said!r} does not start with the path"
        assert "\n" not in said, f"{said!r} is more than one line"
        if isinstance(wanted, Table) and not damaged:
            raise AssertionError(f"refused, with {said!r}: wanted {len(wanted.words)} words") from None
        if isinstance(wanted, RefusedError) and wanted.place and not damaged:
            place = f"{path}: {wanted.place}:"
            assert said.startswith(place) or f"a zero {wanted.place}" in said.replace(
                "zero byte at byte", "zero byte"
            ), f"{said!r} names another place than {wanted}"
        return "refused alike" if isinstance(wanted, RefusedError) else "packed, refused by the reader alone"
    if isinstance(wanted, RefusedError):
        raise AssertionError(f"read {len(got)} words: wanted a refusal, {wanted}")
    assert got.index_to_key == wanted.words
    assert got.vectors.dtype == asked.dtype
    assert got.vectors.shape == wanted.vectors.shape
    assert got.vectors.tobytes() == wanted.vectors.tobytes(), differing(got.vectors, wanted.vectors)
    info, names = got.file_info, ("format", "rows", "repeated", "numbered", "final_newline", "promised")
    told = {name: (getattr(info, name), getattr(wanted, name)) for name in names}
    assert all(one == other for one, other in told.values()), f"(got, wanted): {told}"
    return "read alike"


def differing(got: np.ndarray, wanted: np.ndarray) -> str:
    same = got.view(f"u{got.itemsize}") == wanted.view(f"u{got.itemsize}")
    row, column = np.argwhere(~same)[0]
    return (
        f"{np.sum(~same)} values differ, first [{row}, {column}]: {got[row, column]!r}, wanted {wanted[row, column]!r}"
    )
