"""What commands that write a figure share: which files they may write, what they need, what they call its parts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..plot import FORMATS


def check_output(output: str, inputs: Sequence[str]) -> str:
    """Check that a figure may be written to a file, and replaces none of those that are read. Returns its format."""
    path = Path(output)
    kind = path.suffix[1:].lower()
    if kind not in FORMATS:
        raise ValueError(f"{output}: expected a name that ends in {', '.join(f'.{known}' for known in FORMATS)}")
    for name in inputs:
        if path.exists() and os.path.exists(name) and path.samefile(name):
            raise FileExistsError(f"{output}: the figure would replace {name}, which is read")
    return kind


def check_matplotlib(command: str) -> None:
    """Refuse, naming the extra, to go on without matplotlib; `command` is what needs it."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ValueError(f"{command} needs matplotlib (the extra [plot]): pip install matplotlib ({error})") from None


def names_of(paths: Sequence[str]) -> list[str]:
    """Return what to call files or directories: their names, or their paths where two names are the same.

    Examples
    --------
    >>> names_of(["runs/static.json", "runs/tuned.json"]), names_of(["1/model/", "2/model"])
    (['static.json', 'tuned.json'], ['1/model/', '2/model'])
    """
    names = [os.path.basename(os.path.normpath(path)) for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
