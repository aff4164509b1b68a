"""``finevec predict``: the class of each line of a file or of standard input, by a saved model."""

from __future__ import annotations

import argparse
import contextlib
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from .. import blas
from ..models import Classifier, TextClassifier, TreeLSTM, load_model
from .arguments import nonempty_path
from .lines import batches, opened, unpacked
from .tree_lines import tree_of


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Say what ``finevec predict`` takes."""
    parser = subparsers.add_parser(
        "predict",
        help="classify texts or trees, one a line, with a saved model",
        description="Print the class of each text, or of each tree, one a line and in the same order. They are UTF-8, "
        "one a line, plain or gzip; trees in the form that the model was trained on, labels may be missing. What has "
        "been read is answered at once, so that it works within a pipe.",
    )
    parser.add_argument(
        "file",
        nargs="?",
        type=nonempty_path,
        default="-",
        metavar="FILE",
        help="texts or trees (default: standard input)",
    )
    parser.add_argument(
        "--model", type=nonempty_path, required=True, metavar="DIR", help="what finevec train --save wrote"
    )
    parser.add_argument(
        "--proba",
        action="store_true",
        help="print the probability of each class, separated by tabs, below a header with the names of the classes",
    )


def run(args: argparse.Namespace) -> int:
    """Print a line for each line; those before a faulty one are answered before it is told."""
    if sys.stdout is None:
        raise ValueError("standard output is closed: there is nowhere to print the classes")
    model: Any = load_model(args.model)
    parse = _parser_of(model, args.model)
    # Those of trees are many small products, which all cores would only delay.
    one_thread = blas.threads(1) if isinstance(model, TreeLSTM) else contextlib.nullcontext()
    with one_thread, opened(args.file) as (file, name):
        if args.proba:  # before the first read, which waits for whoever writes
            _print(["\t".join(map(_printable, model.classes))])
        for inputs in batches(unpacked(file), name, parse):
            _print(_probabilities(model, inputs) if args.proba else map(_printable, model.predict(inputs)))
    return 0


def _parser_of(model: Classifier, directory: str) -> Callable[[str, str], Any]:
    """Return what makes a model's input of a line; it is also given what to call the line in an error."""
    if isinstance(model, TextClassifier):
        return lambda line, where: line.strip()  # as those that the model was trained on
    if not isinstance(model, TreeLSTM):
        raise ValueError(f"{directory}: a model of kind {model.kind} does not classify lines")
    return partial(tree_of, models={directory: model})


def _print(lines: Iterable[str]) -> None:
    """Print lines, and pass them on: somebody may be waiting for them."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _probabilities(model: Any, inputs: list[Any]) -> Iterator[str]:
    for row in model.predict_proba(inputs):
        yield "\t".join(f"{value:.6g}" for value in row)


def _printable(name: str) -> str:
    r"""Return the name of a class so that it stays on one line, in one column.

    Names from a file of labelled texts hold neither tabs nor line feeds; those of a model that was built in Python may.

    Examples
    --------
    >>> print(_printable("a\tb\u2028c"), _printable("größer \\ kleiner"))
    a\tb\u2028c größer \ kleiner
    """
    return "".join(ascii(c)[1:-1] if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in name)
