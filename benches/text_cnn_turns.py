"""Contenders that take turns, on a machine that others may use: turns in which they did are told apart.

A step waits for all of its threads several times. Where another process has one of the cores, a library that cuts its
work for all cores stands still until the scheduler turns, and the figures say nothing about the library.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import harness
import numpy as np
from measure import SETTLE_SECONDS

CALLS = 10  # in a turn, each timed, after one that is not
LEAST_QUIET = 3  # turns; with fewer all count
MOST_ROUNDS = 2  # times as many as wanted, for want of quiet ones
NOISE_SECONDS = 0.02  # of the others in a turn that counts as quiet: two ticks of the kernel's clock
NOISE_SHARE = 0.05  # or of the turn


Result = TypeVar("Result")


@dataclass
class Turns:
    """Seconds of each call of each turn, of the quiet ones and of the others."""

    quiet: list[list[float]] = field(default_factory=list)
    disturbed: list[list[float]] = field(default_factory=list)

    def seconds(self) -> np.ndarray:
        """Return the calls of the quiet turns, or of all where hardly one was quiet."""
        chosen = self.quiet if len(self.quiet) >= LEAST_QUIET else self.quiet + self.disturbed
        return np.concatenate(chosen)

    def __str__(self) -> str:
        """How many were quiet."""
        return f"{len(self.quiet)} of {len(self.quiet) + len(self.disturbed)}"


def take_turns(contenders: Sequence[Callable[[], object]], rounds: int, threads: int) -> list[Turns]:
    """Time contenders until each had `rounds` quiet turns, or the machine is too busy for that.

    Others may have the cores that are left by contenders with so many `threads`.
    """
    found = [Turns() for _ in contenders]
    for contender in contenders:
        _turn(contender)
    for _ in range(MOST_ROUNDS * rounds):
        for contender, turns in zip(contenders, found, strict=True):
            values, quiet = watched(partial(_turn, contender), threads)
            (turns.quiet if quiet else turns.disturbed).append(values)
        if all(len(turns.quiet) >= rounds for turns in found):
            break
    return found


def watched(turn: Callable[[], Result], threads: int) -> tuple[Result, bool]:
    """Run a turn with so many threads; return its result, and whether others left it the cores for them."""
    start, before = time.perf_counter(), _others()
    result = turn()
    noise, elapsed = _others() - before, time.perf_counter() - start
    left = (harness.cores() - threads) * elapsed
    return result, noise <= left + max(NOISE_SECONDS, NOISE_SHARE * elapsed)


def _turn(contender: Callable[[], object]) -> list[float]:
    time.sleep(SETTLE_SECONDS)
    contender()
    values = []
    for _ in range(CALLS):
        start = time.perf_counter()
        contender()
        values.append(time.perf_counter() - start)
    return values


def _others() -> float:
    """Return the seconds that processes beside this one, or the machine's host, have had of the cores so far."""
    try:
        fields = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, softirq, steal = (int(value) for value in fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - time.process_time()
