"""Options, medians, and the tables that every benchmark prints and saves with the facts of the machine."""

from __future__ import annotations

import argparse
import csv
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import finevec
import numpy as np
from finevec import _finevec

RESULTS = Path(__file__).parent / "results"
PEERS = ["torch", "fbgemm-gpu-cpu"]

# glibc's allocator for torch: large blocks are kept and used again, not given back to the system; on huge pages.
TUNED = ":".join(
    f"glibc.malloc.{name}"
    for name in ["mmap_threshold=4294967296", "trim_threshold=17179869184", "top_pad=268435456", "hugetlb=1"]
)


@dataclass
class Timed:
    """One way to do the work: `run` is timed, `prepare` before each run is not."""

    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


def medians(contenders: Sequence[Timed], rounds: int) -> list[float]:
    """Median seconds of each contender over `rounds` rounds of one run each, after a round that is not counted."""
    seconds: list[list[float]] = [[] for _ in contenders]
    for counted in [False] + [True] * rounds:
        for contender, values in zip(contenders, seconds, strict=True):
            contender.prepare()
            start = time.perf_counter()
            result = contender.run()
            elapsed = time.perf_counter() - start
            del result
            if counted:
                values.append(elapsed)
    return [float(np.median(values)) for values in seconds]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Options that every benchmark takes."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="small arrays and one round: do the results agree?")
    options.add_argument("--rounds", type=int, default=21, help="timed rounds of each contender (default: 21)")
    options.add_argument("--save", action="store_true", help="write tables, with machine facts, to benches/results/")
    return options


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def facts() -> dict[str, str]:
    """Tell what a figure depends on."""
    found = {
        "CPU": _line("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": str(cores()),
        "caches": ", ".join(_caches()),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "C library": " ".join(platform.libc_ver()).strip(),
        "transparent huge pages": _read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "instruction set of finevec": _finevec.get_simd_level(),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "finevec": finevec.__version__,
    }
    for package in PEERS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if PEERS[0] in found:
        found["tuned allocator"] = TUNED
    return {name: value for name, value in found.items() if value}


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    print(f"\n{title}\n")
    for line in [list(header), ["-" * width for width in widths], *cells]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |", flush=True)


def save(name: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table as CSV to benches/results/, below the facts of the machine."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / name).open("w", newline="", encoding="utf-8") as file:
        file.writelines(f"# {fact}: {value}\n" for fact, value in facts().items())
        csv.writer(file, lineterminator="\n").writerows([header, *([_text(cell) for cell in row] for row in rows)])


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return "" if cell is None else str(cell)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _line(path: str, name: str) -> str:
    lines = [line for line in _read(path).splitlines() if line.startswith(name)]
    return lines[0].split(":")[1].strip() if lines else ""


def _caches() -> list[str]:
    folders = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"))
    return [" ".join(["L" + _read(f"{f}/level"), _read(f"{f}/type"), _read(f"{f}/size")]) for f in folders]
