"""The trees of Tai et al. (2015): the Stanford Sentiment Treebank, and the pairs of sentences of SICK."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..datasets.binarized import binarized
from ..datasets.sick import TreePair, read_sick
from ..datasets.sst import binary_labels, check_labels, with_labelled_root
from ..datasets.trees import read_trees
from ..text import treebank_word
from ..trees import NO_LABEL, Tree
from .data_files import find_files
from .runs import digest
from .tai import FOLDERS, SETS

Part: TypeAlias = Sequence[Any]
"""Trees, or pairs of trees."""
Key: TypeAlias = tuple[str, str]
"""Set and structure."""
Files: TypeAlias = Mapping[str, Mapping[str, Path]]
"""For each part, the path of each of its files by name."""

_KINDS = ("", "_scores")  # of a part's files, the first and the second, in the names of paths


@dataclass(frozen=True)
class SetTrees:
    """The trees of one structure of a data set.

    Parameters
    ----------
    parts : mapping of str to sequence of Tree, or of TreePair
        "train", "dev" and "test".
    paths : mapping of str to str
        Where each part was read, and for pairs its scores: "train_scores".
    digests : mapping of str to str
        The digest of each file, by the file's name without a ``.gz``.
    """

    parts: Mapping[str, Part]
    paths: Mapping[str, str]
    digests: Mapping[str, str]

    def words(self) -> set[str]:
        """Return the different words of all parts."""
        return {word for part in self.parts.values() for words in sentences(part) for word in words}


def sentences(part: Part) -> list[list[str]]:
    """Return the words of each sentence, as vectors know them; a pair has two.

    Examples
    --------
    >>> import numpy as np
    >>> tree = Tree(np.array([2, 2, -1]), ["Good", "film", None], np.array([3, 2, 3]))
    >>> sentences([tree]), sentences([TreePair(tree, tree, 5.0)])
    ([['good', 'film']], [['good', 'film'], ['good', 'film']])
    """
    trees = [tree for item in part for tree in ([item.left, item.right] if isinstance(item, TreePair) else [item])]
    return [[treebank_word(word) for word in tree.words if word is not None] for tree in trees]


def labelled_nodes(part: Part) -> int:
    """Return how many nodes of trees have a label; none of pairs have."""
    return sum(int((item.labels != NO_LABEL).sum()) for item in part if isinstance(item, Tree))


def find_parts(folder: str, chosen: Iterable[Key]) -> dict[Key, Files]:
    """Return the path of each file of each part of the chosen sets and structures. Raises as `find_files`."""
    files = {(name, structure): SETS[name].files[structure] for name, structure in chosen}
    found = find_files(
        folder, [file for parts in files.values() for named in parts.values() for file in named], FOLDERS
    )
    return {
        key: {part: {file: found[file] for file in named} for part, named in parts.items()}
        for key, parts in files.items()
    }


def read_sets(files: Mapping[Key, Files]) -> dict[Key, SetTrees]:
    """Read the trees of sets and structures.

    Raises
    ------
    OSError
        A file cannot be read.
    ValueError
        A file is not as its reader wants it or holds the other kind of trees, a label is above 4, a sentence has no
        label, or a part has no sentence that is not neutral.
    """
    read = functools.cache(_read)  # sets share files
    return {(name, structure): _read_set(name, structure, files[name, structure], read) for name, structure in files}


def _read_set(name: str, structure: str, files: Files, read: Callable[..., Part]) -> SetTrees:
    parts, paths, digests = {}, {}, {}
    for part, found in files.items():
        parts[part] = _prepared(name, structure, read(structure, *found.values()))
        if not parts[part]:
            raise ValueError(f"{next(iter(found.values()))}: all sentences are neutral")
        for kind, (file, path) in zip(_KINDS, found.items(), strict=False):
            paths[f"{part}{kind}"] = str(path)
            digests[file] = digest(path)
    return SetTrees(parts, paths, digests)


def _read(structure: str, *paths: Path) -> Part:
    if len(paths) > 1:
        return read_sick(*paths)
    (path,) = paths
    found = read_trees(path)
    if found.structure != structure:
        raise ValueError(f"{path}: expected {structure} trees, found {found.structure} trees")
    for number, tree in enumerate(found.trees, start=1):
        try:
            check_labels(tree)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
    return found.trees


def _prepared(name: str, structure: str, part: Part) -> Part:
    """Return what a set makes of trees as they were read."""
    if name == "sst-binary":
        return with_labelled_root(map(binary_labels, part))
    if name == "sick" and structure == "constituency":
        return [pair._replace(left=binarized(pair.left), right=binarized(pair.right)) for pair in part]
    return part
