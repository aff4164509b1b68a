"""``finevec neighbors``: the nearest words of a word, in one set of vectors or in two side by side."""

from __future__ import annotations

import argparse
from itertools import zip_longest
from typing import Any

from ..vectors import WordVectors
from .arguments import nonempty_path, whole_number
from .reading import vectors_file


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Say what ``finevec neighbors`` takes."""
    parser = subparsers.add_parser(
        "neighbors",
        help="nearest words, also before and after fine-tuning",
        description="Print the words nearest to each WORD by cosine. With --versus, those of two files side by side.",
    )
    parser.add_argument("words", nargs="+", metavar="WORD")
    parser.add_argument(
        "--vectors",
        type=nonempty_path,
        required=True,
        metavar="FILE",
        help="word vectors in any format that finevec inspect knows, or a saved model's directory",
    )
    parser.add_argument(
        "--versus", type=nonempty_path, metavar="FILE", help="other vectors, such as fine-tuned ones, for comparison"
    )
    parser.add_argument("--topn", type=whole_number(1), default=10, metavar="N", help="words to print (default: 10)")


def run(args: argparse.Namespace) -> int:
    """Print a table for each word; nothing is printed where a word is unknown."""
    paths = [args.vectors] if args.versus is None else [args.vectors, args.versus]
    files = [(path, WordVectors.load(vectors_file(path))) for path in paths]
    columns = {word: [_neighbors(path, wv, word, args.topn) for path, wv in files] for word in args.words}
    headings = [] if args.versus is None else paths
    blocks = [_block(word, headings, neighbors) for word, neighbors in columns.items()]
    print("\n\n".join(blocks))
    return 0


def _neighbors(path: str, wv: WordVectors, word: str, topn: int) -> list[str]:
    """Return a line for each neighbour, the words padded to one width."""
    if word not in wv:
        raise ValueError(f"{path}: {word!r} is not among the {len(wv)} words")
    nearest = wv.most_similar(word, topn=topn)
    width = max((len(neighbor) for neighbor, _ in nearest), default=0)
    return [f"{neighbor:<{width}}  {cosine:6.3f}" for neighbor, cosine in nearest]


def _block(word: str, headings: list[str], columns: list[list[str]]) -> str:
    """Return the table of one word: a column for each file, below its name where there are two."""
    if headings:
        columns = [[heading, *lines] for heading, lines in zip(headings, columns, strict=True)]
    widths = [max(map(len, lines), default=0) for lines in columns]
    rows = zip_longest(*columns, fillvalue="")
    texts = ["    ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([word, *(f"  {text}".rstrip() for text in texts)])
