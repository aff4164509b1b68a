"""What the kernels must show, and what a run shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cases import CASES, DISTRIBUTIONS, LARGE
from measure import THREADS, Result
from operations import OPERATIONS

# A figure, and what it is of where it is the least of several.
Figure = tuple[float, str]
Find = Callable[[Sequence[Result]], Figure | None]


@dataclass(frozen=True)
class Claim:
    """A line of the table; `least` is wanted for each distribution, `figure` finds it in the results of one."""

    line: str
    least: dict[str, float]
    figure: Find
    as_it_comes: bool = False  # the tuned allocator is torch's: NumPy is taken as it comes


def _select(results: Sequence[Result], **wanted: object) -> list[Result]:
    return [row for row in results if all(getattr(row, name) == value for name, value in wanted.items())]


def _least(figures: Iterable[Figure | None]) -> Figure | None:
    return min((figure for figure in figures if figure), default=None)


def _beside(operation: str, *contenders: str, case: str = str(LARGE), threads: int = max(THREADS)) -> Find:
    """How many times faster finevec is than the best of the contenders whose names start so."""

    def figure(results: Sequence[Result]) -> Figure | None:
        rows = _select(results, case=case, threads=threads, operation=operation)
        ours = [row.seconds for row in rows if row.library == "finevec"]
        peers = [row for row in rows if row.library != "finevec" and row.contender.startswith(contenders or "")]
        if not ours or not peers:
            return None
        best = min(peers, key=lambda row: row.seconds)
        return best.seconds / ours[0], f"{operation}, {threads} threads, beside {best.contender}"

    return figure


def _rooflines(names: Iterable[str], case: str = str(LARGE), threads: int = max(THREADS)) -> Find:
    """Return the least share of the roofline, in percent."""

    def figure(results: Sequence[Result]) -> Figure | None:
        rows = _select(results, case=case, threads=threads)
        return _least((100 * row.roofline, row.operation) for row in rows if row.roofline and row.operation in names)

    return figure


def _every_peer(case: str) -> Find:
    def figure(results: Sequence[Result]) -> Figure | None:
        return _least(_beside(name, case=case, threads=n)(results) for name in OPERATIONS for n in THREADS)

    return figure


def _scaling(cases: Sequence[str]) -> Find:
    """Return the least gain of all threads over one."""

    def figure(results: Sequence[Result]) -> Figure | None:
        ours = {(row.case, row.operation, row.threads): row.seconds for row in _select(results, library="finevec")}
        many = max(THREADS)
        return _least(
            (seconds / ours[case, name, many], f"{name}, {case}")
            for (case, name, threads), seconds in ours.items()
            if threads == 1 and many > 1 and case in cases
        )

    return figure


def _both(least: float) -> dict[str, float]:
    return dict.fromkeys(DISTRIBUTIONS, least)


def _of(zipf: float, uniform: float) -> dict[str, float]:
    return {"zipf": zipf, "uniform": uniform}


UPDATES = [operation.name for operation in OPERATIONS.values() if operation.rule and not operation.forward]

CLAIMS = [
    Claim("lookup, new array, beside NumPy", _both(4), _beside("lookup, new array", "NumPy"), as_it_comes=True),
    Claim(
        "... the last one held", _both(4), _beside("lookup, new array, the last one held", "NumPy"), as_it_comes=True
    ),
    Claim("lookup, out=, beside torch", _both(1), _beside("lookup, out=", "torch")),
    Claim("... % of the roofline", _both(85), _rooflines(["lookup, out="])),
    Claim("bag sum beside the best of torch and FBGEMM", _both(1), _beside("bag sum", "torch", "FBGEMM")),
    Claim("bag mean beside the best of torch and FBGEMM", _both(1), _beside("bag mean", "torch", "FBGEMM")),
    Claim("SGD beside the best of torch", _both(3), _beside("SGD", "torch")),
    Claim("lookup + SGD beside FBGEMM", _both(5), _beside("lookup + SGD", "FBGEMM")),
    Claim("SGD beside np.add.at", _both(30), _beside("SGD", "NumPy add.at"), as_it_comes=True),
    Claim("SGD beside NumPy sort + reduceat", _both(20), _beside("SGD", "NumPy sort"), as_it_comes=True),
    Claim("lookup + Adagrad beside FBGEMM", _both(6), _beside("lookup + Adagrad", "FBGEMM")),
    Claim("Adagrad beside torch", _of(10, 15), _beside("Adagrad", "torch")),
    Claim("Adam beside torch SparseAdam", _of(10, 25), _beside("Adam", "torch")),
    Claim("bag mean + SGD beside the best of torch and FBGEMM", _both(2.5), _beside("bag mean + SGD")),
    Claim("bag mean + row-wise Adagrad beside FBGEMM", _both(1.5), _beside("bag mean + row-wise Adagrad")),
    Claim("every update, % of the roofline", _both(60), _rooflines(UPDATES)),
    Claim("2 threads beside 1, large batches", _both(1.6), _scaling([str(case) for case in CASES[:2]])),
    # A peer that is faster anywhere is a defect to explain.
    *(Claim(f"{case}: every operation beside the best peer", _both(1), _every_peer(str(case))) for case in CASES),
]


def table(runs: dict[str, list[Result]]) -> list[list[object]]:
    """Return the rows of the table; of the runs, by allocator, the figure that is the least favourable to finevec."""
    rows: list[list[object]] = []
    for claim in CLAIMS:
        taken = [runs["default"]] if claim.as_it_comes else runs.values()
        for distribution, least in claim.least.items():
            figure = _least(claim.figure(_select(run, distribution=distribution)) for run in taken)
            if figure:
                value, what = figure
                rows.append([claim.line, distribution, least, value, "yes" if value >= least else "NO", what])
    return rows
