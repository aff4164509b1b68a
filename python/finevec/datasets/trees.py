"""Sentences with their parses, one tree a line: bracketed constituency trees and dependency trees."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from os import PathLike
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from ..trees import NO_LABEL, NO_PARENT, Tree
from ..wording import counted
from .labelled import text_lines

Structure: TypeAlias = Literal["constituency", "dependency"]

_TOKENS = re.compile(r"[()]|[^() ]+")
MOST_NODES = 100_000
"""Of a tree. A line with more may come from an endless device, and would take much memory."""

_MOST_CHILDREN = 2  # of a node of a bracketed tree: the treebank is binary, and so is the model of its trees
_DIGITS = 9  # of a number in a file, at most: it fits every integer type that may come to hold it
_A_LABEL = f"a whole number from 0 to {'9' * _DIGITS}"
_COLUMNS = ("tokens", "parents", "relations", "labels")
_NO_LABEL_MARK = "#"


class TreeFile(NamedTuple):
    """The trees of a file, in its order."""

    structure: Structure
    """Bracketed trees, with words at the leaves, are constituency trees; dependency trees have a word at every node."""
    trees: list[Tree]


def read_trees(path: str | PathLike[str], *, labelled: bool = True) -> TreeFile:
    r"""Read a file of trees, one a line.

    Parameters
    ----------
    path : path
        UTF-8, plain or gzip (told by its first bytes), lines end in ``\n`` or ``\r\n``. Lines with a tab are read by
        `parse_dependencies`, others by `parse_bracketed`; a file holds either the ones or the others.
    labelled : bool
        Labels are wanted, as for training. If not, they may be anything or missing, and become `NO_LABEL`.

    Returns
    -------
    TreeFile
        At least one tree.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        The file is not UTF-8, is damaged gzip, holds no line or both kinds of trees, or a line is empty or no tree. The
        message starts with ``file:line:``.
    """
    structure: Structure | None = None
    trees: list[Tree] = []
    for where, line in text_lines(path):
        found, tree = parse_tree(line, where, labelled=labelled)
        structure = structure or found
        if found != structure:
            tab = "a tab" if found == "dependency" else "no tab"
            raise ValueError(
                f"{where}: a {found} tree ({tab} in the line) after {structure} trees, expected one kind in a file"
            )
        trees.append(tree)
    if structure is None:
        raise ValueError(f"{path}: the file is empty, expected a tree a line")
    return TreeFile(structure, trees)


def parse_tree(line: str, where: str, *, labelled: bool = True) -> tuple[Structure, Tree]:
    """Parse a tree of either structure, and say which it is: see `parse_bracketed` and `parse_dependencies`.

    Raises
    ------
    ValueError
        The line is no tree.

    Examples
    --------
    >>> parse_tree("(1 film)", "trees.txt:1")
    ('constituency', Tree(parents=array([-1]), words=['film'], labels=array([1])))
    """
    structure = _structure(line, where)
    parse = parse_dependencies if structure == "dependency" else parse_bracketed
    return structure, parse(line, where, labelled=labelled)


def _structure(line: str, where: str) -> Structure:
    if "\t" in line:
        return "dependency"
    bare = line.lstrip(" ")
    if not bare:
        raise ValueError(f"{where}: an empty line, expected a tree")
    if not bare.startswith("("):
        raise ValueError(
            f"{where}: expected a bracketed tree such as (3 (2 good) (3 film)), or tokens<TAB>parents, "
            f"found {shown(bare)}"
        )
    return "constituency"


class _Open:
    """A node whose closing bracket has not come yet."""

    __slots__ = ("children", "label", "token", "word")

    def __init__(self, token: int) -> None:
        self.token = token  # the opening bracket's place among the tokens
        self.label = NO_LABEL
        self.word: str | None = None
        self.children: list[int] = []


def parse_bracketed(line: str, where: str, *, labelled: bool = True) -> Tree:
    """Parse a bracketed tree: ``(label word)`` or ``(label child)`` or ``(label child child)``.

    Parameters
    ----------
    line : str
        Without its line end. Nothing but the space separates; runs of spaces are one. There is no escaping.
    where : str
        What to call the line in an error.
    labelled : bool
        Every node has a label, a whole number. If not, labels may be anything or missing, and become `NO_LABEL`: what
        stands alone in a node is its word.

    Returns
    -------
    Tree
        Nodes in postorder: the children of a node, left to right, then the node. Words as they stand in the line.

    Raises
    ------
    ValueError
        The line is no such tree. The message tells the column, counted in characters from 1.

    Examples
    --------
    >>> parse_bracketed("(3 (2 good) (3 film))", "trees.txt:1")
    Tree(parents=array([ 2,  2, -1]), words=['good', 'film', None], labels=array([2, 3, 3]))
    >>> parse_bracketed("(3 (2 good) (film))", "trees.txt:1")
    Traceback (most recent call last):
        ...
    ValueError: trees.txt:1: column 14: expected a label, a whole number from 0 to 999999999, found 'film'
    >>> parse_bracketed("(NP (good) (film))", "trees.txt:1", labelled=False)
    Tree(parents=array([ 2,  2, -1]), words=['good', 'film', None], labels=array([-1, -1, -1]))
    """

    def wrong(token: int, message: str) -> ValueError:
        return ValueError(f"{where}: column {_column(line, token)}: {message}")

    tab = line.find("\t")
    if tab >= 0:
        raise ValueError(f"{where}: column {tab + 1}: a tab, expected spaces between words and brackets")
    nodes = line.count("(")
    if nodes > MOST_NODES:
        raise ValueError(f"{where}: {nodes:,} nodes, expected at most {MOST_NODES:,} in a tree")
    tokens = _TOKENS.findall(line)
    if not tokens:
        raise ValueError(f"{where}: an empty line, expected a bracketed tree")
    parents: list[int] = []
    words: list[str | None] = []
    labels: list[int] = []
    path: list[_Open] = []  # from the root down
    for place, token in enumerate(tokens):
        if not path and (place or token != "("):
            raise wrong(place, _found_outside(line, place, token))
        if token == "(":
            if path:
                above = path[-1]
                if labelled and above.token == place - 1:
                    raise wrong(place, f"expected a label, {_A_LABEL}, found {token!r}")
                if above.word is not None:
                    raise wrong(place, f"a child beside the word {shown(above.word)}, expected one word or children")
                if len(above.children) == _MOST_CHILDREN:
                    opened = _column(line, above.token)
                    raise wrong(place, f"child 3 of the node opened at column {opened}, expected a binary tree")
            path.append(_Open(place))
        elif token == ")":
            node = path.pop()
            if node.word is None and not node.children:
                opened = _column(line, node.token)
                raise wrong(place, f"an empty node, opened at column {opened}, expected a word or children in it")
            number = len(parents)
            for child in node.children:
                parents[child] = number
            parents.append(NO_PARENT)
            words.append(node.word)
            labels.append(node.label)
            if path:
                path[-1].children.append(number)
        elif path[-1].token == place - 1 and (labelled or tokens[place + 1 : place + 2] != [")"]):
            if labelled:
                label = _whole_number(token)
                if label is None:
                    raise wrong(place, f"expected a label, {_A_LABEL}, found {shown(token)}")
                path[-1].label = label
        else:
            node = path[-1]
            if node.word is not None:
                found = f"{shown(token)} after the word {shown(node.word)}"
                raise wrong(place, f"{found}, expected one word or children")
            if node.children:
                raise wrong(place, f"the word {shown(token)} beside a child, expected one word or children")
            node.word = token
    if path:
        starts = [match.start() + 1 for match in _TOKENS.finditer(line)]
        columns = _listed("column", [starts[node.token] for node in path])
        still = f"{counted(len(path), 'bracket')} open, from {columns}"
        raise ValueError(f"{where}: column {len(line) + 1}: the line ends with {still}")
    return Tree(np.array(parents, np.int64), words, np.array(labels, np.int64))


def _column(line: str, place: int) -> int:
    """Return where a token starts. Only errors need it, so that it is not kept while parsing."""
    return next(islice(_TOKENS.finditer(line), place, None)).start() + 1


def _found_outside(line: str, place: int, token: str) -> str:
    if not place:
        return f"expected an opening bracket, found {shown(token)}"
    what = "a closing bracket" if token == ")" else shown(token)
    return f"{what} after the tree's end at column {_column(line, place - 1)}"


def parse_dependencies(line: str, where: str, *, labelled: bool = True) -> Tree:
    r"""Parse a dependency tree: ``tokens<TAB>parents<TAB>relations<TAB>labels``, in each as many items as tokens.

    Parameters
    ----------
    line : str
        Without its line end. A single space separates items. Parents are numbers of tokens, from 1, and 0 for the root.
        Relations are not kept, and that column may be empty; it may be left out where no labels follow. A label is a
        whole number, or ``#`` where there is none.
    where : str
        What to call the line in an error.
    labelled : bool
        There is a column of labels. If not, it may be empty or missing, or hold any items, and labels become
        `NO_LABEL`.

    Returns
    -------
    Tree
        A node for each token, in the order of the sentence. Words as they stand in the line.

    Raises
    ------
    ValueError
        The line is no such tree. The message tells the number of the token, from 1.

    Examples
    --------
    >>> parse_dependencies("a good film\t3 3 0\tdet amod root\t# 3 3", "trees.tsv:1")
    Tree(parents=array([ 2,  2, -1]), words=['a', 'good', 'film'], labels=array([-1,  3,  3]))
    >>> parse_dependencies("a good film\t3 1 2", "trees.tsv:1", labelled=False)
    Traceback (most recent call last):
        ...
    ValueError: trees.tsv:1: no token has the parent 0, expected one root
    """
    if not line.strip(" "):
        raise ValueError(f"{where}: an empty line, expected a dependency tree")
    columns = line.split("\t")
    if not 2 <= len(columns) <= len(_COLUMNS):
        found = counted(len(columns), "column")
        raise ValueError(f"{where}: expected tokens<TAB>parents<TAB>relations<TAB>labels, found {found}")
    return dependency_tree(dict(zip(_COLUMNS, columns, strict=False)), where, labelled=labelled)


def dependency_tree(columns: Mapping[str, str], where: str, *, labelled: bool) -> Tree:
    """Make a dependency tree of the columns of a table.

    Parameters
    ----------
    columns : mapping of str to str
        "tokens", "parents", and maybe "relations" and "labels", see `parse_dependencies`.
    where : str
        What to call the sentence in an error.
    labelled : bool
        Labels are wanted.

    Raises
    ------
    ValueError
        The columns make no tree.

    Examples
    --------
    >>> dependency_tree({"tokens": "a film", "parents": "2 0"}, "pairs.tsv:2", labelled=False)
    Tree(parents=array([ 1, -1]), words=['a', 'film'], labels=array([-1, -1]))
    """
    items = {name: column.split(" ") if column else [] for name, column in columns.items()}
    words: list[str | None] = list(items["tokens"])
    if len(words) > MOST_NODES:
        raise ValueError(f"{where}: {len(words):,} tokens, expected at most {MOST_NODES:,} in a tree")
    if not words:
        raise ValueError(f"{where}: no token, expected a sentence")
    if "" in words:
        raise ValueError(f"{where}: token {words.index('') + 1} is empty, expected a single space between tokens")
    if labelled and not items.get("labels"):
        raise ValueError(f"{where}: no labels, expected tokens<TAB>parents<TAB>relations<TAB>labels to learn from")
    lengths = {name: len(column) for name, column in items.items() if column or name == "parents"}
    if set(lengths.values()) != {len(words)}:
        found = ", ".join(counted(length, name.removesuffix("s")) for name, length in lengths.items())
        raise ValueError(f"{where}: {found}, expected as many of each")
    parents = _parents(items["parents"], where)
    labels = np.full(len(words), NO_LABEL, np.int64)
    if labelled:
        for token, text in enumerate(items["labels"]):
            label = NO_LABEL if text == _NO_LABEL_MARK else _whole_number(text)
            if label is None:
                raise ValueError(
                    f"{where}: the label of token {token + 1}: expected {_A_LABEL}, or #, found {shown(text)}"
                )
            labels[token] = label
    return Tree(np.array(parents, np.int64), words, labels)


def _parents(column: list[str], where: str) -> list[int]:
    """Return the parent of each token, both counted from 0, of what has been checked to be a tree."""
    parents = []
    for token, text in enumerate(column, start=1):
        parent = _whole_number(text)
        if parent is None or parent > len(column):
            raise ValueError(
                f"{where}: the parent of token {token}: expected the number of one of {len(column)} tokens, "
                f"or 0 for the root, found {shown(text)}"
            )
        parents.append(parent - 1 if parent else NO_PARENT)
    roots = [token for token, parent in enumerate(parents, start=1) if parent == NO_PARENT]
    if not roots:
        raise ValueError(f"{where}: no token has the parent 0, expected one root")
    if len(roots) > 1:
        raise ValueError(f"{where}: {_listed('token', roots)} have the parent 0, expected one root")
    came_by = [NO_PARENT] * len(parents)  # for each token, from where the walk towards the root that met it started
    for start in range(len(parents)):
        token = start
        while token != NO_PARENT and came_by[token] == NO_PARENT:
            came_by[token] = start
            token = parents[token]
        if token != NO_PARENT and came_by[token] == start:
            cycle = [token]
            while parents[cycle[-1]] != token:
                cycle.append(parents[cycle[-1]])
            tokens = _listed("token", [token + 1 for token in cycle])
            raise ValueError(f"{where}: the parents of {tokens} form a cycle")
    return parents


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None


def shown(text: str, most: int = 40) -> str:
    """Return a text in quotes for a message, cut if it is longer than `most` characters.

    Examples
    --------
    >>> shown("a" * 20, 5)
    "'aaaaa…'"
    """
    return repr(text if len(text) <= most else text[:most] + "…")


def _listed(noun: str, numbers: Sequence[int], most: int = 5) -> str:
    first = [str(number) for number in numbers[:most]]
    if len(numbers) == 1:
        return f"{noun} {first[0]}"
    last = first.pop() if len(numbers) <= most else f"{len(numbers) - most} more"
    return f"{noun}s {', '.join(first)} and {last}"
