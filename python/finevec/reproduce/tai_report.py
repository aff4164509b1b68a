"""The report on the tables of Tai et al. (2015): Markdown for people and two CSV files, all from the finished runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import notes, tai_notes
from .cells import Cells, Key, Layout, Record, by_data, paired
from .runs import RunStore
from .summary import ESTIMATE_FIELDS, csv_text, estimate, markdown_table
from .tai import METRICS, SETS, STRUCTURES, VARIANTS, run_of

REPORTS = ("tai.md", "tai.csv", "tai.runs.csv")
"""The files, beside the folder of runs."""

LAYOUT = Layout(
    {
        "set": {name: chosen.title for name, chosen in SETS.items()},
        "structure": STRUCTURES,
        "variant": VARIANTS,
    },
    ("seed",),
    lambda setup: run_of(setup).name,
)

_BASE = "fixed"
_NONE = "-"
_LEFT = ("trees", "vectors")
_SICK = "sick"


def write_reports(store: RunStore) -> None:
    """Write the reports on all finished runs of the store, at least one. Raises as `Layout.cells`."""
    store.write_reports(_reports)


def _reports(records: Sequence[Record]) -> dict[str, str]:
    cells = LAYOUT.cells(records)
    return dict(zip(REPORTS, (markdown(cells), cells_csv(cells), runs_csv(cells)), strict=True))


def result(record: Record) -> str:
    """Return the test result of a run for people."""
    return ", ".join(
        f"{METRICS[name].title} {_shown(value, name)}{METRICS[name].unit}"
        for name, value in record["test_scores"].items()
    )


def markdown(cells: Cells) -> str:
    """Return the report for people."""
    parts = [
        "# Tai, Socher and Manning (2015), tables 2 and 3, computed anew\n",
        'K. S. Tai, R. Socher, C. D. Manning, "Improved Semantic Representations From Tree-Structured Long Short-Term '
        'Memory Networks", ACL 2015. Results on the test sets: mean ± half the width of its 95 % interval (number of '
        "runs), and the paper's figure.\n",
        _sentiment(cells),
        _relatedness(cells),
        _mixed(cells),
        _gains(cells),
        "## What differs from the paper\n",
        tai_notes.differing(cells),
        "## Data\n",
        _data(cells),
        "## Settings\n",
        notes.settings(cells, tai_notes.SETTINGS, LAYOUT),
        "## Runs\n",
        notes.runs([record for chosen in cells.values() for record in chosen]),
    ]
    return "\n".join(part for part in parts if part)


def _sets(cells: Cells) -> list[str]:
    """Return the sets of sentences with a sentiment."""
    return [name for name in SETS if name != _SICK and any(key[0] == name for key in cells)]


def _figure(key: Key, metric: str) -> float | None:
    """Return the paper's figure for a cell; None where it has none."""
    name, *cell = key
    return SETS[name].paper[cell[0], cell[1]][metric] if tuple(cell) in SETS[name].paper else None


def _shown(figure: float | None, metric: str, sign: str = "") -> str:
    chosen = METRICS[metric]
    return _NONE if figure is None else f"{chosen.scale * figure:{sign}.{chosen.digits}f}"


def _estimated(values: Sequence[float], metric: str, sign: str = "") -> str:
    chosen = METRICS[metric]
    return f"{estimate(values).text(chosen.scale, chosen.digits, sign)} ({len(values)})" if values else _NONE


def _values(records: Sequence[Record], metric: str) -> list[float]:
    return [record["test_scores"][metric] for record in records]


def _sentiment(cells: Cells) -> str:
    sets = _sets(cells)
    if not sets:
        return ""

    def entry(key: Key) -> tuple[str, str]:
        return _estimated(_values(cells.get(key, ()), "accuracy"), "accuracy"), _shown(
            _figure(key, "accuracy"), "accuracy"
        )

    table = LAYOUT.table(_LEFT, sets, LAYOUT.rows(cells, sets), entry)
    return f"Sentiment of sentences (table 2), accuracy in percent:\n\n{table}"


