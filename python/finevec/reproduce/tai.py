"""What Tai et al. (2015) did, the paper's figures, and the runs that its tables take.

K. S. Tai, R. Socher, C. D. Manning, "Improved Semantic Representations From Tree-Structured Long Short-Term Memory
Networks", ACL 2015. Section 5 has the data sets and hyper-parameters, table 1 the memory dimensions, table 2 the
accuracies on the Stanford Sentiment Treebank, table 3 the correlations on SICK. Batches, rates and the number of epochs
are also in the authors' code, stanfordnlp/treelstm.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..datasets.sst import BINARY_CLASSES, FINE_CLASSES
from ..models import TreeLSTM, TreeRelatedness
from ..train.settings import Settings
from . import notes
from .runs import check_says, settings_kept

PAPER = "tai"

STRUCTURES = {"constituency": "constituency", "dependency": "dependency"}
"""The kinds of trees, and what the paper calls them."""

VARIANTS = {"random": "random", "fixed": "fixed", "tuned": "tuned"}
"""The kinds of word vectors, and what is said of them."""

MODES = {"random": "random", "fixed": "static", "tuned": "non-static"}
"""The mode of a model for each of `VARIANTS`."""

EPOCHS = 10
"""Of the authors' code. The epoch that does best on the dev set counts."""

BATCH_SIZE = 25


class Metric(NamedTuple):
    """A figure of merit: what people call it, what it is shown times, with how many digits, and a unit behind it."""

    title: str
    scale: float
    digits: int
    unit: str = ""


METRICS = {
    "accuracy": Metric("accuracy", 100.0, 1, " %"),
    "pearson": Metric("Pearson's r", 1.0, 4),
    "spearman": Metric("Spearman's rho", 1.0, 4),
    "mse": Metric("MSE", 1.0, 4),
}

Cell = tuple[str, str]
"""Structure and variant."""


@dataclass(frozen=True)
class DataSet:
    """A data set of the paper.

    Parameters
    ----------
    title : str
        What the report calls it.
    classes : tuple of str
        Of a tree's node; empty where pairs of trees are scored.
    models : mapping of str to mapping of str to values
        For each structure, the model's own options.
    files : mapping of str to mapping of str to tuple of str
        For each structure, the files of each part: "train", "dev" and "test".
    paper : mapping of (str, str) to mapping of str to float
        The cells, and the paper's figures for them by metric, in the units of the runs. None are those that the paper
        has no figure for.
    """

    title: str
    classes: tuple[str, ...]
    models: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, Mapping[str, tuple[str, ...]]]
    paper: Mapping[Cell, Mapping[str, float | None]]

    @property
    def metrics(self) -> list[str]:
        """The names, among `METRICS`, of what is measured."""
        return list(next(iter(self.paper.values())))


def _sentiment(title: str, classes: tuple[str, ...], *percent: float | None) -> DataSet:
    cells = [("constituency", variant) for variant in VARIANTS] + [("dependency", "fixed"), ("dependency", "tuned")]
    return DataSet(
        title,
        classes,
        {"constituency": {"mem_dim": 150, "dropout": 0.5}, "dependency": {"mem_dim": 168, "dropout": 0.5}},
        {
            structure: {part: (f"sst.{part}.{ending}",) for part in ("train", "dev", "test")}
            for structure, ending in (("constituency", "ptb.txt"), ("dependency", "dep.tsv"))
        },
        {
            cell: {"accuracy": None if figure is None else figure / 100}
            for cell, figure in zip(cells, percent, strict=True)
        },
    )


def _relatedness(*figures: float) -> dict[str, float | None]:
    return dict(zip(("pearson", "spearman", "mse"), figures, strict=True))


_SICK_FILES = {
    part: (f"sick.{name}.dep.tsv", f"sick.{name}.tsv")
    for part, name in (("train", "train"), ("dev", "trial"), ("test", "test"))
}

SETS = {
    "sst-fine": _sentiment("SST fine-grained", FINE_CLASSES, 43.9, 49.7, 51.0, None, 48.4),
    "sst-binary": _sentiment("SST binary", BINARY_CLASSES, 82.0, 87.5, 88.0, None, 85.7),
    "sick": DataSet(
        "SICK",
        (),
        {"constituency": {"mem_dim": 142, "hidden": 50}, "dependency": {"mem_dim": 150, "hidden": 50}},
        {"constituency": _SICK_FILES, "dependency": _SICK_FILES},
        {
            ("constituency", "fixed"): _relatedness(0.8582, 0.7966, 0.2734),
            ("dependency", "fixed"): _relatedness(0.8676, 0.8083, 0.2532),
        },
    ),
}

