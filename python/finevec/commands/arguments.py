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


def positive_number(text: str) -> float:
    """Parse a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def number_from_0(text: str) -> float:
    """Parse a finite number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    return value


def fraction(text: str) -> float:
    """Parse a number of at least 0 and below 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value < 1.0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0 and below 1, got {text!r}")
    return value
