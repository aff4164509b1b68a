"""``finevec convert``: a file of word vectors in another format."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from ..vectors import WordVectors
from ..vectors.lines import NumberedLines
from ..vectors.load_save import ENCODING_ERRORS, FORMATS, STORED, stored_type, written_format
from ..vectors.word_lines import words_path
from .arguments import nonempty_path, whole_number
from .reading import bars

DTYPES = ("float16", "float32", "float64")
_WRITTEN = tuple(name for name in FORMATS if name != "fasttext-binary")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Say what ``finevec convert`` takes."""
    parser = subparsers.add_parser(
        "convert",
        help="word vectors in another format, such as one that opens at once",
        description="Read a file of word vectors and write it in another format. A .safetensors or .npy file is opened "
        "at once by WordVectors.load(path, mmap=True). Repeated words keep their first row.",
    )
    parser.add_argument("input", type=nonempty_path, metavar="IN", help="word vectors, plain or gzip")
    parser.add_argument(
        "output",
        type=nonempty_path,
        metavar="OUT",
        help="its suffix says the format: .safetensors, .npy (words in a second "
        "file), .bin (word2vec binary), .vec (fastText's text), any other word2vec text; .gz packs text and .bin",
    )
    parser.add_argument(
        "--vocabulary", type=nonempty_path, metavar="FILE", help="keep only these words: one a line, plain or gzip"
    )
    parser.add_argument("--limit", type=whole_number(0), metavar="N", help="look at the first N rows only")
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        help="of the values in OUT, float16 only for .safetensors and .npy, float64 not for .bin (default: that of a "
        ".safetensors or .npy IN that holds one of these and OUT can hold, else float32)",
    )
    parser.add_argument(
        "--from",
        dest="from_format",
        choices=FORMATS,
        default="auto",
        metavar="FORMAT",
        help=f"read IN as this format, one of {', '.join(FORMATS)}",
    )
    parser.add_argument(
        "--to",
        dest="to_format",
        choices=_WRITTEN,
        default="auto",
        metavar="FORMAT",
        help="write OUT in this format: as for --from, but not fasttext-binary",
    )
    parser.add_argument(
        "--encoding-errors",
        choices=ENCODING_ERRORS,
        default="strict",
        help="what to do with words that are not UTF-8 (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no report")


def run(args: argparse.Namespace) -> int:
    """Convert. Nothing is written where anything is wrong with the input."""
    written = written_format(args.output, args.to_format)
    found, words_file = stored_type(args.input, args.from_format)
    _check_apart(args, written, [args.input, words_file, args.vocabulary])
    vocabulary = None if args.vocabulary is None else _words(args.vocabulary)
    kind = args.dtype or found or "float32"
    is_binary = written == "word2vec-binary"
    wide = "float32" if is_binary or kind in ("float16", "bfloat16") else kind
    if args.dtype == "float16" and written not in STORED:
        raise ValueError(f"--dtype float16: {args.output} would be {written}, only safetensors and npy hold float16")
    if args.dtype == "float64" and is_binary:
        raise ValueError(f"--dtype float64: {args.output} would be {written}, which holds float32")
    narrowed = "float16" if kind == "float16" and written in STORED else None
    with bars(sys.stderr, quiet=args.quiet) as shown:
        wv = WordVectors.load(
            args.input,
            format=args.from_format,
            vocabulary=vocabulary,
            limit=args.limit,
            dtype=wide,
            encoding_errors=args.encoding_errors,
            progress=shown.reading(),
        )
        if vocabulary is not None and not len(wv):
            raise ValueError(
                f"{args.vocabulary}: none of its {len(vocabulary):,} words is in {args.input}: one a line?"
            )
        wv.save(args.output, format=args.to_format, dtype=narrowed, progress=shown.writing(len(wv)))
    if not args.quiet:
        if vocabulary is not None:
            print(f"{args.vocabulary}: {len(wv):,} of {len(set(vocabulary)):,} words found")
        if written == "npy":
            print(f"{words_path(args.output)}: the words")
        size = Path(args.output).stat().st_size
        print(f"{args.output}: {len(wv):,} words of {wv.vector_size} numbers, {narrowed or wide}; {size:,} bytes")
    return 0


def _check_apart(args: argparse.Namespace, written: str, read: list[str | None]) -> None:
    """Refuse to write over a file that is read."""
    targets = [args.output, words_path(args.output)] if written == "npy" else [args.output]
    for target in filter(os.path.exists, targets):
        for source in read:
            if source is not None and os.path.exists(source) and os.path.samefile(target, source):
                raise FileExistsError(f"{target}: would replace {source}, which is read: choose another OUT")


def _words(path: str) -> list[str]:
    return [line.rstrip("\r\n") for line in NumberedLines(path, "utf-8-sig", "a word")]
