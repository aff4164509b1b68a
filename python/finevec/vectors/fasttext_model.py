"""What a fastText model holds beside the words and their vectors."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .. import _finevec


class ModelInfo(NamedTuple):
    """What a fastText model told about itself."""

    kind: str
    """``"skipgram"``, ``"cbow"`` or ``"supervised"``."""
    version: int
    """Version of the file's format, 11 or 12."""
    labels: int
    """Labels of a classifier's texts. They are no words."""


class Subwords(NamedTuple):
    """Character n-grams of a model."""

    ngrams: NDArray[Any] | None
    """A row for each bucket, shape (bucket, dim); None where there are no n-grams."""
    min_n: int
    """Characters of the shortest n-grams."""
    max_n: int
    """Characters of the longest n-grams."""
    info: ModelInfo
    """What the model told."""


def read(
    path: str | os.PathLike[str], options: dict[str, Any]
) -> tuple[NDArray[Any], _finevec.Words, dict[str, Any], Subwords]:
    """Read a model, with the options of ``_finevec.read_fasttext_binary``."""
    vectors, words, told, ngrams = _finevec.read_fasttext_binary(path, **options)
    info = ModelInfo(*(told.pop(name) for name in ModelInfo._fields))
    min_n, max_n = (told.pop(name, 0) for name in ("min_n", "max_n"))
    return vectors, words, told, Subwords(ngrams, min_n, max_n, info)
