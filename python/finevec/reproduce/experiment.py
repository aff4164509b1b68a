"""What the runs of a table share: the pretrained vectors, and how a run is trained that may have been stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..models.starting_rows import StartingRows, starting_rows
from ..train.progress import Progress
from ..vectors import WordVectors


@dataclass(frozen=True)
class Source:
    """Where the tables of runs come from.

    Parameters
    ----------
    vectors : WordVectors
        Of the words of all sets.
    path : str
        Where they were read.
    random_dim : int
        Columns of random rows.
    """

    vectors: WordVectors
    path: str
    random_dim: int

    def dim(self, variant: str) -> int:
        """Return the columns of a run's table: those of random rows for the variant "random"."""
        return self.random_dim if variant == "random" else self.vectors.vector_size

    def path_for(self, variant: str) -> str | None:
        """Return where a run's vectors were read; None where it has random rows."""
        return None if variant == "random" else self.path

    def rows(
        self, variant: str, training: Sequence[Sequence[str]], more: Sequence[Sequence[str]], seed: int, where: str
    ) -> StartingRows:
        """Return the rows that the words of a run's texts start with. See `finevec.models.starting_rows`."""
        vectors = self.random_dim if variant == "random" else self.vectors
        return starting_rows(training, more, vectors, seed, where=where, vectors_where=self.path)


@contextlib.contextmanager
def training(checkpoint: Path, progress: Progress) -> Iterator[None]:
    """While a run is trained: of a checkpoint that is there already and is refused, tell the way out.

    `progress` is closed at the end.
    """
    goes_on = checkpoint.exists()
    try:
        yield
    except ValueError as error:
        if not goes_on:
            raise
        raise ValueError(f"{error}; remove {checkpoint} to do the run anew, or choose another --out") from None
    finally:
        progress.close()
