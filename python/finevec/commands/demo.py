"""``finevec demo``: frozen against fine-tuned vectors on sentences that ship with the package."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.demo_data import demo_texts, demo_vectors
from ..datasets.labelled import class_indices
from ..models import BagClassifier, save_model
from ..models.classifier import OtherWords
from ..models.directory import check_model_target, read_training
from ..models.starting_rows import model_words
from ..models.text_classifier import Example
from ..text import TOKENIZERS
from ..train import History, Settings, evaluate, fit, hold_out
from ..vectors import WordVectors
from .arguments import MOST_REPEATS, nonempty_path, whole_number

_CLASSES = ["0", "1"]  # complaint, praise
_TELLING = ("bad", "great", "slow", "cold")
_OPPOSITES = (("good", "bad"), ("fast", "slow"), ("warm", "cold"))
_NEIGHBORS = 4
_MOVED = 10
_OFTEN = 4  # a word that moved is shown if it occurs in so many training sentences
_MADE_BY = "finevec demo"


def add_parser(subparsers: Any) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "demo",
        help="frozen against fine-tuned vectors, on data that ship with the package",
        description="Train the same classifier on frozen and on fine-tuned word vectors, with data that ship with the "
        "package, and show what fine-tuning changed. Takes some seconds.",
    )
    parser.add_argument(
        "--save",
        type=nonempty_path,
        default="finevec-demo",
        metavar="DIR",
        help="save the tuned model and vectors here (default %(default)s)",
    )
    parser.add_argument(
        "--seeds", type=whole_number(1, MOST_REPEATS), default=5, metavar="N", help="runs of each (default %(default)s)"
    )


@dataclass
class _Data:
    """The demo's data, ready to train on."""

    vectors: WordVectors
    words: list[str]
    train_tokens: list[list[str]]
    train_targets: NDArray[np.int64]
    test_tokens: list[list[str]]
    test_targets: NDArray[np.int64]


def run(args: argparse.Namespace) -> int:
    """Run the demo. Returns the exit code."""
    start = time.perf_counter()
    _check_target(args.save)
    data = _read_data()
    print(
        "finevec demo: is a classifier better when its word vectors are fine-tuned?\n"
        f"{len(data.train_tokens)} sentences of praise or complaint to train on, {len(data.test_tokens)} held out; "
        f"{len(data.vectors.index_to_key):,} words of GloVe 6B, {data.vectors.vectors.shape[1]} numbers each\n",
        flush=True,
    )
    seeds = range(1, args.seeds + 1)
    frozen = [_train(data, "static", seed)[1] for seed in seeds]
    runs = [_train(data, "non-static", seed) for seed in seeds]
    _print_accuracies(list(seeds), frozen, [accuracy for _, accuracy, _ in runs])

    model, _, history = runs[0]
    changed = history.changed_rows
    before = data.vectors
    after = _tuned(before, model)
    _print_neighbors(before, after)
    _print_opposites(before, after)
    _print_moved(data, model, changed)
    print(f"\nrows changed  {len(changed):,} of the {len(model.words):,} words of the sentences (seed 1)")
    save_model(model, args.save, training={"made_by": _MADE_BY, "seed": 1, "environment": history.environment})
    print(f"saved  {args.save}  (tuned vectors: {Path(args.save) / 'vectors.txt'})")
    print(f"time  {time.perf_counter() - start:.1f} s")
    return 0


def _check_target(directory: str) -> None:
    path = check_model_target(directory)
    if path.exists() and any(path.iterdir()) and read_training(path).get("made_by") != _MADE_BY:
        raise FileExistsError(f"{directory}: holds a model that the demo did not make; choose another by --save")


def _read_data() -> _Data:
    train, test = demo_texts()
    vectors = demo_vectors()
    tokenize = TOKENIZERS["kim"]
    train_tokens = [tokenize(text) for text in train.texts]
    test_tokens = [tokenize(text) for text in test.texts]
    return _Data(
        vectors,
        model_words(train_tokens, test_tokens, vectors.key_to_index),
        train_tokens,
        class_indices(train.labels, _CLASSES, "train.tsv"),
        test_tokens,
        class_indices(test.labels, _CLASSES, "test.tsv"),
    )


