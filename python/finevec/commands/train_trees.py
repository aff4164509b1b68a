"""What ``finevec train`` does for models of trees: reads the trees, builds the model."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.sst import BINARY_CLASSES, binary_labels, with_labelled_root
from ..datasets.trees import TreeFile, read_trees
from ..models import TreeLSTM
from ..text import treebank_word
from ..train import hold_out
from ..train.metrics import PARTS
from ..trees import NO_LABEL, NO_PARENT, Tree
from .train_model import Prepared, starting_model

KINDS: Mapping[str, type[TreeLSTM]] = {TreeLSTM.kind: TreeLSTM}
"""The models by name."""

MEM_DIM = {"constituency": 150, "dependency": 168}
"""The length of a state for each structure, as for sentiment in Tai et al. (2015)."""


def prepare(args: argparse.Namespace, options: dict[str, Any]) -> Prepared:
    """Read the trees and build the model, with these options, and its examples."""
    files = {part: read_trees(getattr(args, part)) for part in PARTS if getattr(args, part) is not None}
    structure = files["train"].structure
    for part, file in files.items():
        if file.structure != structure:
            raise ValueError(
                f"{getattr(args, part)}: expected {structure} trees, as in {args.train}, found {file.structure} trees"
            )
    trees, classes = (_binary if args.binary else _numbered)(args, files)
    build = KINDS[args.model]
    options = {"structure": structure, "mem_dim": MEM_DIM[structure], **options}
    tokens = {part: _words(chosen, options.get("lower", True)) for part, chosen in trees.items()}
    more = [words for part in ("dev", "test") for words in tokens.get(part, [])]
    model, known = starting_model(args, build, classes, tokens["train"], more, options)
    if "dev" not in trees:
        every = trees["train"]
        kept, held_out = hold_out(np.array([_root_label(tree) for tree in every]), args.seed)
        trees = {**trees, "train": [every[number] for number in kept], "dev": [every[number] for number in held_out]}
    return Prepared(
        model, known, {part: model.examples(chosen) for part, chosen in trees.items()}, f"{structure} trees"
    )


def _numbered(args: argparse.Namespace, files: Mapping[str, TreeFile]) -> tuple[dict[str, list[Tree]], list[str]]:
    """Return the trees with labels that are positions in the classes, which are the numbers of the training trees."""
    numbers = np.unique(np.concatenate([tree.labels for tree in files["train"].trees]))
    numbers = numbers[numbers != NO_LABEL]
    if len(numbers) < 2:
        raise ValueError(f"{args.train}: expected labels of at least 2 classes, found {numbers.tolist()}")
    trees: dict[str, list[Tree]] = {}
    for part, file in files.items():
        trees[part] = []
        for line, tree in enumerate(file.trees, start=1):
            where = f"{getattr(args, part)}:{line}"
            if _root_label(tree) == NO_LABEL:
                raise ValueError(f"{where}: the root has no label")
            trees[part].append(tree._replace(labels=_positions(tree.labels, numbers, where)))
    return trees, [str(number) for number in numbers]


def _positions(labels: NDArray[np.int64], numbers: NDArray[np.int64], where: str) -> NDArray[np.int64]:
    positions = np.searchsorted(numbers, labels).clip(max=len(numbers) - 1)
    for label in labels[(numbers[positions] != labels) & (labels != NO_LABEL)][:1]:
        known = ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")
        raise ValueError(f"{where}: label {label} is not one of the training trees' labels: {known}")
    return np.where(labels == NO_LABEL, NO_LABEL, positions)


def _binary(args: argparse.Namespace, files: Mapping[str, TreeFile]) -> tuple[dict[str, list[Tree]], list[str]]:
    """Return the trees that are not neutral with the labels of SST's binary task, and its classes."""
    trees = {}
    for part, file in files.items():
        name, chosen = getattr(args, part), []
        for line, tree in enumerate(file.trees, start=1):
            try:
                chosen.append(binary_labels(tree))
            except ValueError as error:
                raise ValueError(f"{name}:{line}: --binary: {error}") from None
        trees[part] = with_labelled_root(chosen)
        if not trees[part]:
            raise ValueError(f"{name}: --binary: every tree is neutral")
    return trees, list(BINARY_CLASSES)


def _root_label(tree: Tree) -> int:
    return int(tree.labels[tree.parents == NO_PARENT][0])


def _words(trees: list[Tree], lower: bool) -> list[list[str]]:
    return [[treebank_word(token, lower) for token in tree.words if token is not None] for tree in trees]
