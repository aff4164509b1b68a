"""The roofline: what this machine's memory needs for the bytes of an operation, from loops timed in the same run."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from cases import Data

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "target"

# A part of an operation: a pattern of benches/roofline, and its size: bytes, or bytes of a row.
Part = tuple[str, int]


class Roofline:
    """A process that times patterns of memory on rows that `data`'s batches touch, in a table of that size."""

    def __init__(self, data: Data, threads: int) -> None:
        case = data.case
        self._data = data
        self.best: dict[tuple[Part, int], float] = {}
        self.variants: dict[tuple[Part, int], str] = {}
        with tempfile.NamedTemporaryFile(suffix=".rows", delete=False) as file:
            for batch in data.batches:
                np.array([len(batch.rows), *batch.rows], "<u4").tofile(file)
        self._rows = Path(file.name)
        row_bytes, warm = 4 * case.dim, "warm" if case.warm else "cold"
        stream = case.count * (row_bytes + 8)
        words = [case.rows, row_bytes, stream, threads, self._rows, warm]
        self._process = subprocess.Popen(
            [TARGET / "release" / "finevec-roofline", *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Roofline:
        """Give itself: the process runs since it was made."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.communicate()
        self._rows.unlink()

    def _ask(self, request: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            raise RuntimeError(f"finevec-roofline ended with return code {code} instead of an answer to {request!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def flush(self) -> None:
        """Fill the caches with other data."""
        self._ask("flush")

    def measure(self, parts: list[Part], threads: int) -> None:
        """Time the patterns of `parts` once more; each keeps the best time of the run."""
        for pattern, size in set(parts):
            answer = self._ask(f"{pattern} {threads} {size}")
            self.best[(pattern, size), threads] = answer["seconds"]
            self.variants[(pattern, size), threads] = answer["variant"]

    def floor(self, parts: list[Part], threads: int) -> float:
        """Seconds for all of `parts`, one after the other, at their best.

        Parts that need different things of the memory, such as random reads and streaming writes, may overlap in an
        operation, which could then take less.
        """
        return sum(self.best[part, threads] for part in parts)

    def longest(self, parts: list[Part], threads: int) -> float:
        """Seconds for the longest of `parts`, at its best: no overlap of parts can beat that."""
        return max(self.best[part, threads] for part in parts)

    def traffic(self, parts: list[Part]) -> float:
        """Bytes that `parts` move to and from memory."""
        rows = self._data.distinct
        times = {"read": 1.0, "write": 1.0, "gather": rows, "update": 2 * rows}
        return float(sum(times[pattern] * size for pattern, size in parts))


def build() -> None:
    """Compile the process, or find that it is."""
    command = ["cargo", "build", "--quiet", "--release", "-p", "finevec-roofline", "--target-dir", str(TARGET)]
    subprocess.run(command, cwd=ROOT, check=True)
