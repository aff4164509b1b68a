"""``finevec train``: train a classifier on labelled texts, starting from pretrained word vectors."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import blas
from ..datasets.labelled import class_indices, class_names, read_labelled
from ..datasets.tokenized import TokenizedTexts, examples_of_parts
from ..models import KINDS, TextClassifier, save_model
from ..models.classifier import OtherWords
from ..models.directory import FILES, check_model_target, read_training
from ..models.starting_rows import starting_rows
from ..models.text_classifier import Example
from ..text import TOKENIZERS, share_of_other_letters
from ..train import fit
from ..train.checkpoint import check_checkpoint_target
from ..train.metrics import PARTS, run_metrics
from ..train.progress import progress_for
from ..vectors import WordVectors
from . import train_arguments
from .metrics import check_metrics_target, check_replaces_none, write_metrics
from .reading import vectors_file

_MOST_DROPPED = 0.1  # share of the letters that a tokenizer may drop without a warning


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    train_arguments.add_arguments(subparsers)


def run(args: argparse.Namespace) -> int:
    """Train, report, save. Returns the exit code."""
    start = time.perf_counter()
    if args.vectors:
        args.vectors = vectors_file(args.vectors)
    _check_arguments(args)
    train_arguments.warn_of_blas_threads(args)
    settings = train_arguments.settings(args)
    options = train_arguments.model_options(args)
    texts, classes = _read_texts(args)
    model, known = _build_model(args, options, texts, classes)
    parts = examples_of_parts(model, texts, args.seed)
    _say(args, _describe(parts, classes, model, known))

    progress = progress_for(sys.stderr, quiet=args.quiet)
    try:
        history = fit(model, parts["train"], parts["dev"], settings, progress, args.checkpoint)
    finally:
        progress.close()

    files = {name: getattr(args, name) for name in (*PARTS, "vectors")}
    with blas.threads(settings.blas_threads):
        metrics = run_metrics(model, settings, known, parts, history, files)
    if args.save:
        save_model(model, args.save, training=metrics)
    metrics["seconds"] = round(time.perf_counter() - start, 3)
    if args.metrics:
        write_metrics(args.metrics, metrics)
    _report(args, metrics)
    return 0


def _check_arguments(args: argparse.Namespace) -> None:
    if args.mode == "random":
        if args.vectors:
            raise ValueError("--mode random takes no --vectors: its rows are drawn at random (choose columns by --dim)")
    elif not args.vectors:
        raise ValueError(f"--mode {args.mode} needs --vectors FILE with pretrained vectors")
    elif args.dim:
        raise ValueError("--dim is for --mode random only: the vectors file says how many columns there are")
    if args.mode == "static" and args.freeze_epochs:
        raise ValueError("--freeze-epochs has no meaning with --mode static, which never fine-tunes")
    if args.freeze_epochs >= args.epochs:
        raise ValueError(
            f"--freeze-epochs {args.freeze_epochs} leaves none of at most {args.epochs} epochs to fine-tune in: "
            "choose fewer, or --mode static"
        )
    if args.save and args.checkpoint and _is_inside(args.checkpoint, args.save):
        raise FileExistsError(
            f"{args.checkpoint}: the checkpoint would be in the way of saving the model to {args.save}; choose a file "
            "elsewhere"
        )
    save = check_model_target(args.save) if args.save else None
    inputs = [args.train, *filter(None, (args.dev, args.test, args.vectors))]
    if args.metrics:
        check_metrics_target(args.metrics, save, inputs)
    if args.checkpoint:
        check_checkpoint_target(args.checkpoint)
        check_replaces_none(args.checkpoint, "the checkpoint", inputs)
        if os.path.realpath(args.checkpoint) in {os.path.realpath(path) for path in (args.save, args.metrics) if path}:
            raise FileExistsError(f"{args.checkpoint}: the checkpoint needs a file of its own; choose another name")
        if _is_file_of_a_model(args.checkpoint, save):
            raise FileExistsError(
                f"{args.checkpoint}: the checkpoint would replace a model's file; choose another name"
            )


def _is_inside(name: str, directory: str) -> bool:
    """Tell whether a file lies in a directory, at any depth; neither need exist."""
    return Path(os.path.realpath(directory)) in Path(os.path.realpath(name)).parents


def _is_file_of_a_model(name: str, save: Path | None) -> bool:
    """Tell whether a file is one of those that a model is made of, in the directory to save to or in a saved model."""
    path = Path(os.path.realpath(name))
    if path.name not in FILES:
        return False
    if path.parent == save:
        return True
    try:
        read_training(path.parent)
    except (OSError, ValueError):
        return False
    return True


def _read_texts(args: argparse.Namespace) -> tuple[dict[str, TokenizedTexts], list[str]]:
    tokenize = TOKENIZERS[args.tokenizer]
    texts = {}
    classes: list[str] = []
    for part in ("train", "dev", "test"):
        path = getattr(args, part)
        if path is None:
            continue
        data = read_labelled(path)
        if part == "train":
            classes = class_names(data.labels, path)
            _warn_of_dropped_letters(args, data.texts)
        targets = class_indices(data.labels, classes, path)
        texts[part] = TokenizedTexts([tokenize(text) for text in data.texts], targets)
    return texts, classes


def _warn_of_dropped_letters(args: argparse.Namespace, texts: list[str]) -> None:
    """Warn in one line, also with `--quiet`, when the kim tokenizer drops much of the training texts."""
    share = share_of_other_letters(texts) if args.tokenizer == "kim" else 0.0
    if share > _MOST_DROPPED:
        print(
            f"finevec: warning: {args.train}: the kim tokenizer drops {100 * share:.0f} % of the letters, which are "
            "not A-Z: --tokenizer lower keeps them",
            file=sys.stderr,
            flush=True,
        )


def _build_model(
    args: argparse.Namespace, options: dict[str, Any], texts: dict[str, TokenizedTexts], classes: list[str]
) -> tuple[TextClassifier, NDArray[np.bool_]]:
    """Return the model, and which of its rows started from a pretrained vector."""
    training = texts["train"].tokens
    more = [tokens for part in ("dev", "test") if part in texts for tokens in texts[part].tokens]
    if not any(training):
        raise ValueError(f"{args.train}: the {args.tokenizer} tokenizer finds no word in any text")
    vectors: WordVectors | int = args.dim or train_arguments.DEFAULT_DIM
    if args.mode != "random":
        vectors = WordVectors.load(args.vectors, vocabulary=_needed_words(args, training, more))
    rows = starting_rows(training, more, vectors, args.seed, where=args.train, vectors_where=args.vectors)
    options = {"mode": args.mode, "tokenizer": args.tokenizer, "seed": args.seed, **options}
    model = KINDS[args.model](rows.table, rows.words, classes, **options)
    if args.save and isinstance(vectors, WordVectors):
        model.others = _other_words(vectors, rows.words, args.other_words)
    return model, rows.known


def _needed_words(args: argparse.Namespace, training: list[list[str]], more: list[list[str]]) -> set[str] | None:
    """Return the words to read vectors for; None: all, because a saved model keeps those of other words too."""
    if args.save and args.other_words:
        return None
    return {token for tokens in [*training, *more] for token in tokens}


def _other_words(vectors: WordVectors, words: list[str], most: int) -> OtherWords | None:
    rows = set(words)
    position: dict[str, int] = {}
    for word, index in vectors.key_to_index.items():
        if len(position) == most:
            break
        if word not in rows:
            position[word] = index
    return OtherWords(position, vectors.vectors) if position else None


def _describe(
    parts: dict[str, list[Example]], classes: list[str], model: TextClassifier, known: NDArray[np.bool_]
) -> str:
    counts = ", ".join(f"{len(parts[part]):,} {part}" for part in ("train", "dev", "test") if part in parts)
    named = f" ({', '.join(classes)})" if len(classes) <= 10 else ""
    rows, dim = model.vectors.shape
    origin = "random" if model.mode == "random" else f"{known.sum():,} with a pretrained vector"
    return f"{counts} texts, {len(classes)} classes{named}; {rows:,} words of {dim} numbers, {origin}"


def _report(args: argparse.Namespace, metrics: dict[str, Any]) -> None:
    shown = [(part, metrics[f"{part}_accuracy"]) for part in PARTS]
    accuracies = "  ".join(f"{part} {100 * accuracy:.2f} %" for part, accuracy in shown if accuracy is not None)
    print(f"accuracy  {accuracies}")
    print(f"rows changed  {metrics['rows_changed']:,} of {metrics['rows']:,}   time  {metrics['seconds']:.1f} s")
    if args.save:
        print(f"saved  {args.save}  (tuned vectors: {Path(args.save) / 'vectors.txt'})")


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.quiet:
        print(text, file=sys.stderr, flush=True)
