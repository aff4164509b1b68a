"""Labelled texts: one `label<TAB>text` a line, UTF-8, plain or gzip."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..vectors.lines import GZIP_MAGIC

LONGEST_LINE = 16 << 20
"""Bytes. A longer line is an error: it may come from an endless device, which would fill the memory."""


class Labelled(NamedTuple):
    """Texts and their labels, in the order of the file."""

    labels: list[str]
    texts: list[str]


def read_labelled(path: str | PathLike[str]) -> Labelled:
    r"""Read a file of `label<TAB>text` lines.

    There is no header, quoting or escaping. Lines end in ``\n`` or ``\r\n``. A file that starts with gzip's magic
    bytes is unpacked, whatever its name. Outer spaces of label and text are dropped, a byte order mark too.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    Labelled
        At least one label and text, none of them empty.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        The file is not UTF-8, is damaged gzip, holds no line, or a line is not `label<TAB>text`. The message
        starts with ``file:line:``.
    """
    labels: list[str] = []
    texts: list[str] = []
    for where, line in text_lines(path):
        label, text = _parse_line(line, where)
        labels.append(label)
        texts.append(text)
    if not texts:
        raise ValueError(f"{path}: the file is empty, expected lines of label<TAB>text")
    return Labelled(labels, texts)


def text_lines(path: str | PathLike[str]) -> Iterator[tuple[str, str]]:
    r"""Yield each line of a file as text, and where it stands.

    Parameters
    ----------
    path : path
        The file, plain or gzip: if it starts with gzip's magic bytes it is unpacked, whatever its name.

    Yields
    ------
    tuple of str and str
        ``file:line``, and the line without the ``\n`` or ``\r\n`` at its end and without a byte order mark.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is not UTF-8 or is damaged gzip, or a line is longer than `LONGEST_LINE` or is refused by `decoded_line`.
    """
    for number, line in enumerate(_lines(path), start=1):
        where = f"{path}:{number}"
        yield where, decoded_line(line, where).removesuffix("\r")


def _lines(path: str | PathLike[str]) -> Iterator[bytes]:
    """Yield the lines, unpacked, without their line feeds and without a byte order mark."""
    with open(path, "rb") as file:
        packed = file.peek(2).startswith(GZIP_MAGIC)
        stream = gzip.GzipFile(fileobj=file) if packed else file
        number = 0
        while True:
            try:
                line = stream.readline(LONGEST_LINE + 1)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise ValueError(f"{path}: damaged gzip file after line {number}: {error}") from None
            if not line:
                return
            number += 1
            if len(line) > LONGEST_LINE:
                raise ValueError(f"{path}:{number}: longer than {LONGEST_LINE} bytes")
            yield line.removesuffix(b"\n").removeprefix(b"\xef\xbb\xbf" if number == 1 else b"")


def decoded_line(line: bytes, where: str) -> str:
    r"""Return a line as text.

    Parameters
    ----------
    line : bytes
        Without its line feed. A carriage return at its end stays.
    where : str
        What to call the line in an error.

    Raises
    ------
    ValueError
        It is not UTF-8, or holds a zero byte or, within it, a carriage return.

    Examples
    --------
    >>> decoded_line(b"gr\xc3\xbcn\r", "a.tsv:1")
    'grün\r'
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: not UTF-8: byte 0x{line[error.start]:02x} at byte {error.start + 1}") from None
    if b"\r" in line.removesuffix(b"\r"):
        raise ValueError(f"{where}: a carriage return within the line: lines end in \\n or \\r\\n")
    if b"\0" in line:
        raise ValueError(f"{where}: a zero byte: expected UTF-8, is this UTF-16?")
    return text


def _parse_line(line: str, where: str) -> tuple[str, str]:
    fields = line.split("\t")
    if len(fields) != 2:
        found = "no tab" if len(fields) == 1 else f"{len(fields) - 1} tabs"
        raise ValueError(f"{where}: expected label<TAB>text, found {found}")
    label, text = fields[0].strip(), fields[1].strip()
    if not label:
        raise ValueError(f"{where}: the label is empty")
    if not text:
        raise ValueError(f"{where}: the text is empty")
    return label, text


def class_names(labels: Sequence[str], where: str) -> list[str]:
    """Return the different labels, sorted: as numbers where all are integers, else as text.

    Parameters
    ----------
    labels : sequence of str
        The labels of the training texts.
    where : str
        What to call their file in an error.

    Raises
    ------
    ValueError
        There are fewer than two.

    Examples
    --------
    >>> class_names(["10", "9", "10"], "train.tsv")
    ['9', '10']
    >>> class_names(["pos", "neg"], "train.tsv")
    ['neg', 'pos']
    """
    names = set(labels)
    if len(names) < 2:
        found = f"only the label {next(iter(names))!r}" if names else "no label"
        raise ValueError(f"{where}: expected texts of at least 2 classes, found {found}")
    if all(name.removeprefix("-").isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def class_indices(labels: Sequence[str], classes: Sequence[str], where: str) -> NDArray[np.int64]:
    """Return the position of each label in `classes`.

    Parameters
    ----------
    labels : sequence of str
    classes : sequence of str
        As `class_names` gave them.
    where : str
        What to call the labels' file in an error. Label i comes from its line i + 1.

    Returns
    -------
    ndarray of int64, shape (len(labels),)

    Raises
    ------
    ValueError
        A label is not one of the classes.
    """
    position = {name: index for index, name in enumerate(classes)}
    for number, label in enumerate(labels, start=1):
        if label not in position:
            raise ValueError(
                f"{where}:{number}: label {label!r} is not one of the training texts' labels: {_listed(classes)}"
            )
    return np.array([position[label] for label in labels], dtype=np.int64)


def _listed(names: Sequence[str], most: int = 10) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
