"""How each library does the operations: a module for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from cases import Batch


@dataclass(frozen=True)
class Contender:
    """One way to do an operation on a batch. It returns the rows or bags that it looked up, if any."""

    library: str
    name: str
    run: Callable[[Batch], Any]


def hold(run: Callable[[Batch], Any]) -> Callable[[Batch], Any]:
    """As `run`, but each result lives until the next one is there."""
    held: list[Any] = []

    def run_and_hold(batch: Batch) -> Any:
        held[:] = [run(batch)]
        return held[0]

    return run_and_hold


def lookups(library: str, name: str, run: Callable[[Batch], np.ndarray]) -> dict[str, list[Contender]]:
    """One way to look rows up, with the last result released and held."""
    return {
        "lookup, new array": [Contender(library, name, run)],
        "lookup, new array, the last one held": [Contender(library, name, hold(run))],
    }
