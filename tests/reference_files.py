"""Slow readers of word vector files, written from docs/formats.md alone: what the compiled ones must agree with.

Each takes the bytes of a whole file and returns a `Table`, or raises `RefusedError`. No code of the package is used.
"""

from __future__ import annotations

import codecs
import gzip
import io
import math
import re
import struct
import zlib
from dataclasses import dataclass, field

import numpy as np

HEAD = 256 << 10
HEAD_ROWS = 64
MAX_LINE = 16 << 20
MAX_DIM = 1 << 20
MAX_WORD = 1 << 20

# From here on a number is rounded to an infinity: halfway between the largest float32 and 2^128.
FLOAT32_LIMIT = float(2**128 - 2**103)

FASTTEXT_MARK = struct.pack("<i", 793_712_314)

# What Python's float takes of ASCII, without underscores and white space.
NUMBER = re.compile(rb"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|(?i:inf|infinity|nan))\Z", re.ASCII)


class RefusedError(Exception):
    """The file must not be read. `place` is where the message has to point at, if that is known."""

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place


@dataclass
class Options:
    """What `WordVectors.load` is asked for."""

    format: str = "auto"
    vocabulary: list[str] | None = None
    limit: int | None = None
    dtype: str = "float32"
    encoding_errors: str = "strict"


@dataclass
class Table:
    """What must be read."""

    format: str
    dim: int
    dtype: str
    promised: int | None = None
    words: list[str] = field(default_factory=list)
    values: list = field(default_factory=list)
    rows: int = 0
    repeated: int = 0
    numbered: int = 0
    final_newline: bool = True
    _seen: set = field(default_factory=set)

    @property
    def vectors(self) -> np.ndarray:
        return np.array(self.values, self.dtype).reshape(len(self.words), self.dim)

    def add(self, word: str, values) -> None:
        if word in self._seen:
            self.repeated += 1
            return
        self._seen.add(word)
        self.words.append(word)
        self.values.append(values)


def number(text: bytes) -> float | None:
    """Return what a field says; None when it is no number."""
    return float(text) if NUMBER.match(text) else None


def trailing_numbers(line: bytes) -> int:
    """Count the fields at the end of a line that are numbers, never the first field."""
    count = 0
    for text in reversed(line.split(b" ")[1:]):
        if number(text) is None:
            break
        count += 1
    return count


def trimmed(line: bytes) -> bytes:
    return line.rstrip(b" \t\r")


def unpacked(data: bytes) -> bytes:
    """Undo gzip, which is told by its first two bytes."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error) as error:
        raise RefusedError(f"damaged gzip data: {error}") from None


def unpacked_start(data: bytes) -> bytes:
    """Return the bytes before the damage in gzip data."""
    result = io.BytesIO()
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        try:
            while piece := file.read1(1 << 10):
                result.write(piece)
        except (EOFError, zlib.error, gzip.BadGzipFile, struct.error):
            pass
    return result.getvalue()


def read(data: bytes, options: Options) -> Table:
    """Read rows of text or of bytes, plain or packed."""
    data = unpacked(data)
    marked = data.startswith((FASTTEXT_MARK, b"\x93NUMPY")) or (data[4:8] == bytes(4) and data[8:9] == b"{")
    if options.format == "auto" and marked:
        raise RefusedError("another format")
    if data.startswith(b"\xef\xbb\xbf"):
        return read_rows(data[3:], 3, options, sniff(data[3:], 3, options))
    return read_rows(data, 0, options, sniff(data, 0, options))


def sniff(data: bytes, skipped: int, options: Options) -> Table:
    """Return an empty table of the format, dim and promise that the first bytes tell."""
    head_bytes = HEAD - skipped
    while b"\n" not in data[:head_bytes] and head_bytes <= MAX_LINE and head_bytes < len(data):
        head_bytes *= 2
    whole = len(data) < head_bytes
    head = data[:head_bytes]
    if len(head) > MAX_LINE and b"\n" not in head:
        raise RefusedError("no end of line", "line 1")
    ended = head if whole or b"\n" not in head else head[: head.rfind(b"\n")]
    lines = [trimmed(line) for line in ended.split(b"\n")]
    auto = options.format == "auto"
    header = re.fullmatch(rb"([0-9]+) ([0-9]+)", lines[0]) if options.format != "glove" else None
    if auto and not header and 0 in head:
        raise RefusedError("a zero byte", f"byte {skipped + head.index(0)}")
    if not any(lines):
        raise RefusedError("nothing in it")
    if not header:
        if options.format not in ("auto", "glove"):
            raise RefusedError("no header", "line 1")
        widths = [trailing_numbers(line) for line in [line for line in lines if line][:HEAD_ROWS]]
        votes = [(widths.count(width), width) for width in widths if width > 0]
        if not votes:
            raise RefusedError("no numbers", "line 1")
        if max(votes)[1] > MAX_DIM:
            raise RefusedError("too many numbers")
        return Table("glove", max(votes)[1], options.dtype)
    promised, dim = int(header[1]), int(header[2])
    if promised >= 2**64 or not 1 <= dim <= MAX_DIM:
        raise RefusedError("counts out of range", "line 1")
    body = head.partition(b"\n")[2]
    if options.format == "word2vec-binary" or (auto and holds_bytes(body, dim)):
        return Table("word2vec-binary", dim, options.dtype, promised)
    if auto and 0 in head:
        raise RefusedError("a zero byte", f"byte {skipped + head.index(0)}")
    widths = [trailing_numbers(line) for line in [line for line in lines[1:] if line][:HEAD_ROWS]]
    if widths and min(widths) > dim:
        raise RefusedError("more numbers than the header says", "line 1")
    return Table("word2vec" if auto else options.format, dim, options.dtype, promised)


def holds_bytes(body: bytes, dim: int) -> bool:
    """Tell rows of bytes from rows of text: the first line is no row of text, and some row's values are no text."""
    if trailing_numbers(trimmed(body.partition(b"\n")[0])) >= dim:
        return False
    at = 0
    while True:
        while body[at : at + 1] == b"\n":
            at += 1
        space = body.find(b" ", at, at + MAX_WORD + 1)
        if space < 0:
            return False
        at = space + 1 + 4 * dim
        if not may_be_text(body[space + 1 : at]):
            return True


