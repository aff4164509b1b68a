"""Lines of a text file that may be gzip, or of anything else that has lines, with their numbers for messages."""

from __future__ import annotations

import gzip
import logging
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, TypeAlias, cast

TextLines: TypeAlias = "str | os.PathLike[str] | Iterable[str]"

GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of a gzip file."""

_log = logging.getLogger(__name__)


class NumberedLines:
    """Iterate over the lines of a path or an iterable; `place` says where the iteration is.

    Parameters
    ----------
    source : path or iterable of str
        A file is plain or gzip, told by its first two bytes.
    encoding : str
        Of the file.
    wanted : str
        What a line should be, for `describe_skipped`.
    """

    def __init__(self, source: TextLines, encoding: str, wanted: str) -> None:
        self.name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "the lines given"
        self.wanted = wanted
        self.number = 0
        self._source = source
        self._encoding = encoding
        self._skipped = 0
        self._first_skipped = ""

    @property
    def place(self) -> str:
        """Where the iteration is: the name of the file and the number of the line."""
        return f"{self.name}: line {self.number}"

    def __iter__(self) -> Iterator[str]:
        """Yield each line. `ValueError` names the file where it cannot be decoded or unpacked."""
        if not isinstance(self._source, (str, os.PathLike)):
            for line in self._source:
                self.number += 1
                if not isinstance(line, str):
                    raise TypeError(f"{self.place}: expected a string, got {type(line).__name__}")
                yield line
            return
        try:
            with self._open(self._source) as file:
                for line in file:
                    self.number += 1
                    yield line
        except UnicodeError as error:
            raise ValueError(f"{self.name}: after line {self.number}: not {self._encoding}: {error}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{self.name}: after line {self.number}: damaged gzip data: {error}") from None

    def _open(self, path: str | os.PathLike[str]) -> IO[str]:
        with open(path, "rb") as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        opener = gzip.open if packed else open
        return cast("IO[str]", opener(path, "rt", encoding=self._encoding))

    def skip(self, line: str) -> None:
        """Count a line that is not what is wanted; empty ones are nobody's business."""
        if not line.strip():
            return
        self._skipped += 1
        if not self._first_skipped:
            shown = line.strip() if len(line) <= 60 else line[:60].strip() + "…"
            self._first_skipped = f"line {self.number}: found {shown!r}, wanted {self.wanted}"

    def describe_skipped(self) -> str:
        """Return how many lines were skipped, and the first; nothing where there was none."""
        return f"{self._skipped} lines left out, the first is {self._first_skipped}" if self._skipped else ""

    def warn_of_skipped(self) -> None:
        """Log one warning, if lines were skipped."""
        if self._skipped:
            _log.warning("%s: %s", self.name, self.describe_skipped())
