"""Lines that somebody may still be writing: a file or standard input, plain or gzip, read as they come."""

from __future__ import annotations

import contextlib
import gzip
import io
import select
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..datasets.labelled import LONGEST_LINE, decoded_line
from ..vectors.lines import GZIP_MAGIC

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ = 1 << 18  # bytes at most in one read
_MOST_INPUTS = 2048  # handed over at once; bounds what is made of them where lines are short
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextlib.contextmanager
def opened(path: str) -> Iterator[tuple[io.BufferedReader, str]]:
    """Open a file, or standard input for ``-``. Nothing is read.

    Yields
    ------
    file
        Waits where there is nothing to read yet.
    name : str
        What to call the file in an error.
    """
    with contextlib.ExitStack() as stack:
        if path != "-":
            name, file = path, stack.enter_context(open(path, "rb"))
        elif sys.stdin is None:
            raise ValueError("standard input is closed: give a FILE")
        else:
            buffered: Any = sys.stdin.buffer
            name, file = "standard input", io.BufferedReader(_Patient(buffered.raw))
        yield file, name


def unpacked(file: io.BufferedReader) -> Callable[[int], bytes]:
    """Return what takes a number of bytes, waits until there is something to read, and returns as much, unpacked."""
    return gzip.GzipFile(fileobj=file).read1 if file.peek(2).startswith(GZIP_MAGIC) else file.read1


class _Patient(io.RawIOBase):
    """Waits for input where a read would return without any, as it does where whoever started us made it so.

    The mode itself is left alone: others that have the same terminal or pipe open share it.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__()
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        while (count := self._raw.readinto(buffer)) is None:
            select.select([self._raw], [], [])
        return count


def batches(read: Callable[[int], bytes], name: str, parse: Callable[[str, str], Any]) -> Iterator[list[Any]]:
    """Yield what `parse` makes of the lines that can be read at once, at least one and at most `_MOST_INPUTS`.

    Raises
    ------
    ValueError
        A line is too long, or not UTF-8, or cannot be parsed; or the gzip data are damaged. What came before has been
        yielded.
    """
    inputs: list[Any] = []
    number = 0
    for lines in _lines_at_once(read, name):
        for line in lines:
            number += 1
            where = f"{name}:{number}"
            try:
                inputs.append(
                    parse(decoded_line(line.removeprefix(_BYTE_ORDER_MARK if number == 1 else b""), where), where)
                )
            except ValueError:
                if inputs:
                    yield inputs
                raise
            if len(inputs) == _MOST_INPUTS:
                yield inputs
                inputs = []
        if inputs:
            yield inputs
            inputs = []


def _lines_at_once(read: Callable[[int], bytes], name: str) -> Iterator[list[bytes]]:
    """Yield the lines that each read completes, without their line feeds; at the end, what is left is a line too."""
    begun = bytearray()  # the line that the last read broke off
    number = 0
    while True:
        try:
            data = read(_READ)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{name}: damaged gzip file after line {number}: {error}") from None
        if not data:
            break
        first, *others = data.split(b"\n")
        begun += first
        if len(begun) > LONGEST_LINE:
            raise ValueError(f"{name}:{number + 1}: longer than {LONGEST_LINE} bytes")
        if others:
            lines = [bytes(begun), *others[:-1]]
            begun = bytearray(others[-1])
            number += len(lines)
            yield lines
    if begun:
        yield [bytes(begun)]
