"""Timing every contender of every operation on one case, each beside the roofline of the same minute."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from types import ModuleType

import harness
from cases import Case, Data
from contenders import Contender
from operations import Operation
from oracle import Oracle
from roofline import Part, Roofline

# After a call, OpenMP's threads spin for some milliseconds, on cores that the next contender or the roofline needs.
SETTLE_SECONDS = 0.008

# Calls timed together where one is short and its data stay in the cache.
WARM_CALLS = 20

THREADS = sorted({1, harness.cores()})


@dataclass(frozen=True)
class Result:
    """The median of one contender."""

    case: str
    distribution: str
    threads: int
    operation: str
    library: str
    contender: str
    seconds: float
    bytes_per_second: float
    roofline: float | None  # the share of the floor in finevec's time
    longest_part: float | None  # the share of the floor's longest part alone


class Group:
    """All contenders on one case and distribution."""

    def __init__(self, case: Case, distribution: str, libraries: Sequence[ModuleType]) -> None:
        self.data = Data(case, distribution)
        self.distribution = distribution
        self._libraries = libraries
        self._contenders = [library.contenders(self.data) for library in libraries]
        self._threads = 0

    def run(self, operations: Sequence[Operation], rounds: int) -> Iterator[Result]:
        """Compare the results of all contenders of these operations, then time them."""
        with Roofline(self.data, max(THREADS)) as roofline:
            for operation in operations:
                self.data.reset()
                contenders = [contender for found in self._contenders for contender in found.get(operation.name, [])]
                self._set_threads(max(THREADS))
                oracle = Oracle(operation, self.data)
                for contender in contenders:
                    oracle.check(contender)
                yield from self._time(operation, contenders, roofline, rounds)

    def _time(
        self, operation: Operation, contenders: list[Contender], roofline: Roofline, rounds: int
    ) -> Iterator[Result]:
        parts = operation.parts(self.data.case)
        jobs = [(threads, contender) for threads in THREADS for contender in contenders]
        timed = []
        for number, (threads, contender) in enumerate(jobs):
            # The floor is measured before finevec, and after it.
            beside = contender.library == "finevec" or jobs[number - 1][1].library == "finevec"
            timed.append(self._timed(contender, threads, roofline, parts if beside else []))
        for (threads, contender), seconds in zip(jobs, harness.medians(timed, rounds), strict=True):
            seconds /= WARM_CALLS if self.data.case.warm else 1
            own = contender.library == "finevec"
            yield Result(
                str(self.data.case),
                self.distribution,
                threads,
                operation.name,
                contender.library,
                contender.name,
                seconds,
                roofline.traffic(parts) / seconds,
                roofline.floor(parts, threads) / seconds if own else None,
                roofline.longest(parts, threads) / seconds if own else None,
            )

    def _timed(self, contender: Contender, threads: int, roofline: Roofline, parts: list[Part]) -> harness.Timed:
        run, warm = contender.run, self.data.case.warm
        batches = cycle(self.data.batches)  # its own: a round gives every contender the same batch
        batch = self.data.batches[0]

        def prepare() -> None:
            nonlocal batch
            if parts:
                time.sleep(SETTLE_SECONDS)
                roofline.measure(parts, threads)
            changed = self._set_threads(threads)
            time.sleep(SETTLE_SECONDS)
            if changed or warm:
                for _ in self.data.batches:
                    run(next(batches))
            if not warm:
                roofline.flush()
            batch = next(batches)

        def run_once() -> object:
            return run(batch)

        def run_often() -> None:
            for _ in range(WARM_CALLS):
                run(next(batches))

        return harness.Timed(run_often if warm else run_once, prepare)

    def _set_threads(self, threads: int) -> bool:
        """Set the threads of all libraries; return whether that was a change."""
        changed = threads != self._threads
        if changed:
            for library in self._libraries:
                library.set_threads(threads)
        self._threads = threads
        return changed
