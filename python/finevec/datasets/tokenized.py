"""The texts of a data set's parts, tokenized, and the examples that a classifier makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..models import TextClassifier
from ..models.text_classifier import Example
from ..train import hold_out


@dataclass(frozen=True)
class TokenizedTexts:
    """Tokenized texts, and the position of each one's class among the classes."""

    tokens: list[list[str]]
    targets: NDArray[np.int64]

    def pick(self, positions: NDArray[np.int64]) -> TokenizedTexts:
        """Return some of them."""
        return TokenizedTexts([self.tokens[position] for position in positions], self.targets[positions])


def examples_of_parts(
    model: TextClassifier, texts: Mapping[str, TokenizedTexts], seed: int
) -> dict[str, list[Example]]:
    """Return the examples of each part, "train", "dev" and maybe "test".

    Parameters
    ----------
    model : TextClassifier
    texts : mapping of str to TokenizedTexts
        Where there is no "dev", a tenth of "train" is held out as such, see `finevec.train.hold_out`.
    seed : int
        Which texts are held out follows from it.

    Raises
    ------
    ValueError
        There are too few texts to hold out any.
    """
    parts = {part: model.examples(found.tokens, found.targets) for part, found in texts.items()}
    if "dev" not in parts:
        kept, held_out = hold_out(texts["train"].targets, seed)
        examples = parts["train"]
        parts["train"] = [examples[position] for position in kept]
        parts["dev"] = [examples[position] for position in held_out]
    return parts
