"""Means with intervals, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
import statistics
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# The quantiles of order 0.975 of Student's t by degrees of freedom: NIST/SEMATECH e-Handbook of Statistical Methods,
# section 1.3.6.7.2, "Critical Values of the Student's t Distribution".
# fmt: off
_FIRST_QUANTILES = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)
# fmt: on
QUANTILES = {**dict(enumerate(_FIRST_QUANTILES, start=1)), 40: 2.021, 60: 2.000, 80: 1.990, 100: 1.984}
"""Degrees of freedom, and the quantile. In between, that of the next fewer degrees holds: a little too large."""

_DEGREES = tuple(QUANTILES)

ESTIMATE_FIELDS = ("runs", "mean", "half_width", "low", "high")
"""What `Estimate.fields` gives."""

# Of a CSV file. A share of texts, times 100, is exact to many more; what a float has beyond is noise.
_DIGITS = 9


@dataclass(frozen=True)
class Estimate:
    """A mean of some runs, and half the width of its 95 % interval; None where one run says nothing about it."""

    mean: float
    half_width: float | None
    runs: int

    def text(self, scale: float = 100.0, digits: int = 1, sign: str = "") -> str:
        """Return the estimate for people, times `scale`; `sign` is a format's, such as ``"+"``.

        Examples
        --------
        >>> Estimate(0.7768, 0.0121, 10).text(), Estimate(0.5, None, 1).text()
        ('77.7 ± 1.2', '50.0')
        """
        mean = f"{scale * self.mean:{sign}.{digits}f}"
        return mean if self.half_width is None else f"{mean} ± {scale * self.half_width:.{digits}f}"

    def fields(self) -> list[float | None]:
        """Return the fields of a CSV file that `ESTIMATE_FIELDS` names."""
        half = self.half_width
        ends = [None, None] if half is None else [self.mean - half, self.mean + half]
        return [self.runs, self.mean, half, *ends]


def quantile(degrees: int) -> float:
    """Return the quantile of order 0.975 of Student's t with at least 1 degree of freedom."""
    return QUANTILES[_DEGREES[bisect_right(_DEGREES, degrees) - 1]]


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of at least one value, with the 95 % interval of Student's t: quantile · s / √n.

    Examples
    --------
    >>> estimate([1.0, 2.0, 3.0]).text(scale=1.0, digits=3)
    '2.000 ± 2.484'
    """
    count = len(values)
    half_width = quantile(count - 1) * statistics.stdev(values) / math.sqrt(count) if count > 1 else None
    return Estimate(statistics.fmean(values), half_width, count)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Return a Markdown table, its first `left` columns to the left and the others to the right.

    Examples
    --------
    >>> print(markdown_table(["variant", "MR"], [["static", "81.0"]]), end="")
    | variant | MR |
    |---|---:|
    | static | 81.0 |
    """
    lines = [header, *rows]
    marks = "|" + "---|" * left + "---:|" * (len(header) - left)
    shown = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([shown[0], marks, *shown[1:]]) + "\n"


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a CSV file; None is an empty field, and floats have `_DIGITS` after the point."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_rounded(value) for value in row] for row in rows])
    return file.getvalue()


def _rounded(value: object) -> object:
    return round(value, _DIGITS) if isinstance(value, float) else value


def duration(seconds: float) -> str:
    """Return a time for people.

    Examples
    --------
    >>> duration(42.4), duration(340), duration(7500)
    ('42 s', '6 min', '2 h 5 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