def _relatedness(cells: Cells) -> str:
    rows = []
    for key, records in cells.items():
        if key[0] == _SICK:
            row = list(key[1:])
            for metric in SETS[_SICK].metrics:
                row += [_estimated(_values(records, metric), metric), _shown(_figure(key, metric), metric)]
            rows.append(row)
    if not rows:
        return ""
    header = [*_LEFT, *(text for metric in SETS[_SICK].metrics for text in (METRICS[metric].title, "paper"))]
    return f"Relatedness of the sentences of SICK (table 3):\n\n{markdown_table(header, rows, left=len(_LEFT))}"


def _files(record: Record) -> tuple[tuple[str, str], ...]:
    """Return what tells the trees that a run saw."""
    return tuple(sorted(record["setup"]["data"].items()))


def _mixed(cells: Cells) -> str:
    """Return a warning where the vectors of a set and structure cannot be compared."""
    titles = [
        f"{SETS[name].title} {structure}"
        for (name, structure), alike in by_data(cells, _files).items()
        if len(alike) > 1
    ]
    return (
        f"Vectors of {', '.join(titles)} were run on other files than others: do not compare these.\n" if titles else ""
    )


def _gains(cells: Cells) -> str:
    """Return how far random and tuned vectors are from fixed ones on the same trees and with the same seeds."""

    def gain(key: Key) -> list[float]:
        return paired(
            cells.get(key, ()),
            cells.get((*key[:-1], _BASE), ()),
            lambda record: (LAYOUT.place(record), _files(record)),
            lambda record: record["test_scores"]["accuracy"],
        )

    def entry(key: Key) -> tuple[str, str]:
        own, base = _figure(key, "accuracy"), _figure((*key[:-1], _BASE), "accuracy")
        paper = None if own is None or base is None else own - base
        return _estimated(gain(key), "accuracy", "+"), _shown(paper, "accuracy", "+")

    sets = _sets(cells)
    rows = [row for row in LAYOUT.rows(cells, sets) if row[-1] != _BASE and any(gain((name, *row)) for name in sets)]
    if not rows:
        return ""
    return (
        "Points above fixed vectors with the same seeds; the intervals are those of the differences.\n\n"
        + LAYOUT.table(_LEFT, sets, rows, entry)
    )


def _data(cells: Cells) -> str:
    header = ["set", "trees", "training", "dev", "test", "training labels", "words", "with a vector"]
    rows = []
    for (name, structure), alike in by_data(cells, _files).items():
        for chosen in alike:
            first = next((record for record in chosen if record["mode"] != "random"), chosen[0])
            known = _NONE if first["mode"] == "random" else f"{first['known_words']:,}"
            counts = [f"{first[f'{part}_texts']:,}" for part in ("train", "dev", "test")]
            labels = f"{first['train_labels']:,}" if first["train_labels"] else _NONE
            told = f" ({', '.join(record['setup']['variant'] for record in chosen)})" if len(alike) > 1 else ""
            rows.append([SETS[name].title, structure + told, *counts, labels, f"{first['rows']:,}", known])
    return markdown_table(header, rows, left=2)


def cells_csv(cells: Cells) -> str:
    """Return one row for each cell and metric; accuracies in percent."""
    rows: list[list[Any]] = []
    for key, records in cells.items():
        for metric in SETS[key[0]].metrics:
            scale, figure = METRICS[metric].scale, _figure(key, metric)
            result = estimate([scale * value for value in _values(records, metric)])
            rows.append([*key, metric, *result.fields(), None if figure is None else scale * figure])
    return csv_text([*LAYOUT.axes, "metric", *ESTIMATE_FIELDS, "paper"], rows)


def runs_csv(cells: Cells) -> str:
    """Return one row for each run; accuracies in percent. "dev" is the accuracy, or Pearson's r, on the dev set."""
    keys = ["train_texts", "dev_texts", "test_texts", "train_labels", "rows", "rows_changed", "seconds"]
    rows = []
    for key, records in cells.items():
        scale = METRICS[SETS[key[0]].metrics[0]].scale
        for record in records:
            scores = record["test_scores"]
            rows.append(
                [
                    *key,
                    record["setup"]["seed"],
                    len(record["history"]["epochs"]),
                    record["history"]["best_epoch"],
                    scale * record["dev_accuracy"],
                    *(metric.scale * scores[name] if name in scores else None for name, metric in METRICS.items()),
                    *(record[name] for name in keys),
                ]
            )
    header = [*LAYOUT.axes, "seed", "epochs", "best_epoch", "dev", *(f"test_{name}" for name in METRICS), *keys]
    return csv_text(header, rows)