FOLDERS = ("trees", "sick")
"""Where files may be, beside the folder of data itself."""


@dataclass(frozen=True)
class TaiRun:
    """One run of the tables. Seeds count from 1."""

    set: str
    structure: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """What the run's file is called."""
        return f"{self.set}.{self.structure}.{self.variant}.seed{self.seed}"

    @property
    def label(self) -> str:
        """What people call the run.

        Examples
        --------
        >>> TaiRun("sick", "dependency", "fixed", 2).label
        'SICK dependency fixed, seed 2'
        """
        return f"{SETS[self.set].title} {self.structure} {self.variant}, seed {self.seed}"

    @property
    def model(self) -> type[TreeLSTM] | type[TreeRelatedness]:
        """The model that is trained."""
        return TreeLSTM if SETS[self.set].classes else TreeRelatedness


def tai_runs(sets: Sequence[str], structures: Sequence[str], variants: Sequence[str], seeds: int) -> Iterator[TaiRun]:
    """Yield the runs of the chosen cells in an order in which the tables fill evenly: all with the first seed first.

    Examples
    --------
    >>> [run.name for run in tai_runs(["sst-fine", "sick"], ["dependency"], ["random", "fixed"], seeds=1)]
    ['sst-fine.dependency.fixed.seed1', 'sick.dependency.fixed.seed1']
    """
    for seed in range(1, seeds + 1):
        for name in sets:
            for structure, variant in SETS[name].paper:
                if structure in structures and variant in variants:
                    yield TaiRun(name, structure, variant, seed)


def model_options(run: TaiRun) -> dict[str, Any]:
    """Return the keyword arguments of a run's model beside vectors, words, classes and mode."""
    return {"structure": run.structure, "seed": run.seed, **SETS[run.set].models[run.structure]}


def run_settings(run: TaiRun, settings: Settings) -> Settings:
    """Return the training settings of one run: with its seed, the open ones filled in.

    `freeze_epochs` is for pretrained vectors that are tuned, and 0 for other variants.
    """
    frozen = settings.freeze_epochs if run.variant == "tuned" else 0
    return replace(settings, seed=run.seed, batch_size=BATCH_SIZE, freeze_epochs=frozen).for_model(run.model)


def run_setup(run: TaiRun, settings: Settings, *, dim: int, data: Mapping[str, str], vectors: str) -> dict[str, Any]:
    """Return what the outcome of a run depends on, in types that JSON has.

    Parameters
    ----------
    run : TaiRun
    settings : Settings
        Of the whole table.
    dim : int
        Columns of the run's table.
    data : mapping of str to str
        The digest of each file of the set.
    vectors : str
        The digest of the vectors. Random rows do not depend on it.
    """
    return {
        "paper": PAPER,
        "set": run.set,
        "variant": run.variant,
        **model_options(run),
        "dim": dim,
        **settings_kept(run_settings(run, settings), fixed=run.variant == "fixed"),
        "data": dict(data),
        "vectors": None if run.variant == "random" else vectors,
    }


def run_of(setup: Mapping[str, Any]) -> TaiRun:
    """Return the run that has a setup."""
    return TaiRun(*(setup[key] for key in ("set", "structure", "variant", "seed")))


def check_record(name: str, record: Mapping[str, Any]) -> None:
    """Check that the reports can use the run whose file has this name.

    Raises
    ------
    ValueError
        Something is missing, or the setup is that of a run of another name.
    """
    setup = record["setup"]
    check_says(setup, ("set", "structure", "variant", "seed"))
    run = run_of(setup)
    if run.set not in SETS or (run.structure, run.variant) not in SETS[run.set].paper or run.name != name:
        raise ValueError(f"expected the setup of {name}, found that of {run.name}")
    check_says(setup, run_setup(run, Settings(), dim=0, data={}, vectors=""))
    check_says(record, notes.METRICS | {"test_scores", "train_labels"})
    check_says(record["test_scores"], SETS[run.set].metrics)
