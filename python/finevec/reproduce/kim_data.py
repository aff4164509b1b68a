"""The texts of Kim's table (2014), as files of ``label<TAB>text`` lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..datasets.labelled import class_indices, class_names, read_labelled
from ..datasets.tokenized import TokenizedTexts
from ..text import TOKENIZERS
from .data_files import find_files
from .folds import split_folds
from .kim import SETS, TOKENIZER, KimRun
from .runs import digest


@dataclass(frozen=True)
class SetTexts:
    """The texts of a data set.

    Parameters
    ----------
    classes : list of str
    parts : mapping of str to TokenizedTexts
        "train", and "dev" and "test" where the set has them.
    paths : mapping of str to str
        Where each part was read.
    digests : mapping of str to str
        The digest of each file, by the file's name without a ``.gz``.
    """

    classes: list[str]
    parts: Mapping[str, TokenizedTexts]
    paths: Mapping[str, str]
    digests: Mapping[str, str]

    def words(self) -> set[str]:
        """Return the different words of all parts."""
        return {token for texts in self.parts.values() for tokens in texts.tokens for token in tokens}


def find_parts(folder: str, sets: Sequence[str]) -> dict[str, dict[str, Path]]:
    """Return the path of each part of each set. Raises as `find_files`."""
    found = find_files(folder, [file for name in sets for file in SETS[name].files.values()])
    return {name: {part: found[file] for part, file in SETS[name].files.items()} for name in sets}


def read_set(name: str, paths: Mapping[str, Path]) -> SetTexts:
    """Read and tokenize the parts of a set.

    Raises
    ------
    OSError
        A file cannot be read.
    ValueError
        A file is not as `read_labelled` wants it, or has a label that the training texts do not have.
    """
    tokenize = TOKENIZERS[TOKENIZER]
    classes: list[str] = []
    parts = {}
    for part, path in paths.items():  # "train" comes first
        data = read_labelled(path)
        classes = classes or class_names(data.labels, str(path))
        targets = class_indices(data.labels, classes, str(path))
        parts[part] = TokenizedTexts([tokenize(text) for text in data.texts], targets)
    digests = {SETS[name].files[part]: digest(path) for part, path in paths.items()}
    return SetTexts(classes, parts, {part: str(path) for part, path in paths.items()}, digests)


def run_texts(data: SetTexts, run: KimRun, folds: int) -> dict[str, TokenizedTexts]:
    """Return the parts that a run sees, "train" and "test" and maybe "dev".

    The seed of a run decides how a set is cut into folds; all its variants get the same.
    """
    if run.fold is None:
        return dict(data.parts)
    texts = data.parts["train"]
    test = split_folds(texts.targets, folds, run.seed)[run.fold - 1]
    train = np.setdiff1d(np.arange(len(texts.targets)), test)
    return {"train": texts.pick(train), "test": texts.pick(test)}
