"""What Kim (2014) did, the paper's figures, and the runs that its table takes.

Y. Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014. Section 3 has the data sets and
hyper-parameters, table 2 the accuracies. The folds, and the tenth of the training texts that is held out where a set
has no dev texts, are in his code, `process_data.py` and `conv_net_sentence.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..models import TextCNN
from ..train.settings import Settings
from .notes import METRICS
from .runs import check_says, settings_kept

PAPER = "kim"

VARIANTS = {
    "random": "CNN-rand",
    "static": "CNN-static",
    "non-static": "CNN-non-static",
    "multichannel": "CNN-multichannel",
}
"""The modes of `finevec.models.TextCNN`, and what the paper calls them."""

TUNED = ("non-static", "multichannel")
"""The variants that tune pretrained vectors: what `freeze_epochs` is for."""

TOKENIZER = "kim"
"""Of every set. For SST his code has a simpler one, which splits at spaces alone: the treebank's words are apart
already. What it gives is the same but in 62 of the 157,401 phrases of the training trees, and in no dev or test
sentence: ``10,000`` and ``?!?`` stay one token."""

MODEL: Mapping[str, Any] = {"dropout": 0.5, "widths": [3, 4, 5], "filters": 100, "max_norm": 3.0}
"""Section 3.1."""

BATCH_SIZE = 50


@dataclass(frozen=True)
class DataSet:
    """A data set of the paper.

    Parameters
    ----------
    title : str
        What the paper calls it.
    files : mapping of str to str
        The file of each part, "train", "dev" or "test". With "train" alone the set is cross-validated; without "dev" a
        tenth of the training texts is held out.
    paper : mapping of str to float
        Table 2: the accuracy of each variant, in percent.
    """

    title: str
    files: Mapping[str, str]
    paper: Mapping[str, float]

    @property
    def cross_validated(self) -> bool:
        """Whether there is no test set."""
        return "test" not in self.files


def _figures(*percent: float) -> dict[str, float]:
    return dict(zip(VARIANTS, percent, strict=True))


SETS = {
    "mr": DataSet("MR", {"train": "mr.all.tsv"}, _figures(76.1, 81.0, 81.5, 81.1)),
    "sst1": DataSet(
        "SST-1",
        {"train": "sst5.train.phrases.tsv", "dev": "sst5.dev.tsv", "test": "sst5.test.tsv"},
        _figures(45.0, 45.5, 48.0, 47.4),
    ),
    "sst2": DataSet(
        "SST-2",
        {"train": "sst2.train.phrases.tsv", "dev": "sst2.dev.tsv", "test": "sst2.test.tsv"},
        _figures(82.7, 86.8, 87.2, 88.1),
    ),
    "trec": DataSet("TREC", {"train": "trec.train.tsv", "test": "trec.test.tsv"}, _figures(91.2, 92.8, 93.6, 92.2)),
}

NEIGHBORS_OF = ("bad", "good", "n't", "!", ",")
"""The words whose nearest words are shown in table 3, of the multichannel model on SST-2, frozen and tuned."""

NEIGHBORS = 4


@dataclass(frozen=True)
class KimRun:
    """One run of the table. Folds and seeds count from 1; a set with a test set has fold None."""

    set: str
    variant: str
    seed: int
    fold: int | None

    @property
    def name(self) -> str:
        """What the run's file is called; names sort by seed and fold."""
        fold = "" if self.fold is None else f".fold{self.fold:02d}"
        return f"{self.set}.{self.variant}.seed{self.seed}{fold}"

    @property
    def label(self) -> str:
        """What people call the run.

        Examples
        --------
        >>> KimRun("mr", "static", 1, 3).label, KimRun("mr", "static", 1, 3).name
        ('MR static, seed 1, fold 3', 'mr.static.seed1.fold03')
        """
        fold = "" if self.fold is None else f", fold {self.fold}"
        return f"{SETS[self.set].title} {self.variant}, seed {self.seed}{fold}"

    @property
    def shows_neighbors(self) -> bool:
        """Whether the nearest words of table 3 are taken from this run's two tables."""
        return self.set == "sst2" and self.variant == "multichannel"


def kim_runs(sets: Sequence[str], variants: Sequence[str], folds: int, seeds: int) -> Iterator[KimRun]:
    """Yield the runs in an order in which the table fills evenly: every set's first fold or seed, then the second.

    A set with a test set has one run for each variant and seed. A set that is cross-validated has `folds` of them.

    Examples
    --------
    >>> [run.name for run in kim_runs(["mr", "trec"], ["static"], folds=2, seeds=1)]
    ['mr.static.seed1.fold01', 'trec.static.seed1', 'mr.static.seed1.fold02']
    """
    pairs = {
        name: [
            (seed, fold)
            for seed in range(1, seeds + 1)
            for fold in (range(1, folds + 1) if SETS[name].cross_validated else [None])
        ]
        for name in sets
    }
    for position in range(max(map(len, pairs.values()))):
        for name in sets:
            for seed, fold in pairs[name][position : position + 1]:
                for variant in variants:
                    yield KimRun(name, variant, seed, fold)


def run_settings(run: KimRun, settings: Settings) -> Settings:
    """Return the training settings of one run: with its seed, the open ones filled in.

    `freeze_epochs` is for pretrained vectors that are tuned, and 0 for other variants.
    """
    frozen = settings.freeze_epochs if run.variant in TUNED else 0
    return replace(settings, seed=run.seed, batch_size=BATCH_SIZE, freeze_epochs=frozen).for_model(TextCNN)


def run_setup(
    run: KimRun, settings: Settings, *, folds: int, dim: int, data: Mapping[str, str], vectors: str
) -> dict[str, Any]:
    """Return what the outcome of a run depends on, in types that JSON has.

    Parameters
    ----------
    run : KimRun
    settings : Settings
        Of the whole table.
    folds : int
        Of sets that are cross-validated.
    dim : int
        Columns of the run's table.
    data : mapping of str to str
        The digest of each file of the set.
    vectors : str
        The digest of the vectors. Random rows do not depend on it.
    """
    return {
        "paper": PAPER,
        **asdict(run),
        "folds": None if run.fold is None else folds,
        "tokenizer": TOKENIZER,
        **MODEL,
        "dim": dim,
        **settings_kept(run_settings(run, settings), fixed=run.variant == "static"),
        "data": dict(data),
        "vectors": None if run.variant == "random" else vectors,
    }


def setup_name(setup: Mapping[str, Any]) -> str:
    """Return the name of the run that has a setup."""
    return KimRun(**{key: setup[key] for key in ("set", "variant", "seed", "fold")}).name


_SETUP = frozenset(run_setup(KimRun("mr", "static", 1, 1), Settings(), folds=10, dim=300, data={}, vectors=""))
"""The names in a run's setup."""


def check_record(name: str, record: Mapping[str, Any]) -> None:
    """Check that the reports can use the run whose file has this name.

    Raises
    ------
    ValueError
        Something is missing, or the setup is that of a run of another name.
    """
    setup = record["setup"]
    check_says(setup, _SETUP)
    check_says(record, METRICS | {"classes", "test_accuracy"})
    if setup["set"] not in SETS or setup["variant"] not in VARIANTS or setup_name(setup) != name:
        raise ValueError(f"expected the setup of {name}, found that of {setup_name(setup)}")
