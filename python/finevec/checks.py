"""Checks of single arguments: each returns the value in its plain type, or raises an error that names the argument."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


def integer(name: str, value: Any, *, least: int | None = None, most: int | None = None) -> int:
    """Return `value`, of any integer type but bool, as an int within ``least <= value <= most``.

    Raises
    ------
    TypeError
        It is no integer.
    ValueError
        It is outside its range.
    """
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got bool")
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}") from None
    if least is not None and result < least:
        raise ValueError(f"{name} must be at least {least}, got {result}")
    if most is not None and result > most:
        raise ValueError(f"{name} must be at most {most}, got {result}")
    return result


def row_number(name: str, value: Any, rows: int) -> int:
    """Return the number of a row, counted from the start; a negative `value` counts from the end."""
    index = integer(name, value)
    if not -rows <= index < rows:
        raise ValueError(f"{name} must be within -{rows} <= {name} < {rows}, got {index}")
    return index % rows


def number(name: str, value: Any, *, infinite: bool = False) -> float:
    """Return `value`, a real number of any type but bool, as a float: finite, unless `infinite` lets infinity pass.

    Raises
    ------
    TypeError
        It is no number.
    ValueError
        It is NaN, infinite, or too large for a float.
    """
    # The usual type first: asking whether something is a Real takes longer than all the rest.
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    try:
        result = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be within the range of a float, got a larger number") from None
    if math.isnan(result) or (math.isinf(result) and not infinite):
        raise ValueError(f"{name} must be {'a number' if infinite else 'finite'}, got {result}")
    return result


def not_negative(name: str, value: Any) -> float:
    """Return `value` as a finite float of at least 0."""
    result = number(name, value)
    if result < 0.0:
        raise ValueError(f"{name} must not be negative, got {result}")
    return result


def positive(name: str, value: Any, *, infinite: bool = False) -> float:
    """Return `value` as a float above 0: finite, unless `infinite` lets infinity pass."""
    result = number(name, value, infinite=infinite)
    if not result > 0.0:
        raise ValueError(f"{name} must be above 0, got {result}")
    return result


def fraction(name: str, value: Any) -> float:
    """Return `value` as a float within ``0 <= value < 1``."""
    result = number(name, value)
    if not 0.0 <= result < 1.0:
        raise ValueError(f"{name} must be within 0 <= {name} < 1, got {result}")
    return result


def fitting(name: str, value: float, dtype: np.dtype[Any]) -> float:
    """Return a finite `value` that is finite in `dtype` too: 1e300 would be infinite in float32."""
    largest = float(np.finfo(dtype).max)
    if abs(value) > largest:
        raise ValueError(f"{name} must be finite in {dtype}, where the largest number is {largest:.4g}; got {value}")
    return value


def strings(name: str, values: Iterable[Any]) -> list[str]:
    """Return `values`, each of which must be a string, as a list; one string is no list of its characters.

    Raises
    ------
    TypeError
        `values` is one string, or one of them is no string.
    """
    if isinstance(values, str):
        raise TypeError(f"{name}: expected a sequence of strings, got one string")
    result = list(values)
    for position, value in enumerate(result):
        if not isinstance(value, str):
            raise TypeError(f"{name}[{position}]: expected a string, got {type(value).__name__}")
    return result


def float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return float32 or float64; `TypeError` for any other dtype."""
    wanted = np.dtype(dtype)
    if wanted not in (np.float32, np.float64) or not wanted.isnative:
        raise TypeError(f"dtype must be float32 or float64 in native byte order, got {wanted}")
    return wanted
