"""``finevec tree``: the class of every node of trees, by a saved model or two, drawn as text or as a figure."""

from __future__ import annotations

import argparse
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from .. import blas
from ..datasets.sst import BINARY_CLASSES, BINARY_POSITIONS
from ..models import TreeLSTM, load_model
from ..plot import FORMATS, rendered
from ..replace import replaced_file
from ..tree_drawing import ClassifiedTree, drawn_lines
from ..tree_drawing.figure import MOST_LEVELS, MOST_NODES, draw
from ..tree_drawing.text import MARKS, plain
from ..trees import NO_LABEL, Tree
from .arguments import nonempty_path, whole_number
from .figures import check_matplotlib, check_output, names_of
from .lines import batches, opened, unpacked
from .tree_lines import tree_of


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Say what ``finevec tree`` takes."""
    parser = subparsers.add_parser(
        "tree",
        help="draw the class of every node of trees, by a saved model or two",
        description="Draw trees, one a line of FILE, bracketed or with dependencies, as text: a line for each node, "
        "with its class and that class's probability by each model, and its label where FILE has one; the labels of a "
        "tree count where all of them are whole numbers. With --output, draw one tree as a figure, of at most "
        f"{MOST_NODES} nodes on {MOST_LEVELS} levels; needs matplotlib, as in the extra [plot].",
    )
    parser.add_argument(
        "file", nargs="?", type=nonempty_path, default="-", metavar="FILE", help="trees (default: standard input)"
    )
    parser.add_argument(
        "--model",
        type=nonempty_path,
        required=True,
        metavar="DIR",
        help="what finevec train --model tree-lstm --save wrote",
    )
    parser.add_argument(
        "--versus", type=nonempty_path, metavar="DIR", help="another one: draw both, and mark where they differ"
    )
    parser.add_argument(
        "--number", type=whole_number(1), metavar="N", help="the tree of line N alone (default: all; of a figure, 1)"
    )
    parser.add_argument(
        "--output",
        type=nonempty_path,
        metavar="FILE",
        help=f"write a figure: {', '.join(f'.{kind}' for kind in FORMATS)}; a file that is there is replaced",
    )


def run(args: argparse.Namespace) -> int:
    """Draw; trees before a faulty line are drawn before it is told."""
    kind = None
    if args.output is not None:
        kind = check_output(args.output, [args.file])
        check_matplotlib("finevec tree --output")
    elif sys.stdout is None:
        raise ValueError("standard output is closed: there is nowhere to print trees")
    models = _loaded(args.model, args.versus)
    number = 1 if kind is not None and args.number is None else args.number
    for count, (where, line) in enumerate(_lines(args.file, number)):
        with blas.threads(1):
            tree = _classified(line, where, models)
        if kind is not None:
            _write(tree, where, args.output, kind)
        else:
            _print(["", where] if count else [where], tree)
    return 0


def _loaded(first: str, other: str | None) -> dict[str, TreeLSTM]:
    """Return the models by the directories that they are loaded from."""
    models: dict[str, TreeLSTM] = {}
    for path in [first] if other is None else [first, other]:
        if path in models:
            raise ValueError(f"--versus: expected another model than {path}, which is --model")
        model = load_model(path)
        if not isinstance(model, TreeLSTM):
            raise ValueError(f"{path}: expected a model of kind {TreeLSTM.kind}, found {model.kind}")
        models[path] = model
        if model.classes != models[first].classes:
            raise ValueError(f"{path}: expected the classes of {first}, {models[first].classes}, found {model.classes}")
    return models


def _lines(path: str, number: int | None) -> Iterator[tuple[str, str]]:
    """Yield what to call a line in an error, and the line: each one of a file, or the one with this number."""
    count = 0
    with opened(path) as (file, name):
        parts = batches(unpacked(file), name, lambda line, where: (where, line))
        for count, line in enumerate(chain.from_iterable(parts), start=1):
            if number is None or number == count:
                yield line
            if number == count:
                return
    if not count:
        raise ValueError(f"{name}: the file is empty, expected a tree a line")
    if number is not None:
        raise ValueError(f"--number: expected at most {count}, as many trees as {name} has, got {number}")


def _classified(line: str, where: str, models: dict[str, TreeLSTM]) -> ClassifiedTree:
    """Return the tree of a line as the models see it."""
    try:
        tree = tree_of(line, where, models, labelled=True)
    except ValueError:
        tree = tree_of(line, where, models)
    proba = [model.node_proba(tree) for model in models.values()]
    first = next(iter(models.values()))
    classes, structure = first.classes, first.structure
    named = dict(zip(names_of(list(models)), proba, strict=True))
    return ClassifiedTree(_with_known_labels(tree, classes), structure, classes, named)


def _with_known_labels(tree: Tree, classes: Sequence[str]) -> Tree:
    """Return a tree whose labels are positions in `classes`; one that is no class of the model is none."""
    if tuple(classes) == BINARY_CLASSES:
        position = BINARY_POSITIONS
    elif all(name.isdecimal() for name in classes):  # the labels of the file that the model was trained on
        position = {int(name): place for place, name in enumerate(classes)}
    else:
        position = {place: place for place in range(len(classes))}
    labels = [position.get(label, NO_LABEL) for label in tree.labels.tolist()]
    return tree._replace(labels=np.array(labels, np.int64))


def _print(heading: Sequence[str], tree: ClassifiedTree) -> None:
    """Print a drawing, and pass it on: somebody may be waiting for it."""
    lines = chain(heading, drawn_lines(tree, shutil.get_terminal_size((100, 24)).columns))
    sys.stdout.writelines(f"{line}\n" for line in (lines if _takes(MARKS) else map(plain, lines)))
    sys.stdout.flush()


def _takes(text: str) -> bool:
    """Tell whether standard output has these characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _write(tree: ClassifiedTree, where: str, output: str, kind: str) -> None:
    try:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            data = rendered(draw(tree), kind)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    with replaced_file(output) as file:
        file.write(data)
    print(f"saved  {output}")
    if any("missing from" in str(warning.message) for warning in found):
        print(f"finevec: {where}: the figure shows boxes for characters that its font lacks", file=sys.stderr)
