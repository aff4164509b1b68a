"""The arguments of ``finevec train``."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .. import blas
from ..models import Classifier
from ..text import TOKENIZERS
from ..train import OPTIMIZERS, Settings
from ..vectors import MAX_DIM
from . import train_texts, train_trees
from .arguments import fraction, nonempty_path, number_from_0, positive_number, whole_number
from .train_model import DEFAULT_DIM

KINDS: Mapping[str, type[Classifier]] = {**train_texts.KINDS, **train_trees.KINDS}
"""The models that can be trained, by name."""

# A slip of the keyboard shall not take the machine's memory.
_MOST_WIDTH = 1000
_MOST_FILTERS = 100_000
_MOST_MEM_DIM = 10_000
_MOST_BLAS_THREADS = 1024

_MODES = tuple(dict.fromkeys(mode for model in KINDS.values() for mode in model.modes))


def add_arguments(subparsers: Any) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "train",
        help="train a classifier on labelled texts or trees",
        description="Train a classifier on pretrained word vectors, frozen or fine-tuned. Data files are UTF-8, plain "
        "or gzip, and hold one label<TAB>text a line; for --model tree-lstm one tree a line, all in brackets, (label "
        "child child) or (label word), or all as dependency parses, tokens<TAB>parents<TAB>relations<TAB>labels.",
    )
    data = parser.add_argument_group("data")
    for name, required, text in (
        ("--train", True, "texts to train on"),
        ("--dev", False, "texts for early stopping (default: a tenth of the training texts)"),
        ("--test", False, "texts to measure on at the end"),
        (
            "--vectors",
            False,
            "pretrained vectors in any format that finevec inspect knows, or a saved model's directory; not for --mode "
            "random",
        ),
    ):
        data.add_argument(name, type=nonempty_path, required=required, metavar="FILE", help=text)
    data.add_argument(
        "--tokenizer",
        choices=list(TOKENIZERS),
        help="of texts. kim: English, lower-cased, keeps only A-Z, digits and some punctuation; lower: any language "
        "with spaces between words, lower-cased, punctuation apart; whitespace: splits at spaces only and keeps case, "
        f"for tokenized text (default {train_texts.DEFAULT_TOKENIZER})",
    )
    data.add_argument(
        "--binary",
        action="store_true",
        help="tree-lstm: labels of the Stanford Sentiment Treebank as two classes, 0 and 1 negative, 3 and 4 positive; "
        "neutral sentences are left out, neutral phrases have no label",
    )
    data.add_argument(
        "--cased",
        dest="lower",
        action="store_false",
        default=None,
        help="tree-lstm: do not lower-case the words of trees",
    )
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        choices=list(KINDS),
        default="bag",
        help="bag: the mean of a text's vectors and a linear layer; cnn: the convolutional network of Kim (2014); "
        "tree-lstm: the Tree-LSTM of Tai et al. (2015), on trees (default %(default)s)",
    )
    model.add_argument(
        "--mode",
        choices=_MODES,
        default="non-static",
        help="static: pretrained rows, frozen; non-static: pretrained rows, fine-tuned; random: random rows, trained; "
        "multichannel (cnn): one table of pretrained rows frozen and one fine-tuned (default %(default)s)",
    )
    model.add_argument(
        "--dim", type=whole_number(1, MAX_DIM), metavar="N", help=f"columns of random rows (default {DEFAULT_DIM})"
    )
    model.add_argument("--dropout", type=fraction, metavar="X", help="default: bag 0; cnn and tree-lstm 0.5")
    model.add_argument(
        "--widths",
        type=_widths,
        metavar="N,N",
        help=f"cnn: the numbers of words that filters see, up to {_MOST_WIDTH} each (default 3,4,5)",
    )
    model.add_argument(
        "--filters",
        type=whole_number(1, _MOST_FILTERS),
        metavar="N",
        help=f"cnn: filters of each width, up to {_MOST_FILTERS} (default 100)",
    )
    model.add_argument(
        "--max-norm",
        type=positive_number,
        metavar="X",
        help="cnn: largest L2 norm of a class's weights in the last layer (default 3)",
    )
    model.add_argument(
        "--mem-dim",
        type=whole_number(1, _MOST_MEM_DIM),
        metavar="N",
        help=f"tree-lstm: length of a state, up to {_MOST_MEM_DIM} (default "
        + ", ".join(f"{size} for {structure} trees" for structure, size in train_trees.MEM_DIM.items())
        + ")",
    )
    defaults = Settings()
    training = add_training_arguments(parser, KINDS)
    training.add_argument(
        "--batch-size",
        type=whole_number(1),
        metavar="N",
        help="default: " + "; ".join(f"{name} {kind.training_defaults.batch_size}" for name, kind in KINDS.items()),
    )
    training.add_argument(
        "--seed", type=whole_number(0), default=defaults.seed, metavar="N", help="default %(default)s"
    )
    training.add_argument(
        "--checkpoint",
        type=nonempty_path,
        metavar="FILE",
        help="write the state of the training here after every epoch; where the file is there already, go on from it, "
        "also with more --epochs",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--save", type=nonempty_path, metavar="DIR", help="save the model and the tuned vectors (DIR/vectors.txt) here"
    )
    output.add_argument(
        "--other-words",
        type=whole_number(0),
        default=50_000,
        metavar="N",
        help="save the vectors of the first N pretrained words that are not in the texts too, so that new texts "
        "may use them (default %(default)s)",
    )
    output.add_argument("--metrics", type=nonempty_path, metavar="FILE", help="write accuracies and more here, as JSON")
    output.add_argument("--quiet", action="store_true", help="show no progress")


def add_training_arguments(
    parser: argparse.ArgumentParser, kinds: Mapping[str, type[Classifier]], frozen: str = ""
) -> argparse._ArgumentGroup:
    """Add what commands that train have in common, as a group, and return it.

    Parameters
    ----------
    parser : ArgumentParser
    kinds : mapping of str to type
        The models that may be trained, whose defaults the help tells.
    frozen : str
        What the help of ``--freeze-epochs`` begins with.
    """
    defaults = Settings()
    training = parser.add_argument_group("training")
    training.add_argument(
        "--epochs", type=whole_number(1), default=defaults.epochs, metavar="N", help="at most (default %(default)s)"
    )
    training.add_argument(
        "--patience",
        type=whole_number(0),
        default=defaults.patience,
        metavar="N",
        help="stop after so many epochs without a better dev result; 0: never (default %(default)s)",
    )
    training.add_argument(
        "--optimizer", choices=list(OPTIMIZERS), help=f"of the dense layers (default: {_default_optimizers(kinds)})"
    )
    training.add_argument(
        "--embedding-optimizer",
        choices=list(OPTIMIZERS),
        help=f"of the vectors (default: as --optimizer{_own_optimizers(kinds)})",
    )
    training.add_argument(
        "--lr", type=positive_number, metavar="X", help=f"of the dense layers ({_default_rates(kinds, 0)})"
    )
    training.add_argument(
        "--embedding-lr", type=positive_number, metavar="X", help=f"of the vectors ({_default_rates(kinds, 1)})"
    )
    training.add_argument(
        "--weight-decay",
        type=number_from_0,
        metavar="X",
        help="L2 of the dense layers (default: "
        + "; ".join(f"{name} {kind.training_defaults.weight_decay:g}" for name, kind in kinds.items())
        + ")",
    )
    training.add_argument(
        "--freeze-epochs",
        type=whole_number(0),
        default=defaults.freeze_epochs,
        metavar="N",
        help=f"{frozen}keep the vectors frozen for so many epochs, then fine-tune (default %(default)s)",
    )
    training.add_argument(
        "--blas-threads",
        type=whole_number(1, _MOST_BLAS_THREADS),
        metavar="N",
        help="threads of NumPy's dense products, on which last bits may depend (needs threadpoolctl, as in the extra "
        f"[repro]; default {defaults.blas_threads})",
    )
    return training


def settings(args: argparse.Namespace) -> Settings:
    """Return the training settings that the arguments describe; the default of each that the command has not."""
    names = [field.name for field in fields(Settings) if getattr(args, field.name, None) is not None]
    return Settings(**{name: getattr(args, name) for name in names})


def warn_of_blas_threads(args: argparse.Namespace) -> None:
    """Warn in one line, also with `--quiet`, where the number of BLAS threads that was asked for cannot be had."""
    if args.blas_threads is not None and blas.is_unheeded(args.blas_threads):
        first, *others = blas.VARIABLES
        print(
            f"finevec: warning: --blas-threads {args.blas_threads} has no effect without threadpoolctl (the extra "
            f"[repro]): install it, or set {first}={args.blas_threads} (or {', '.join(others)})",
            file=sys.stderr,
            flush=True,
        )


def note_of_blas_threads(args: argparse.Namespace) -> None:
    """Say, but for `--quiet`, that trees train slowly where BLAS takes all cores for each of many small products."""
    if args.blas_threads is None and not args.quiet and blas.is_unheeded(1):
        print(
            "finevec: note: NumPy's BLAS takes all cores for each of the many small products of trees, which may be "
            f"many times slower: install threadpoolctl (the extra [repro]), or set {blas.VARIABLES[0]}=1",
            file=sys.stderr,
            flush=True,
        )


def model_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments of the model that were given; the others are the model's own defaults.

    Raises
    ------
    ValueError
        The model does not know one of them, or the mode.
    """
    kind = KINDS[args.model]
    if args.mode not in kind.modes:
        raise ValueError(f"--mode {args.mode} is not for --model {args.model}, which knows {', '.join(kind.modes)}")
    for name in ("tokenizer", "binary"):
        belongs = train_texts.KINDS if name == "tokenizer" else train_trees.KINDS
        if getattr(args, name) and args.model not in belongs:
            raise ValueError(f"--{name} is not for --model {args.model}")
    names = ("dropout", "widths", "filters", "max_norm", "mem_dim", "lower")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    known = inspect.signature(kind).parameters
    for name in given:
        if name not in known:
            option = "cased" if name == "lower" else name.replace("_", "-")
            raise ValueError(f"--{option} is not for --model {args.model}")
    return given


def _widths(text: str) -> list[int]:
    """Parse whole numbers with commas between them."""
    parse = whole_number(1, _MOST_WIDTH)
    return [parse(part) for part in text.split(",")]


def _default_optimizers(kinds: Mapping[str, type[Classifier]]) -> str:
    return "; ".join(f"{name} {kind.training_defaults.optimizer}" for name, kind in kinds.items())


def _own_optimizers(kinds: Mapping[str, type[Classifier]]) -> str:
    own = {name: kind.training_defaults.embedding_optimizer for name, kind in kinds.items()}
    named = "; ".join(f"{name} {optimizer}" for name, optimizer in own.items() if optimizer)
    return f"; where both are left open, {named}" if named else ""


def _default_rates(kinds: Mapping[str, type[Classifier]], which: int) -> str:
    """Describe the default rates of the dense layers, 0, or of the vectors, 1."""
    return "; ".join(
        f"{kind} " + ", ".join(f"{name} {model.training_defaults.rates[name][which]:g}" for name in OPTIMIZERS)
        for kind, model in kinds.items()
    )
