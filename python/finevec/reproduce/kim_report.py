"""The report on Kim's table (2014): Markdown for people and two CSV files, all from the finished runs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import kim_notes, notes
from .cells import Cells, Key, Layout, Record, by_data, paired
from .kim import NEIGHBORS, SETS, VARIANTS, setup_name
from .runs import RunStore
from .summary import ESTIMATE_FIELDS, csv_text, estimate, markdown_table

REPORTS = ("kim.md", "kim.csv", "kim.runs.csv")
"""The files, beside the folder of runs."""

LAYOUT = Layout(
    {"set": {name: chosen.title for name, chosen in SETS.items()}, "variant": VARIANTS}, ("seed", "fold"), setup_name
)

_NONE = "-"


def write_reports(store: RunStore) -> None:
    """Write the reports on all finished runs of the store, at least one. Raises as `by_cell`."""
    store.write_reports(_reports)


def _reports(records: Sequence[Record]) -> dict[str, str]:
    cells = by_cell(records)
    return dict(zip(REPORTS, (markdown(cells), cells_csv(cells), runs_csv(cells)), strict=True))


def by_cell(records: Sequence[Record]) -> Cells:
    """Return the records by set and variant. Raises as `Layout.cells`."""
    return LAYOUT.cells(records)


def _texts(record: Record) -> tuple[int | None, tuple[tuple[str, str], ...]]:
    """Return what decides, beside seed and fold, which texts a run saw: the number of folds and the files."""
    return record["setup"]["folds"], tuple(sorted(record["setup"]["data"].items()))


def markdown(cells: Cells) -> str:
    """Return the report for people."""
    parts = [
        "# Kim (2014), table 2, computed anew\n",
        'Y. Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014. Test accuracy in percent: '
        "mean ± half the width of its 95 % interval (number of runs), and the paper's figure.\n",
        _accuracies(cells),
        _mixed(cells),
        _gains(cells),
        "## What differs from the paper\n",
        kim_notes.differing(cells),
        "## Data\n",
        _data(cells),
        "## Settings\n",
        notes.settings(cells, kim_notes.SETTINGS, LAYOUT),
        _neighbors(cells),
        "## Runs\n",
        notes.runs([record for chosen in cells.values() for record in chosen]),
    ]
    return "\n".join(part for part in parts if part)


def _sets(cells: Cells) -> list[str]:
    return [name for name in SETS if any(key[0] == name for key in cells)]


def _accuracies(cells: Cells) -> str:
    def entry(key: Key) -> tuple[str, str]:
        return _accuracy(cells.get(key, ())), f"{_paper(key):.1f}"

    sets = _sets(cells)
    return LAYOUT.table(["variant"], sets, LAYOUT.rows(cells, sets), entry)


def _paper(key: Key) -> float:
    name, variant = key
    return SETS[name].paper[variant]


def _accuracy(records: Sequence[Record]) -> str:
    if not records:
        return _NONE
    planned = len(records)
    if records[0]["setup"]["folds"]:
        planned = records[0]["setup"]["folds"] * len({record["setup"]["seed"] for record in records})
    count = f"{len(records)}" if len(records) == planned else f"{len(records)} of {planned}"
    return f"{estimate([record['test_accuracy'] for record in records]).text()} ({count})"


def _mixed(cells: Cells) -> str:
    """Return a warning where the variants of a set cannot be compared."""
    titles = [SETS[name].title for (name,), alike in by_data(cells, _texts).items() if len(alike) > 1]
    return (
        f"Variants of {', '.join(titles)} were run on other files or other folds than others: do not compare these.\n"
        if titles
        else ""
    )


def _gains(cells: Cells) -> str:
    """Return how far each variant is from "static" on the same texts and with the same seeds."""
    sets = [name for name in _sets(cells) if (name, "static") in cells]
    gains = {key: _paired(records, cells.get((key[0], "static"), ())) for key, records in cells.items()}
    rows = [
        row for row in LAYOUT.rows(cells, sets) if row != ("static",) and any(gains.get((name, *row)) for name in sets)
    ]
    if not rows:
        return ""

    def entry(key: Key) -> tuple[str, str]:
        values = gains.get(key)
        gain = f"{estimate(values).text(sign='+')} ({len(values)})" if values else _NONE
        return gain, f"{_paper(key) - _paper((key[0], 'static')):+.1f}"

    return (
        "Points above CNN-static in the same folds and with the same seeds; the intervals are those of the differences."
        f"\n\n{LAYOUT.table(['variant'], sets, rows, entry)}"
    )


def _paired(records: Sequence[Record], others: Sequence[Record]) -> list[float]:
    """Return the differences in test accuracy of runs with the same seed, fold, number of folds and files."""
    return paired(
        records, others, lambda record: (LAYOUT.place(record), _texts(record)), lambda record: record["test_accuracy"]
    )


def _data(cells: Cells) -> str:
    header = ["set", "classes", "training texts", "dev", "test", "words", "with a vector"]
    rows = []
    for (name,), alike in by_data(cells, _texts).items():
        for chosen in alike:
            first = next((record for record in chosen if record["mode"] != "random"), chosen[0])
            known = _NONE if first["mode"] == "random" else f"{first['known_words']:,}"
            counts = [f"{first[f'{part}_texts']:,}" for part in ("train", "dev", "test")]
            told = ["a fold"] if SETS[name].cross_validated else []
            if len(alike) > 1:
                told += [VARIANTS[record["mode"]] for record in chosen]
            title = SETS[name].title + (f" ({', '.join(told)})" if told else "")
            rows.append([title, str(len(first["classes"])), *counts, f"{first['rows']:,}", known])
    return markdown_table(header, rows)


def _neighbors(cells: Cells) -> str:
    """Return table 3: the nearest words in the frozen and in the tuned table."""
    records = cells.get(("sst2", "multichannel"), ())
    kept: Mapping[str, Any] = next((record["neighbors"] for record in records if record["setup"]["seed"] == 1), {})
    if not kept:
        return ""
    rows = [
        [_code(word), *(", ".join(_code(other) for other, _ in lists[table]) for table in ("static", "tuned"))]
        for word, lists in kept.items()
    ]
    return (
        "## Nearest words (table 3)\n\n"
        f"The {NEIGHBORS} nearest words by cosine, among those of the training texts, in the two tables of "
        "CNN-multichannel after training on SST-2 (seed 1).\n\n"
        + markdown_table(["word", "static", "tuned"], rows, left=3)
    )


def _code(word: str) -> str:
    fence = "``" if "`" in word else "`"
    space = " " if "`" in word else ""
    return f"{fence}{space}{word}{space}{fence}"


def cells_csv(cells: Cells) -> str:
    """Return one row for each set and variant; accuracies in percent."""
    rows = []
    for (name, variant), records in cells.items():
        result = estimate([100 * record["test_accuracy"] for record in records])
        rows.append([name, variant, *result.fields(), SETS[name].paper[variant]])
    header = ["set", "variant", *ESTIMATE_FIELDS, "paper"]
    return csv_text(header, rows)


def runs_csv(cells: Cells) -> str:
    """Return one row for each run; accuracies in percent."""
    keys = ["train_texts", "dev_texts", "test_texts", "rows", "rows_changed", "seconds"]
    rows = [
        [
            *(record["setup"][key] for key in ("set", "variant", "seed", "fold")),
            len(record["history"]["epochs"]),
            record["history"]["best_epoch"],
            100 * record["dev_accuracy"],
            100 * record["test_accuracy"],
            *(record[key] for key in keys),
        ]
        for records in cells.values()
        for record in records
    ]
    header = ["set", "variant", "seed", "fold", "epochs", "best_epoch", "dev_percent", "test_percent", *keys]
    return csv_text(header, rows)
