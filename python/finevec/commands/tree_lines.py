"""Trees that models are asked about, one a line."""

from __future__ import annotations

from collections.abc import Mapping

from ..datasets.trees import parse_tree
from ..models import TreeLSTM
from ..trees import Tree


def tree_of(line: str, where: str, models: Mapping[str, TreeLSTM], *, labelled: bool = False) -> Tree:
    """Return the tree of a line, without its line feed; a carriage return may end it.

    Parameters
    ----------
    line, where, labelled
        As for `finevec.datasets.trees.parse_tree`.
    models : mapping of str to TreeLSTM
        By the directories that they were loaded from.

    Raises
    ------
    ValueError
        It is no tree, or one of another structure than a model takes.
    """
    structure, tree = parse_tree(line.removesuffix("\r"), where, labelled=labelled)
    for path, model in models.items():
        if model.structure != structure:
            raise ValueError(f"{where}: a {structure} tree, but {path} is a model of {model.structure} trees")
    return tree
