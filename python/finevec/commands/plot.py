"""``finevec plot``: training runs as a figure, accuracy per epoch."""

from __future__ import annotations

import argparse
from typing import Any

from ..plot import draw, read_run, rendered
from ..replace import replaced_file
from .arguments import nonempty_path
from .figures import check_matplotlib, check_output, names_of


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
    kind = check_output(args.output, args.metrics)
    if args.labels is not None and len(args.labels) != len(args.metrics):
        raise ValueError(f"--labels: expected {len(args.metrics)}, one for each file, got {len(args.labels)}")
    check_matplotlib("finevec plot")
    labels = names_of(args.metrics) if args.labels is None else args.labels
    runs = [read_run(path, label) for path, label in zip(args.metrics, labels, strict=True)]
    data = rendered(draw(runs), kind)
    with replaced_file(args.output) as file:
        file.write(data)
    print(f"saved  {args.output}")
    return 0
