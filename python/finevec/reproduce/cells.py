"""The cells of a table: runs that differ in their seed or fold alone, and what a group of cells is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from .runs import differences, named_differences
from .summary import markdown_table

Record = Mapping[str, Any]
Key = tuple[str, ...]
Cells = Mapping[Key, Sequence[Record]]


@dataclass(frozen=True)
class Layout:
    """How the runs of a paper make a table.

    Parameters
    ----------
    axes : mapping of str to mapping of str to str
        For each name in a setup that tells the cell: its values in the paper's order, and what people call them.
    within : sequence of str
        The names in a setup in which the runs of a cell differ, those that count most first.
    name : callable
        Returns what the file of a run with a setup is called.

    Examples
    --------
    >>> layout = Layout({"set": {"mr": "MR", "trec": "TREC"}, "mode": {"static": "fixed"}}, ["seed"], str)
    >>> cells = layout.cells([{"setup": {"set": "mr", "mode": "static", "seed": seed}} for seed in (2, 1)])
    >>> {key: [record["setup"]["seed"] for record in records] for key, records in cells.items()}
    {('mr', 'static'): [1, 2]}
    """

    axes: Mapping[str, Mapping[str, str]]
    within: Sequence[str]
    name: Callable[[Mapping[str, Any]], str]

    def cells(self, records: Iterable[Record]) -> dict[Key, list[Record]]:
        """Return the records by cell, the cells in the paper's order, and in each by what it has `within`.

        Raises
        ------
        ValueError
            The setups of a cell differ in more: a mean of them would be one of nothing.
        """
        cells: dict[Key, list[Record]] = {key: [] for key in product(*self.axes.values())}
        for record in records:
            cells[self._key(record)].append(record)
        for chosen in cells.values():
            chosen.sort(key=self.place)
            self._check_alike(chosen)
        return {key: chosen for key, chosen in cells.items() if chosen}

    def place(self, record: Record) -> tuple[int, ...]:
        """Return which run of its cell a record is of, in numbers; what is None counts as 0."""
        return tuple(record["setup"][name] or 0 for name in self.within)

    def _key(self, record: Record) -> Key:
        return tuple(record["setup"][name] for name in self.axes)

    def _check_alike(self, records: Sequence[Record]) -> None:
        for record in records[1:]:
            first, other = records[0]["setup"], record["setup"]
            found = differences(other, {**first, **{name: other[name] for name in self.within}})
            if found:
                raise ValueError(
                    f"{self.name(other)}.json and {self.name(first)}.json do not belong in one table: "
                    f"{named_differences(found)}; remove one of them or choose another --out"
                )

    def named(self, found: Sequence[Key], cells: Cells) -> str:
        """Return what to call some of the cells, by as few axes as tell them from the others.

        Examples
        --------
        >>> layout = Layout({"set": {"mr": "MR", "trec": "TREC"}, "mode": {"r": "rand", "s": "fixed"}}, [], str)
        >>> cells = {key: [] for key in [("mr", "r"), ("mr", "s"), ("trec", "s")]}
        >>> layout.named([("mr", "s"), ("trec", "s")], cells), layout.named([("mr", "s")], cells)
        ('fixed', 'MR fixed')
        """
        titles = list(self.axes.values())
        places = range(len(titles))
        for size in range(1, len(titles)):
            for chosen in sorted(combinations(places, size), reverse=True):
                parts = {tuple(key[place] for place in chosen) for key in found}
                if len(found) == sum(tuple(key[place] for place in chosen) in parts for key in cells):
                    ordered = (part for part in product(*(titles[place] for place in chosen)) if part in parts)
                    return ", ".join(self._title(chosen, part) for part in ordered)
        return ", ".join(self._title(places, key) for key in found)

    def rows(self, cells: Cells, columns: Sequence[str]) -> list[Key]:
        """Return the values of the axes but the first that there are cells of, in any of these columns of the first."""
        _, *others = self.axes.values()
        return [row for row in product(*others) if any((name, *row) in cells for name in columns)]

    def table(
        self, left: Sequence[str], columns: Sequence[str], rows: Iterable[Key], entry: Callable[[Key], Sequence[str]]
    ) -> str:
        """Return a Markdown table with a result and the paper's figure for each cell.

        Parameters
        ----------
        left : sequence of str
            The header over what tells the rows, one for each axis but the first.
        columns : sequence of str
            Values of the first axis.
        rows : iterable of tuples of str
            Values of the other axes.
        entry : callable
            Returns the two texts of a cell.
        """
        sets, *others = self.axes.values()
        header = [*left, *(title for name in columns for title in (sets[name], "paper"))]
        lines = [
            [titles[value] for titles, value in zip(others, row, strict=True)]
            + [text for name in columns for text in entry((name, *row))]
            for row in rows
        ]
        return markdown_table(header, lines, left=len(left))

    def _title(self, places: Iterable[int], part: Iterable[str]) -> str:
        titles = list(self.axes.values())
        return " ".join(titles[place][value] for place, value in zip(places, part, strict=True))


def by_data(cells: Cells, data: Callable[[Record], Any]) -> dict[Key, list[list[Record]]]:
    """Return the first record of each cell by key without the last axis, those of the same data together.

    `data` returns what tells the data that a run saw.
    """
    groups: dict[Key, dict[Any, list[Record]]] = {}
    for key, records in cells.items():
        groups.setdefault(key[:-1], {}).setdefault(data(records[0]), []).append(records[0])
    return {key: list(alike.values()) for key, alike in groups.items()}


def paired(
    records: Sequence[Record],
    others: Sequence[Record],
    key: Callable[[Record], Any],
    value: Callable[[Record], float],
) -> list[float]:
    """Return the differences in `value` between records and those of the `others` that have the same `key`."""
    base = {key(other): value(other) for other in others}
    return [value(record) - base[key(record)] for record in records if key(record) in base]
