"""The report on Kim's table (2014): Markdown for people and two CSV files, all from the finished runs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..replace import replaced_file
from . import kim_notes
from .kim import NEIGHBORS, SETS, VARIANTS, KimRun
from .runs import RunStore, differences, named_differences
from .summary import csv_text, estimate, markdown_table

REPORTS = ("kim.md", "kim.csv", "kim.runs.csv")
"""The files, beside the folder of runs."""

_NONE = "-"

Record = Mapping[str, Any]
Cells = Mapping[tuple[str, str], Sequence[Record]]


def write_reports(store: RunStore) -> None:
    """Write the reports on all finished runs of the store, at least one.

    Each file is written aside and renamed. Where another process finished a run meanwhile, they are written again: of
    several processes, the last one to write has seen all runs.

    Raises
    ------
    ValueError
        Two runs of one cell do not belong together. Nothing was written.
    """
    while True:
        names = store.names()
        cells = by_cell([store.read(name) for name in names])
        texts = (markdown(cells), cells_csv(cells), runs_csv(cells))
        for name, text in zip(REPORTS, texts, strict=True):
            with replaced_file(store.directory / name) as file:
                file.write(text.encode())
        if store.names() == names:
            return


def by_cell(records: Sequence[Record]) -> Cells:
    """Return the records by set and variant, both in the paper's order, and in each by seed and fold.

    Raises
    ------
    ValueError
        The setups of a cell differ in more than seed and fold: a mean of them would be one of nothing.
    """
    cells = {}
    for name in SETS:
        for variant in VARIANTS:
            chosen = [record for record in records if _cell(record) == (name, variant)]
            if chosen:
                chosen.sort(key=_seed_and_fold)
                _check_alike(chosen)
                cells[name, variant] = chosen
    return cells


def _check_alike(records: Sequence[Record]) -> None:
    first = records[0]["setup"]
    for record in records[1:]:
        own = {key: record["setup"][key] for key in ("seed", "fold")}
        found = differences(record["setup"], {**first, **own})
        if found:
            raise ValueError(
                f"{_file(record)} and {_file(records[0])} do not belong in one table: {named_differences(found)}; "
                "remove one of them or choose another --out"
            )


def _file(record: Record) -> str:
    return KimRun(**{key: record["setup"][key] for key in ("set", "variant", "seed", "fold")}).name + ".json"


def _cell(record: Record) -> tuple[str, str]:
    return record["setup"]["set"], record["setup"]["variant"]


def _seed_and_fold(record: Record) -> tuple[int, int]:
    return record["setup"]["seed"], record["setup"]["fold"] or 0


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
        kim_notes.settings(cells),
        _neighbors(cells),
        "## Runs\n",
        kim_notes.runs(cells),
    ]
    return "\n".join(part for part in parts if part)


def _sets(cells: Cells) -> list[str]:
    return [name for name in SETS if any(name == found for found, _ in cells)]


def _variants(cells: Cells) -> list[str]:
    return [variant for variant in VARIANTS if any(variant == found for _, found in cells)]


def _accuracies(cells: Cells) -> str:
    header = ["variant"]
    for name in _sets(cells):
        header += [SETS[name].title, "paper"]
    rows = []
    for variant in _variants(cells):
        row = [VARIANTS[variant]]
        for name in _sets(cells):
            row += [_accuracy(cells.get((name, variant), ())), f"{SETS[name].paper[variant]:.1f}"]
        rows.append(row)
    return markdown_table(header, rows)


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
    titles = [
        SETS[name].title
        for name in _sets(cells)
        if len({_texts(cells[name, variant][0]) for variant in _variants(cells) if (name, variant) in cells}) > 1
    ]
    return (
        f"Variants of {', '.join(titles)} were run on other files or other folds than others: do not compare these.\n"
        if titles
        else ""
    )


def _gains(cells: Cells) -> str:
    """Return how far each variant is from "static" on the same texts and with the same seeds."""
    sets = [name for name in _sets(cells) if (name, "static") in cells]
    rows = []
    for variant in _variants(cells):
        if variant == "static":
            continue
        gains = [_paired(cells.get((name, variant), ()), cells[name, "static"]) for name in sets]
        if any(gains):
            row = [VARIANTS[variant]]
            for name, values in zip(sets, gains, strict=True):
                paper = SETS[name].paper[variant] - SETS[name].paper["static"]
                row += [f"{estimate(values).text(sign='+')} ({len(values)})" if values else _NONE, f"{paper:+.1f}"]
            rows.append(row)
    if not rows:
        return ""
    header = ["variant"]
    for name in sets:
        header += [SETS[name].title, "paper"]
    return (
        "Points above CNN-static in the same folds and with the same seeds; the intervals are those of the differences."
        f"\n\n{markdown_table(header, rows)}"
    )


def _paired(records: Sequence[Record], others: Sequence[Record]) -> list[float]:
    """Return the differences in test accuracy of runs with the same seed, fold, number of folds and files."""

    def key(record: Record) -> Any:
        return _seed_and_fold(record), _texts(record)

    base = {key(other): other["test_accuracy"] for other in others}
    return [record["test_accuracy"] - base[key(record)] for record in records if key(record) in base]


def _data(cells: Cells) -> str:
    header = ["set", "classes", "training texts", "dev", "test", "words", "with a vector"]
    rows = []
    for name in _sets(cells):
        alike: dict[Any, list[Record]] = {}
        for variant in _variants(cells):
            for record in cells.get((name, variant), ())[:1]:
                alike.setdefault(_texts(record), []).append(record)
        for chosen in alike.values():
            first = next((record for record in chosen if record["mode"] != "random"), chosen[0])
            known = _NONE if first["mode"] == "random" else f"{first['known_words']:,}"
            counts = [f"{first[f'{part}_texts']:,}" for part in ("train", "dev", "test")]
            notes = ["a fold"] if SETS[name].cross_validated else []
            if len(alike) > 1:
                notes += [VARIANTS[record["mode"]] for record in chosen]
            title = SETS[name].title + (f" ({', '.join(notes)})" if notes else "")
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
        half = result.half_width
        ends = (None, None) if half is None else (result.mean - half, result.mean + half)
        rows.append([name, variant, result.runs, result.mean, half, *ends, SETS[name].paper[variant]])
    header = ["set", "variant", "runs", "mean", "half_width", "low", "high", "paper"]
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
