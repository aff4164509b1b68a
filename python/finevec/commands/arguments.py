"""Types of command-line arguments: each turns a string into a checked value."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

MOST_REPEATS = 1000
"""Of seeds and folds: a slip of the keyboard shall not plan runs for years."""


def nonempty_path(text: str) -> str:
    """Take a path, which is not empty: `--save "$UNSET"` is a mistake, and never the current directory."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got an empty one")
    return text


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a type for whole numbers of at least `least` and, if given, at most `most`."""
    wanted = f"a whole number of at least {least}" + ("" if most is None else f" and at most {most}")

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"expected {wanted}, got {text!r}")
        return value

    return parse


def _number(wanted: str, holds: Callable[[float], bool]) -> Callable[[str], float]:
    """Return a type for finite numbers; an error calls them `wanted`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and holds(value)):
            raise argparse.ArgumentTypeError(f"expected {wanted}, got {text!r}")
        return value

    return parse


positive_number = _number("a number above 0", lambda value: value > 0)
"""Parses a finite number above 0."""

number_from_0 = _number("a number of at least 0", lambda value: value >= 0)
"""Parses a finite number of at least 0."""

fraction = _number("a number of at least 0 and below 1", lambda value: 0 <= value < 1)
"""Parses a number of at least 0 and below 1."""
