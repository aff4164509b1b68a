"""Which file of vectors is meant; how long a file takes to be read or written: a bar on a terminal, else nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TextIO

from ..train.progress import RedrawnLine


def vectors_file(path: str) -> str:
    """Return the file of vectors that is meant by `path`: itself, or the one in the directory of a saved model.

    Raises
    ------
    IsADirectoryError
        It is a directory without such a file.
    """
    if not os.path.isdir(path):
        return path
    inside = os.path.join(path, "vectors.txt")
    if not os.path.isfile(inside):
        raise IsADirectoryError(
            f"{path}: expected a file of vectors or a saved model, found a directory without vectors.txt"
        )
    return inside


class Bar:
    """A bar of a share of some work, redrawn in place. Needs nothing installed.

    Parameters
    ----------
    stream : TextIO
        A terminal.
    what : str
        What is done.
    """

    def __init__(self, stream: TextIO, what: str) -> None:
        self._line = RedrawnLine(stream)
        self._what = what

    def show(self, done: int, total: int) -> None:
        """Redraw the bar, ten times a second at most."""
        if total > 0 and self._line.due():
            self._line.draw(min(done, total), total, self._what, "")

    def close(self) -> None:
        """Wipe the bar."""
        self._line.wipe()


class TqdmBar:
    """The same, drawn by tqdm."""

    def __init__(self, stream: TextIO, what: str, tqdm: Any) -> None:
        self._stream = stream
        self._what = what
        self._tqdm = tqdm
        self._bar: Any = None

    def show(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._bar is None:
            self._bar = self._tqdm(total=total, desc=self._what, leave=False, file=self._stream, unit_scale=True)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Wipe the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class _Bars:
    """Bars on a stream, or none; a context that wipes the last one."""

    def __init__(self, stream: TextIO, quiet: bool) -> None:
        self._stream = stream
        self._shown = not quiet and stream.isatty()
        self._bar: Bar | TqdmBar | None = None

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _start(self, what: str) -> Bar | TqdmBar | None:
        self._close()
        if self._shown:
            try:
                from tqdm import tqdm
            except ImportError:
                self._bar = Bar(self._stream, what)
            else:
                self._bar = TqdmBar(self._stream, what, tqdm)
        return self._bar

    def reading(self) -> Callable[[int, int, int], object] | None:
        """Return what to give `WordVectors.load` as `progress`: bytes of the file count."""
        bar = self._start("reading")
        return None if bar is None else lambda rows, done, total: bar.show(done, total)

    def writing(self, rows: int) -> Callable[[int, int, int], object] | None:
        """Return what to give `WordVectors.save` as `progress`: rows count."""
        bar = self._start("writing")
        return None if bar is None else lambda done, _bytes, _total: bar.show(done, rows)


def bars(stream: TextIO, *, quiet: bool = False) -> _Bars:
    """Return how to show long reads and writes on a stream: a bar if it is a terminal, and not if `quiet`.

    The bar is tqdm's where tqdm is installed (extra ``[cli]``), else our own.
    """
    return _Bars(stream, quiet)
