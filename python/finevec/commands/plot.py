"""``finevec plot``: training runs as a figure, accuracy per epoch."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..plot import FORMATS, draw, read_run, rendered
from ..replace import replaced_file
from .arguments import nonempty_path


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Say what ``finevec plot`` takes."""
    parser = subparsers.add_parser(
        "plot",
        help="draw accuracy per epoch of training runs",
        description="Draw dev and training accuracy per epoch of each METRICS file, with the epochs in which the "
        "embedding was frozen, its thaw and the best epoch. Needs matplotlib, as in the extra [plot].",
    )
    parser.add_argument(
        "metrics", nargs="+", type=nonempty_path, metavar="METRICS", help="what finevec train --metrics wrote"
    )
    parser.add_argument(
        "--output",
        type=nonempty_path,
        required=True,
        metavar="FILE",
        help="the figure: .svg, .png or .pdf; a file that is there is replaced",
    )
    parser.add_argument(
        "--labels", nargs="+", metavar="NAME", help="what to call the runs (default: the names of the files)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the figure; nothing is written where a file holds no metrics."""
    kind = _check_output(args.output, args.metrics)
    if args.labels is not None and len(args.labels) != len(args.metrics):
        raise ValueError(f"--labels: expected {len(args.metrics)}, one for each file, got {len(args.labels)}")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ValueError(
            f"finevec plot needs matplotlib (the extra [plot]): pip install matplotlib ({error})"
        ) from None
    labels = _names(args.metrics) if args.labels is None else args.labels
    runs = [read_run(path, label) for path, label in zip(args.metrics, labels, strict=True)]
    data = rendered(draw(runs), kind)
    with replaced_file(args.output) as file:
        file.write(data)
    print(f"saved  {args.output}")
    return 0


def _check_output(output: str, inputs: Sequence[str]) -> str:
    """Check that a figure may be written to a file. Returns its format."""
    path = Path(output)
    kind = path.suffix[1:].lower()
    if kind not in FORMATS:
        raise ValueError(f"{output}: expected a name that ends in {', '.join(f'.{known}' for known in FORMATS)}")
    for name in inputs:
        if path.exists() and os.path.exists(name) and path.samefile(name):
            raise FileExistsError(f"{output}: the figure would replace {name}, which is read")
    return kind


def _names(paths: Sequence[str]) -> list[str]:
    """Return what to call files: their names, or their paths where two names are the same.

    Examples
    --------
    >>> _names(["runs/static.json", "runs/tuned.json"]), _names(["1/metrics.json", "2/metrics.json"])
    (['static.json', 'tuned.json'], ['1/metrics.json', '2/metrics.json'])
    """
    names = [os.path.basename(path) for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
