"""Trees for the Tree-LSTM's benchmark: batches of examples, and a model with the same weights every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from finevec import WordVectors, optim
from finevec.datasets.sst import FINE_CLASSES
from finevec.datasets.trees import read_trees
from finevec.models import TreeLSTM
from finevec.models.starting_rows import random_rows, starting_rows
from finevec.models.tree_lstm import TreeExample
from finevec.text import treebank_word
from finevec.trees import NO_PARENT, Tree

FILE = "sst.train.ptb.txt.gz"
BATCH, MEM_DIM, DIM = 25, 150, 100
LR, EMBEDDING_LR, WEIGHT_DECAY = 0.05, 0.1, 1e-4  # of Adagrad; of SGD, which moves the table; of Adagrad

# What the training trees of the Stanford Sentiment Treebank (Socher et al., 2013) have, which stand behind the made-up
# ones: trees, different words in lower case, and the mean and shape of a gamma distribution near that of their lengths.
# Word r (from 0) has a share in 1 / (r + 1).
TREES, WORDS, MEAN_LENGTH, LENGTH_SHAPE, LONGEST = 8_544, 16_581, 19.1, 4.2, 52


@dataclass(frozen=True)
class Trees:
    """Examples in shuffled order, and the words that are rows of the table with what these start with."""

    name: str
    words: list[str]
    table: np.ndarray
    examples: list[TreeExample]

    def batches(self, size: int = BATCH) -> list[list[TreeExample]]:
        """Return the examples, in order, the last batch may be smaller."""
        return [self.examples[start : start + size] for start in range(0, len(self.examples), size)]


def read(folder: Path | None, vectors: Path | None, count: int = TREES) -> Trees:
    """Read trees, or make trees up, and their words' vectors, else random rows; trees are shuffled by a fixed seed."""
    trees = made_up(count) if folder is None else read_trees(folder / FILE).trees
    sentences = [[treebank_word(word) for word in tree.words if word is not None] for tree in trees]
    if vectors is None:
        words = list(dict.fromkeys(word for sentence in sentences for word in sentence))
        table, kind = random_rows(words, DIM, 2), "random rows"
    else:
        known = WordVectors.load(vectors)
        rows = starting_rows(sentences, [], known, 2, where=FILE, vectors_where=str(vectors))
        words, table, kind = rows.words, rows.table, vectors.name
    order = np.random.default_rng(1).permutation(len(trees))[:count]
    examples = _model(words, table).examples([trees[position] for position in order])
    which = "made-up trees with the lengths of SST's, words by Zipf" if folder is None else FILE
    return Trees(f"{which}, {len(examples):,} trees, {len(words):,} x {table.shape[1]} {kind}", words, table, examples)


def made_up(count: int) -> list[Tree]:
    """Return binary trees in which two neighbours, drawn by chance, become one node until one is left."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, WORDS + 1)
    lengths = np.rint(rng.gamma(LENGTH_SHAPE, MEAN_LENGTH / LENGTH_SHAPE, count)).clip(1, LONGEST).astype(int)
    drawn = rng.choice(WORDS, lengths.sum(), p=shares / shares.sum())
    trees = []
    for part in np.split(drawn, np.cumsum(lengths)[:-1]):
        nodes = 2 * len(part) - 1
        parents, roots = np.full(nodes, NO_PARENT), list(range(len(part)))
        for node in range(len(part), nodes):
            left = rng.integers(len(roots) - 1)
            parents[roots[left : left + 2]] = node
            roots[left : left + 2] = [node]
        words = [f"w{word}" for word in part] + [None] * (len(part) - 1)
        trees.append(Tree(parents, words, rng.integers(len(FINE_CLASSES), size=nodes)))
    return trees


def new_model(trees: Trees, *, dropout: float = 0.5, dtype: type = np.float32) -> TreeLSTM:
    """Return the model with a copy of the table, which trains, and the same first weights every time."""
    return _model(trees.words, trees.table.astype(dtype), dropout)


def _model(words: Sequence[str], table: np.ndarray, dropout: float = 0.5) -> TreeLSTM:
    return TreeLSTM(table, words, FINE_CLASSES, mem_dim=MEM_DIM, dropout=dropout, seed=3)


class Training:
    """finevec's model and optimizer, as `finevec.fit` makes it of the model's defaults."""

    def __init__(self, model: TreeLSTM) -> None:
        self.model = model
        groups = model.parameter_groups()
        dense = {"params": groups["dense"], "rule": "adagrad", "lr": LR, "weight_decay": WEIGHT_DECAY}
        self.optimizer = optim.SGD([dense, {"params": groups["embedding"], "lr": EMBEDDING_LR}])
        self.rng = np.random.default_rng(4)

    def step(self, examples: Sequence[TreeExample]) -> float:
        """Train on a batch as `finevec.fit` does, and return its loss."""
        loss = self.model.loss(examples, self.rng)
        self.optimizer.zero_grad()
        loss.backprop()
        self.optimizer.step()
        return loss.value


def weights_of(model: TreeLSTM) -> dict[str, np.ndarray]:
    """Return the weights, not copies, under the names of tests/reference_tree_lstm.py."""
    arrays = {name.removeprefix("lstm."): array for name, array in model.arrays().items()}
    renamed = {"embedding": "vectors", "output.weight": "output", "output.bias": "output_bias"}
    return {renamed.get(name, name): array for name, array in arrays.items()}
