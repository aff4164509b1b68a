"""Snapshots of a model's weights that keep only what training can change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameter import Parameter


class Snapshot:
    """The values of parameters at one moment: of tables the given rows only, of others everything.

    Row-sparse rules change no row that the training texts do not mention, so the copy of a table costs
    ``trained rows * dim`` numbers, whatever the size of the vocabulary.

    Parameters
    ----------
    groups : mapping of str to sequence of Parameter
        As `TextClassifier.parameter_groups` gives them. Those of "embedding" are tables.
    rows : ndarray of int64, shape (trained rows,)
        The rows of the tables that training can change, without repeats.

    Examples
    --------
    >>> import numpy as np
    >>> table = Parameter(np.zeros((1000, 2), np.float32))
    >>> snapshot = Snapshot({"embedding": [table]}, np.array([3, 7]))
    >>> table.data[7] += 1
    >>> snapshot.changed_rows()
    array([7])
    >>> snapshot.restore()
    >>> float(table.data.sum())
    0.0
    """

    def __init__(self, groups: Mapping[str, Sequence[Parameter]], rows: NDArray[np.int64]) -> None:
        self._rows = rows
        self._tables = [(parameter, parameter.data[rows]) for parameter in groups.get("embedding", ())]
        others = {name: parameters for name, parameters in groups.items() if name != "embedding"}
        self._others = [(parameter, parameter.data.copy()) for group in others.values() for parameter in group]
        self._names = [
            f"{name}.{index}"
            for name, group in {"embedding": [table for table, _ in self._tables], **others}.items()
            for index in range(len(group))
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the values by group and position, such as ``"dense.0"``: the snapshot's own memory, not copies.

        What is written there, `restore` writes into the parameters. Of tables they are the given rows.
        """
        values = [values for _, values in [*self._tables, *self._others]]
        return dict(zip(self._names, values, strict=True))

    def retake(self) -> None:
        """Take the values of now, into the same memory."""
        for parameter, values in self._tables:
            np.take(parameter.data, self._rows, axis=0, out=values, mode="clip")  # "raise" would buffer a second copy
        for parameter, values in self._others:
            values[...] = parameter.data

    def restore(self) -> None:
        """Write the values back into the parameters, bit for bit."""
        for parameter, values in self._tables:
            parameter.data[self._rows] = values
        for parameter, values in self._others:
            parameter.data[...] = values

    def changed_rows(self) -> NDArray[np.int64]:
        """Return the rows, ascending, in which any table differs from the snapshot now."""
        changed = np.zeros(len(self._rows), dtype=bool)
        for parameter, values in self._tables:
            changed |= (parameter.data[self._rows] != values).any(axis=1)
        return np.sort(self._rows[changed])

    def first_not_finite(self, arrays: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]) -> str | None:
        """Name the first array, and of a table the row, that was not finite at the moment of the snapshot.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Every weight of the model by name. Those that are no parameter's are tables that do not change.
        rows : ndarray of int64, shape (other rows,)
            Rows of tables to look at beside the snapshot's own. They have not changed since.

        Returns
        -------
        str or None
            Such as ``"row 3 of embedding"``; None: all were finite.
        """
        tables = {id(parameter.data): values for parameter, values in self._tables}
        others = {id(parameter.data): values for parameter, values in self._others}
        looked_at = np.union1d(self._rows, rows)
        for name, array in arrays.items():
            if id(array) in others:
                if not np.isfinite(others[id(array)]).all():
                    return name
                continue
            values = array[looked_at]
            if id(array) in tables:
                values[np.searchsorted(looked_at, self._rows)] = tables[id(array)]
            wrong = looked_at[~np.isfinite(values).all(axis=1)]
            if wrong.size:
                return f"row {wrong[0]} of {name}"
        return None
