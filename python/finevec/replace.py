"""Putting a new file or directory in the place of an old one, so that a crash at any moment loses neither.

A file is written aside and renamed, as the core does it in `formats/replace.rs`. Of directories, the old one is renamed
to ``<name>.previous``, the new one takes its name, the files of others that were in the old one move over, and what is
left of it is removed. A process that is killed on the way leaves ``<name>.previous`` behind; the next call takes the
files of others out of it before it is removed.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

# Names that are tried for a new file.
_MOST_TRIES = 10_000

_numbers = itertools.count()


@contextlib.contextmanager
def replaced_file(name: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a new file beside `name`, which takes its place when the block ends without an error.

    The file that a link points to is replaced, not the link, and its mode is kept. After an error the old file is
    whole and the new one is gone; after a kill ``.finevec-<process>-<number>.new`` may remain.

    Parameters
    ----------
    name : str or path
        May not exist, or be a file.

    Yields
    ------
    file
        Open for reading and writing bytes.

    Raises
    ------
    ValueError
        `name` is a device or a pipe: renaming a file over it would remove it.
    OSError
        `name` is a directory, or the file cannot be written.
    """
    path = Path(os.path.realpath(name))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(name))
    if path.exists() and not path.is_file():
        raise ValueError(f"{os.fspath(name)}: expected a file to replace, got a device or a pipe")
    try:
        aside, file = _created_beside(path)
    except OSError as error:
        error.filename = os.fspath(name)
        raise
    try:
        with file:
            if path.exists():
                shutil.copymode(path, aside)
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    # The data is safe without it, and some file systems refuse.
    with contextlib.suppress(OSError):
        flush_to_disk(path.parent)


def _created_beside(path: Path) -> tuple[Path, IO[bytes]]:
    """Create a file with a name of its own in the folder of `path`.

    A process that was killed may have left one under a name with the same number, as they often have in containers.
    """
    for number in itertools.islice(_numbers, _MOST_TRIES):
        aside = path.with_name(f".finevec-{os.getpid()}-{number}.new")
        with contextlib.suppress(FileExistsError):
            return aside, aside.open("xb+")
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path))


def previous_of(path: Path) -> Path:
    """Return where the old directory waits while a new one takes the place of `path`."""
    return path.with_name(f"{path.name}.previous")


def replace_directory(new: Path, path: Path, own: Sequence[str]) -> None:
    """Give the directory `new` the name `path`, and remove the directory that has it.

    Parameters
    ----------
    new : Path
        Complete, in the same folder as `path`.
    path : Path
        May not exist, be empty, or be an older directory of the same kind; so may ``<path>.previous``.
    own : sequence of str
        Names of files that belong to the kind, first the one that tells it: it is removed last. Files of all other
        names move into the new directory. Where it has that name already, ``.previous`` is added to the older file's.

    Raises
    ------
    OSError
        A step failed. Either the old or the new directory is `path`, complete.
    """
    previous = previous_of(path)
    if path.exists():
        if previous.exists() and any(path.iterdir()):
            _clear(previous, path, own)
        elif not any(path.iterdir()):
            path.rmdir()
    try:
        if path.exists():
            path.rename(previous)
        new.rename(path)
    except BaseException:
        # An interrupt may come after either rename; where the old directory is the only one, it gets its name back.
        if previous.exists() and not path.exists():
            previous.rename(path)
        raise
    if previous.exists():
        _clear(previous, path, own)
    flush_to_disk(path.parent)


def _clear(old: Path, path: Path, own: Sequence[str]) -> None:
    """Remove the directory `old`, after what is not the kind's own has moved into `path`."""
    for entry in list(old.iterdir()):
        if entry.name not in own:
            target = path / entry.name
            while os.path.lexists(target):
                target = target.with_name(f"{target.name}.previous")
            entry.rename(target)
    flush_to_disk(path)
    for name in own[1:]:
        if not (old / name).is_dir():
            (old / name).unlink(missing_ok=True)
    shutil.rmtree(old)


def flush_to_disk(path: Path) -> None:
    """Make what was written to a file, or renamed in a directory, outlast a crash of the machine."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a directory
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
