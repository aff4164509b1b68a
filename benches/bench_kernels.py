"""finevec beside NumPy, the roofline of this machine and, with --peers, PyTorch and FBGEMM, on the same arrays.

Every table names its case; every result is compared with an oracle before anything is timed. With --peers all of it
is run twice, in processes of their own: with glibc's allocator as it comes, and tuned as users of torch tune it.
The largest case (--rows 3000000) needs about 15 GB of memory: a table and two states of 3.6 GB each, and the
roofline's table of the same size.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from itertools import product
from pathlib import Path

import chart
import harness
import report
import roofline
from cases import CASES, DISTRIBUTIONS, EVERY_DISTRIBUTION, SMALL
from contenders import by_finevec, by_numpy
from measure import Group, Result
from operations import OPERATIONS


def arguments() -> argparse.Namespace:
    options = harness.parser(__doc__)
    options.add_argument("--peers", action="store_true", help="PyTorch and FBGEMM too (see make bench-peers)")
    options.add_argument("--rows", type=int, nargs="*", help="only the cases whose tables have so many rows")
    options.add_argument(
        "--distributions",
        nargs="*",
        choices=EVERY_DISTRIBUTION,
        default=DISTRIBUTIONS,
        help="of the ids (default: zipf uniform)",
    )
    options.add_argument(
        "--operations",
        nargs="*",
        choices=OPERATIONS,
        default=list(OPERATIONS),
        metavar="NAME",
        help=f"only these of: {'; '.join(OPERATIONS)}",
    )
    options.add_argument(
        "--results", type=Path, help=argparse.SUPPRESS
    )  # where a process of --peers leaves its results
    return options.parse_args()


def measure(args: argparse.Namespace) -> list[Result]:
    """Run everything in this process, and print a table after each group."""
    libraries = [by_finevec, by_numpy]
    if args.peers:
        from contenders import by_fbgemm, by_torch

        libraries += [by_torch, by_fbgemm]
    results: list[Result] = []
    cases = SMALL if args.check else [case for case in CASES if not args.rows or case.rows in args.rows]
    for case, distribution in product(cases, args.distributions):
        group = Group(case, distribution, libraries)
        found = list(group.run([OPERATIONS[name] for name in args.operations], 1 if args.check else args.rounds))
        report.show_group(found)
        results += found
        # The next tables need the memory of these, which libraries tie in cycles.
        del group
        gc.collect()
    return results


def measure_twice() -> dict[str, list[Result]]:
    """Run this script in a process for each allocator."""
    runs = {}
    for allocator, tunables in {"default": {}, "tuned": {"GLIBC_TUNABLES": harness.TUNED}}.items():
        print(f"\nallocator: {allocator} {tunables or ''}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results.json"
            command = [sys.executable, __file__, *sys.argv[1:], "--results", str(results)]
            subprocess.run(command, env={**os.environ, **tunables}, check=True)
            runs[allocator] = [Result(**row) for row in json.loads(results.read_text())]
    return runs


def main() -> None:
    args = arguments()
    roofline.build()
    if args.results:
        args.results.write_text(json.dumps([asdict(result) for result in measure(args)]))
        return
    print("\n".join(f"{name}: {value}" for name, value in harness.facts().items()))
    runs = measure_twice() if args.peers and not args.check else {"default": measure(args)}
    report.show_summary(runs)
    if args.save:
        name = "peers" if args.peers else "kernels"
        report.save(runs, name)
        chart.draw([result for results in runs.values() for result in results], f"{name}.png")
    if not args.check:
        report.refuse_impossible(runs)


if __name__ == "__main__":
    main()
