"""``finevec inspect``: what a file of word vectors is, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..vectors.inspection import Report, inspect
from ..vectors.load_save import ENCODING_ERRORS, FORMATS
from .arguments import nonempty_path
from .reading import bars


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Say what ``finevec inspect`` takes."""
    parser = subparsers.add_parser(
        "inspect",
        help="what a file of word vectors is, and what is wrong with it",
        description="Read a file of word vectors as far as it can be read, and report. Rows with faults are counted "
        "and passed over; what cannot be read at all is an error. Needs the memory of the table, except for "
        ".safetensors and .npy files that can be mapped.",
    )
    parser.add_argument("file", type=nonempty_path, metavar="FILE", help="word vectors, plain or gzip")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default="auto",
        metavar="FORMAT",
        help=f"read FILE as this format, one of {', '.join(FORMATS)}",
    )
    parser.add_argument(
        "--encoding-errors",
        choices=ENCODING_ERRORS,
        default="strict",
        help="what to do with words that are not UTF-8 (default: %(default)s: such rows are faults)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Print the report, also of a file with faults."""
    with bars(sys.stderr, quiet=args.quiet) as shown:
        report = inspect(args.file, args.format, args.encoding_errors, shown.reading())
    if args.json:
        print(_escaped(json.dumps({"sound": report.is_sound, **report._asdict()}, indent=2, ensure_ascii=False)))
    else:
        print("\n".join(_lines(report)))
    return 0


def _escaped(text: str) -> str:
    """Return JSON with what a terminal could obey escaped: such characters are in its strings alone."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _lines(report: Report) -> list[str]:
    """Return the report as lines of a name and what there is to say."""
    lines = [
        ("file", f"{report.file} ({report.bytes:,} bytes)"),
        ("format", report.format),
        ("header", report.header or "none"),
        ("words", f"{report.words:,}"),
        ("dim", str(report.dim)),
        ("dtype", report.dtype),
        ("repeated", f"{report.repeated:,} rows of repeated words"),
    ]
    if report.numbered:
        lines.append(("numbered", f"{report.numbered:,} rows hold one number more: it was taken as part of the word"))
    lines.append(("bad rows", f"{report.bad_rows:,}"))
    lines += [("", fault) for fault in report.faults]
    if len(report.faults) < report.bad_rows:
        lines.append(("", f"and {report.bad_rows - len(report.faults):,} others"))
    if report.end is not None:
        lines.append(("broken off", report.end))
    if report.promised is not None and report.promised != report.rows + report.bad_rows:
        counts = f"{report.promised:,} rows, the file has {report.rows + report.bad_rows:,}"
        lines.append(("wrong count", f"the header promises {counts}"))
    if not report.final_newline:
        lines.append(("no line break", "after the last row: the file may be cut off there"))
    lines.append(("first words", " ".join(map(repr, report.first_words))))
    if report.smallest is not None:
        odd = f", {report.not_finite:,} not finite" if report.not_finite else ", all finite"
        lines.append(("values", f"{report.smallest:.6g} to {report.largest:.6g}{odd}"))
    lines += [(name.replace("_", " "), str(value)) for name, value in report.model.items()]
    lines.append(("memory", f"{report.memory / 1e6:,.1f} MB for the table, {report.memory_dtype}"))
    width = max(len(name) for name, _ in lines)
    return [f"{name:<{width}}  {text}" for name, text in lines]