def _train(data: _Data, mode: str, seed: int) -> tuple[BagClassifier, float, History]:
    """Return the trained model, its held-out accuracy, and the record of the training."""
    table, _ = data.vectors.matrix_for(data.words, seed=seed)
    model = BagClassifier(table, data.words, _CLASSES, mode=mode, seed=seed)
    model.others = _other_words(data)
    examples = model.examples(data.train_tokens, data.train_targets)
    kept, held_out = hold_out(data.train_targets, seed)
    # So few sentences make a small dev set, whose accuracy jumps, and few steps: hence more patience and a larger rate
    # for the vectors than by default. Both modes get the same.
    settings = Settings(epochs=40, patience=10, freeze_epochs=3, embedding_lr=0.02, seed=seed)
    history = fit(model, _pick(examples, kept), _pick(examples, held_out), settings)
    return model, evaluate(model, model.examples(data.test_tokens, data.test_targets))[1], history


def _pick(examples: Sequence[Example], positions: NDArray[np.int64]) -> list[Example]:
    return [examples[position] for position in positions]


def _other_words(data: _Data) -> OtherWords:
    """Return the words of the shipped vectors that no sentence has; prediction on new texts uses them."""
    rows = set(data.words)
    position = {word: index for word, index in data.vectors.key_to_index.items() if word not in rows}
    return OtherWords(position, data.vectors.vectors)


def _tuned(before: WordVectors, model: BagClassifier) -> WordVectors:
    """Return the shipped vectors with the model's rows in place of the pretrained ones."""
    vectors = before.vectors.copy()
    for word, row in model.row.items():
        if word in before.key_to_index:
            vectors[before.key_to_index[word]] = model.vectors[row]
    return before.with_vectors(vectors)


def _print_accuracies(seeds: Sequence[int], frozen: Sequence[float], tuned: Sequence[float]) -> None:
    print(f"held-out accuracy, %  {'mean':>6}   " + "  ".join(f"seed {seed}" for seed in seeds))
    gains = [after - before for before, after in zip(frozen, tuned, strict=True)]
    for name, values, sign in (("frozen", frozen, ""), ("fine-tuned", tuned, ""), ("difference", gains, "+")):
        cells = "  ".join(
            f"{100 * value:{sign}{len(f'seed {seed}')}.1f}" for seed, value in zip(seeds, values, strict=True)
        )
        print(f"  {name:<18}  {100 * float(np.mean(values)):{sign}6.1f}   {cells}")


def _print_neighbors(before: WordVectors, after: WordVectors) -> None:
    print("\nnearest words (cosine), before and after fine-tuning (seed 1)")
    for word in _TELLING:
        pairs = zip(before.most_similar(word, topn=_NEIGHBORS), after.most_similar(word, topn=_NEIGHBORS), strict=True)
        for index, ((old, old_cosine), (new, new_cosine)) in enumerate(pairs):
            name = word if index == 0 else ""
            print(f"  {name:<10}  {old:<14} {old_cosine:5.2f}    {new:<14} {new_cosine:5.2f}")


def _print_opposites(before: WordVectors, after: WordVectors) -> None:
    print("\ncosine of opposites, before and after (seed 1)")
    for one, other in _OPPOSITES:
        print(f"  {f'{one}, {other}':<12}  {before.similarity(one, other):5.2f}  {after.similarity(one, other):5.2f}")


def _print_moved(data: _Data, model: BagClassifier, changed: NDArray[np.int64]) -> None:
    """Print the words whose vector moved furthest, and whether towards praise or complaint."""
    counts: Mapping[str, int] = Counter(token for tokens in data.train_tokens for token in tokens)
    pretrained = data.vectors
    often = [model.words[row] for row in changed if counts[model.words[row]] >= _OFTEN]
    words = [word for word in often if word in pretrained.key_to_index]
    moves = model.vectors[[model.row[word] for word in words]] - np.stack([pretrained[word] for word in words])
    distances = np.linalg.norm(moves, axis=1)
    complaint, praise = model.output.weight.data
    towards = moves @ (praise - complaint)
    print(f"\nwords that moved most, of those in at least {_OFTEN} training sentences (seed 1)")
    for index in np.argsort(-distances, kind="stable")[:_MOVED]:
        side = "praise" if towards[index] > 0 else "complaint"
        print(f"  {words[index]:<14} {distances[index]:5.2f}  towards {side:<9}  {counts[words[index]]:3d} times")
