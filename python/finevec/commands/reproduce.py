"""``finevec reproduce``: the tables of papers, computed anew. One file a paper: ``reproduce_kim.py`` and the like."""

from __future__ import annotations

import argparse
from typing import Any

from . import reproduce_kim, reproduce_tai

_PAPERS = {"kim": reproduce_kim, "tai": reproduce_tai}


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "reproduce",
        help="compute a paper's table anew",
        description="Compute a paper's table anew, on your data and vectors, beside the paper's figures.",
    )
    papers = parser.add_subparsers(dest="paper", metavar="PAPER", required=True)
    for paper in _PAPERS.values():
        paper.add_parser(papers)


def run(args: argparse.Namespace) -> int:
    """Compute the table of the paper. Returns the exit code."""
    code: int = _PAPERS[args.paper].run(args)
    return code