def may_be_text(values: bytes) -> bool:
    if any((byte < 32 or byte == 127) and byte not in b"\t\n\r" for byte in values):
        return False
    for _ in range(3):
        if values and 0x80 <= values[0] < 0xC0:
            values = values[1:]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(values)  # a character that the end cuts is no error
    except UnicodeDecodeError:
        return False
    return True


def read_rows(data: bytes, skipped: int, options: Options, table: Table) -> Table:
    """Read the rows of `data`, which starts `skipped` bytes into the file, into the empty table."""
    header = 0
    if table.promised is not None:
        header = data.find(b"\n") + 1 or len(data)
    if table.format == "word2vec-binary":
        read_binary(data[header:], skipped + header, options, table)
    else:
        read_text(data[header:], 1 if table.promised is None else 2, options, table)
    if options.format == "auto" and options.limit is None and table.promised not in (None, table.rows):
        raise RefusedError(f"{table.promised} words promised, {table.rows} there")
    return table


def read_text(data: bytes, first: int, options: Options, table: Table) -> None:
    lines = data.split(b"\n")
    ended = [True] * (len(lines) - 1) + [False]
    vocabulary = None if options.vocabulary is None else set(options.vocabulary)
    blank = 0
    for place, (line, newline) in enumerate(zip(lines, ended, strict=True)):
        if options.limit is not None and table.rows >= options.limit:
            break
        where = f"line {first + place}"
        if len(line) > MAX_LINE:
            raise RefusedError("too long", where)
        line = trimmed(line)
        if not line:
            blank = blank or first + place
            continue
        if blank:
            raise RefusedError("an empty line before a row", f"line {blank}")
        fields = line.split(b" ")
        if len(fields) <= table.dim:
            raise RefusedError("too few numbers", where)
        name, numbers = fields[: -table.dim], fields[-table.dim :]
        if len(name) > 1 and not name[-1]:
            raise RefusedError("a space behind the word", where)
        more = sum(number(text) is not None and any(48 <= byte < 58 for byte in text) for text in name[1:])
        if more > 1:
            raise RefusedError("too many numbers", where)
        table.numbered += more
        word = decoded(b" ".join(name), options, where, None)
        table.rows += 1
        table.final_newline = newline
        if vocabulary is not None and word not in vocabulary:
            continue
        table.add(word, [value(text, table.dtype, where) for text in numbers])


def value(text: bytes, dtype: str, where: str) -> float:
    wide = number(text)
    if wide is None or not math.isfinite(wide):
        raise RefusedError("not a finite number", where)
    if dtype == "float32" and abs(wide) >= FLOAT32_LIMIT:
        raise RefusedError("out of range", where)
    return wide


def read_binary(data: bytes, offset: int, options: Options, table: Table) -> None:
    at = 0
    while options.limit is None or table.rows < options.limit:
        while data[at : at + 1] == b"\n":
            at += 1
        if at == len(data):
            break
        space = data.find(b" ", at)
        end = space + 1 + 4 * table.dim
        if space - at > MAX_WORD or (space < 0 and len(data) - at > MAX_WORD):
            raise RefusedError("a word without an end", f"byte {offset + at}")
        if space < 0 or end > len(data):
            raise RefusedError("a row that is cut", f"byte {offset + at}")
        word = decoded(data[at:space], options, "", offset + at)
        table.rows += 1
        if options.vocabulary is None or word in options.vocabulary:
            with np.errstate(invalid="ignore"):
                table.add(word, np.frombuffer(data[space + 1 : end], "<f4").astype(table.dtype, copy=False))
        at = end


def decoded(word: bytes, options: Options, where: str, byte: int | None) -> str:
    try:
        return word.decode("utf-8", options.encoding_errors)
    except UnicodeDecodeError as error:
        raise RefusedError("not UTF-8", where if byte is None else f"byte {byte + error.start}") from None
