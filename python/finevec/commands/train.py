"""``finevec train``: train a classifier on labelled texts or trees, starting from pretrained word vectors."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from .. import blas
from ..models import save_model
from ..models.directory import FILES, check_model_target, read_training
from ..train import fit
from ..train.checkpoint import check_checkpoint_target
from ..train.metrics import PARTS, run_metrics
from ..train.progress import progress_for
from . import train_arguments, train_texts, train_trees
from .metrics import check_metrics_target, check_replaces_none, write_metrics
from .reading import vectors_file
from .train_model import Prepared


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
    prepare = train_trees.prepare if args.model in train_trees.KINDS else train_texts.prepare
    prepared = prepare(args, options)
    model, known, parts, _ = prepared
    _say(args, _describe(prepared))
    if args.model in train_trees.KINDS:
        train_arguments.note_of_blas_threads(args)

    progress = progress_for(sys.stderr, quiet=args.quiet)
    try:
        history = fit(model, parts["train"], parts["dev"], settings, progress, args.checkpoint)
    finally:
        progress.close()

    files = {name: getattr(args, name) for name in (*PARTS, "vectors")}
    with blas.threads(settings.blas_threads):
        metrics = run_metrics(model, settings, known, parts, history, files)
    _report_accuracies(metrics)  # before the rest, which a full disk may refuse
    if args.save:
        save_model(model, args.save, training=metrics)
    metrics["seconds"] = round(time.perf_counter() - start, 3)
    if args.metrics:
        write_metrics(args.metrics, metrics)
    print(f"rows changed  {metrics['rows_changed']:,} of {metrics['rows']:,}   time  {metrics['seconds']:.1f} s")
    if args.save:
        print(f"saved  {args.save}  (vectors: {Path(args.save) / 'vectors.txt'})")
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


def _describe(prepared: Prepared) -> str:
    model, known, parts, examples = prepared
    counts = ", ".join(f"{len(parts[part]):,} {part}" for part in PARTS if part in parts)
    named = f" ({', '.join(model.classes)})" if len(model.classes) <= 10 else ""
    rows, dim = model.vectors.shape
    origin = "random" if model.mode == "random" else f"{known.sum():,} with a pretrained vector"
    return f"{counts} {examples}, {len(model.classes)} classes{named}; {rows:,} words of {dim} numbers, {origin}"


def _report_accuracies(metrics: dict[str, Any]) -> None:
    shown = [(part, metrics[f"{part}_accuracy"]) for part in PARTS]
    accuracies = "  ".join(f"{part} {100 * accuracy:.2f} %" for part, accuracy in shown if accuracy is not None)
    print(f"accuracy  {accuracies}")


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.quiet:
        print(text, file=sys.stderr, flush=True)
