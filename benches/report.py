"""Tables, files and the chart of what was measured."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby

import claims
import harness
from cases import LARGE
from measure import THREADS, Result

HEADER = ["operation", "contender", "ms", "GB/s", "% of roofline", "finevec is so many times faster"]


def _key(result: Result) -> tuple[str, str, int, str]:
    return result.case, result.distribution, result.threads, result.operation


def own(results: Sequence[Result]) -> dict[tuple[str, str, int, str], float]:
    """Return finevec's seconds for each case, distribution, threads and operation."""
    return {_key(result): result.seconds for result in results if result.library == "finevec"}


def _cells(result: Result, seconds: float) -> list[object]:
    share = None if result.roofline is None else 100 * result.roofline
    times = None if result.library == "finevec" else result.seconds / seconds
    return [1e3 * result.seconds, 1e-9 * result.bytes_per_second, share, times]


def show_group(results: Sequence[Result]) -> None:
    """Print a table for each number of threads."""
    ours = own(results)
    for threads, rows in groupby(sorted(results, key=lambda result: result.threads), lambda result: result.threads):
        title = f"{results[0].case}, ids {results[0].distribution}, {threads} thread{'s' if threads > 1 else ''}"
        table = [[row.operation, row.contender, *_cells(row, ours[_key(row)])] for row in rows]
        harness.show(title, HEADER, table)


CLAIMS_HEADER = ["what it must show", "ids", "at least", "measured", "met", "of"]


def show_summary(runs: dict[str, list[Result]]) -> None:
    """Print what a run must show beside what it shows; of several runs, what speaks least for finevec."""
    rows = claims.table(runs)
    if rows:
        harness.show(f"{LARGE} and {max(THREADS)} threads where nothing else is said", CLAIMS_HEADER, rows)


def save(runs: dict[str, list[Result]], name: str) -> None:
    """Write all results to benches/results/."""
    header = ["case", "ids", "threads", "allocator", *HEADER]
    table: list[list[object]] = []
    for allocator, results in runs.items():
        ours = own(results)
        for row in results:
            where = [row.case, row.distribution, row.threads, allocator, row.operation, row.contender]
            table.append([*where, *_cells(row, ours[_key(row)])])
    harness.save(f"{name}.csv", header, table)
    harness.save(f"{name}_summary.csv", CLAIMS_HEADER, claims.table(runs))


def refuse_impossible(runs: dict[str, list[Result]]) -> None:
    """End the program with an error where something took less time than its floor.

    A floor is the sum of parts that were timed apart. Either it is wrong, or parts of it overlapped in the operation;
    where the longest part alone took more time than the operation, only the first can be.
    """
    lines = []
    for results in runs.values():
        for row in results:
            if row.roofline is None or row.longest_part is None or row.roofline <= 1:
                continue
            reading = "a floor is wrong" if row.longest_part > 1 else "a floor is wrong, or parts of it overlapped"
            shares = f"{100 * row.roofline:.1f} % of the roofline, {100 * row.longest_part:.1f} % of its longest part"
            lines.append(f"{', '.join(map(str, _key(row)))}: {shares}: {reading}")
    if lines:
        sys.exit("\n".join(["faster than the roofline:", *lines]))
