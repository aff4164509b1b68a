"""``finevec predict``: the class of each line of a file or of standard input, by a saved model."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import select
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..datasets.labelled import LONGEST_LINE, decoded_line
from ..datasets.trees import parse_bracketed, parse_dependencies
from ..models import Classifier, TextClassifier, TreeLSTM, load_model
from ..vectors.lines import GZIP_MAGIC
from .arguments import nonempty_path

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ = 1 << 18  # bytes at most in one read
_MOST_INPUTS = 2048  # predicted at once; bounds the probabilities in memory where lines are short and classes many
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Say what ``finevec predict`` takes."""
    parser = subparsers.add_parser(
        "predict",
        help="classify texts or trees, one a line, with a saved model",
        description="Print the class of each text, or of each tree, one a line and in the same order. They are UTF-8, "
        "one a line, plain or gzip; trees in the form that the model was trained on, labels may be missing. What has "
        "been read is answered at once, so that it works within a pipe.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        type=nonempty_path,
        default="-",
        metavar="FILE",
        help="texts or trees (default: standard input)",
    )
    parser.add_argument(
        "--model", type=nonempty_path, required=True, metavar="DIR", help="what finevec train --save wrote"
    )
    parser.add_argument(
        "--proba",
        action="store_true",
        help="print the probability of each class, separated by tabs, below a header with the names of the classes",
    )


def run(args: argparse.Namespace) -> int:
    """Print a line for each line; those before a faulty one are answered before it is told."""
    if sys.stdout is None:
        raise ValueError("standard output is closed: there is nowhere to print the classes")
    model: Any = load_model(args.model)
    parse = _parser_of(model, args.model)
    with _opened(args.file) as (file, name):
        if args.proba:  # before the first read, which waits for whoever writes
            _print(["\t".join(map(_printable, model.classes))])
        for inputs in _batches(_unpacked(file), name, parse):
            _print(_probabilities(model, inputs) if args.proba else map(_printable, model.predict(inputs)))
    return 0


def _parser_of(model: Classifier, directory: str) -> Callable[[str, str], Any]:
    """Return what makes a model's input of a line; it is also given what to call the line in an error."""
    if isinstance(model, TextClassifier):
        return lambda line, where: line.strip()  # as those that the model was trained on
    if not isinstance(model, TreeLSTM):
        raise ValueError(f"{directory}: a model of kind {model.kind} does not classify lines")
    parse = parse_bracketed if model.structure == "constituency" else parse_dependencies
    return partial(parse, labelled=False)


def _print(lines: Iterable[str]) -> None:
    """Print lines, and pass them on: somebody may be waiting for them."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _probabilities(model: Any, inputs: list[Any]) -> Iterator[str]:
    for row in model.predict_proba(inputs):
        yield "\t".join(f"{value:.6g}" for value in row)


def _printable(name: str) -> str:
    r"""Return the name of a class so that it stays on one line, in one column.

    Names from a file of labelled texts hold neither tabs nor line feeds; those of a model that was built in Python may.

    Examples
    --------
    >>> print(_printable("a\tb\u2028c"), _printable("größer \\ kleiner"))
    a\tb\u2028c größer \ kleiner
    """
    return "".join(ascii(c)[1:-1] if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in name)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[io.BufferedReader, str]]:
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


def _unpacked(file: io.BufferedReader) -> Callable[[int], bytes]:
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


def _batches(read: Callable[[int], bytes], name: str, parse: Callable[[str, str], Any]) -> Iterator[list[Any]]:
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
