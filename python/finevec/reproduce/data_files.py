"""Where the files of a paper's data sets are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def find_files(folder: str, names: Iterable[str], subfolders: Iterable[str] = ()) -> dict[str, Path]:
    """Return the path of each file, plain or with ``.gz`` added, in the folder or in one of its subfolders.

    Raises
    ------
    FileNotFoundError
        Some are missing: all of these are named.
    """
    found = {}
    missing = []
    places = [Path(folder), *(Path(folder, inner) for inner in subfolders)]
    for name in dict.fromkeys(names):
        paths = [place / stored for place in places for stored in (name, f"{name}.gz") if (place / stored).is_file()]
        if paths:
            found[name] = paths[0]
        else:
            missing.append(name)
    if missing:
        raise FileNotFoundError(f"{folder}: no {', '.join(missing)} (plain, or packed with .gz at the end of the name)")
    return found
