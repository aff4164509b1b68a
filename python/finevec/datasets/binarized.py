"""Binary constituency trees made of dependency trees, for sentences that have dependency parses only."""

from __future__ import annotations

import numpy as np

from ..trees import NO_LABEL, NO_PARENT, Tree, heights

_COMBINE = -1


def binarized(tree: Tree) -> Tree:
    """Return a dependency tree as a binary constituency tree over the same words, which stand at its leaves only.

    A head starts as a leaf. It is combined with the trees of its dependents, one after the other: first with those to
    its right, the nearest first, then with those to its left, the nearest first, so that a verb meets its object
    before its subject. A dependent goes to the side it has in the sentence. So leaves come in the order of the
    sentence if the tree is projective; if not, words that a crossing arc cuts off from their head are moved beside it.

    Parameters
    ----------
    tree : Tree
        A word at every node.

    Returns
    -------
    Tree
        2n - 1 nodes for n words, in postorder, without labels.

    Raises
    ------
    ValueError
        It is no tree, or a node has no word.

    Examples
    --------
    >>> films = Tree(np.array([1, -1, 3, 1]), ["We", "like", "good", "films"], np.full(4, NO_LABEL))
    >>> binarized(films).words  # (We (like (good films)))
    ['We', 'like', 'good', 'films', None, None, None]
    >>> binarized(films).parents
    array([ 6,  5,  4,  4,  5,  6, -1])
    """
    heights(tree.parents)
    if None in tree.words:
        raise ValueError(f"expected a dependency tree, a word at every node: node {tree.words.index(None)} has none")
    above: list[int] = tree.parents.tolist()
    left: list[list[int]] = [[] for _ in above]
    right: list[list[int]] = [[] for _ in above]
    for node, head in enumerate(above):
        if head != NO_PARENT:
            (left if node < head else right)[head].append(node)

    parents: list[int] = []
    words: list[str | None] = []
    whole: list[int] = []  # new nodes that have no parent yet
    # What is still to be done, the next last: node n's tree, `_COMBINE`, or n's leaf as -2 - n.
    waiting = [above.index(NO_PARENT)]
    while waiting:
        task = waiting.pop()
        if task >= 0:
            waiting.extend([_COMBINE] * len(left[task]))
            for dependent in reversed(right[task]):
                waiting.extend((_COMBINE, dependent))
            waiting.append(-2 - task)
            waiting.extend(reversed(left[task]))
            continue
        if task == _COMBINE:
            parents[whole.pop()] = parents[whole.pop()] = len(parents)
            words.append(None)
        else:
            words.append(tree.words[-2 - task])
        whole.append(len(parents))
        parents.append(NO_PARENT)
    return Tree(np.array(parents, np.int64), words, np.full(len(parents), NO_LABEL, np.int64))
