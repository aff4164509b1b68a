"""What several test files share."""

from __future__ import annotations

import finevec.functional as F
import numpy as np
import reference
from numpy.testing import assert_array_equal

UPDATES = {
    "sgd": F.sgd_update,
    "adagrad": F.adagrad_update,
    "rowwise_adagrad": F.rowwise_adagrad_update,
    "adam": F.adam_update,
    "adadelta": F.adadelta_update,
}
RULES = tuple(UPDATES)


def update(rule: str, weight, state: dict, ids, grad, *, step: int = 1, **options) -> None:
    """Call the update of `finevec.functional` by the name of its rule."""
    if rule == "adam":
        options["step"] = step
    UPDATES[rule](weight, *state.values(), ids, grad, **options)


def expected(rule: str, weight, state: dict, rows: dict, *, step: int = 1, **options):
    """Call the oracle in the same way: the summed gradient by row."""
    if rule == "adam":
        options["step"] = step
    return reference.update(rule, weight, state, rows, **options)


def started_state(rule: str, weight, rng) -> dict:
    """State as after some steps: positive where it must be."""
    state = reference.new_state(rule, weight)
    for name, array in state.items():
        drawn = rng.standard_normal(array.shape)
        array[...] = drawn if name == "exp_avg" else drawn**2
    return state


def assert_close(got, wanted, *, ulps: float, size=None) -> None:
    """Compare with a float64 result: within `ulps` roundings of the largest number that went into each element."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    bound = ulps * reference.EPS[got.dtype] * (np.abs(wanted) if size is None else size) + np.finfo(got.dtype).tiny
    worst = np.max(np.abs(got.astype(np.float64) - wanted) / bound, initial=0.0)
    assert worst <= 1.0, f"off by {worst:.3g} times the bound"


def cosine_bound(examples) -> float:
    """Return how far two float32 answers may be apart: cosines of a table's rows with the mean of `examples`.

    To first order, in roundings of 2^-24 on each side: of an example at length 1, dim / 2 + 2; of their sum, one for
    each, and two for its weights; all of this grows by the sum of lengths over the length of the sum. Then dim / 2 + 2
    for the mean at length 1, dim for the product with a row, dim / 2 + 3 for the row's length, quotient and result.
    """
    examples = np.asarray(examples, np.float64)
    count, dim = examples.shape
    cancelled = np.linalg.norm(examples, axis=1).sum() / np.linalg.norm(examples.sum(axis=0))
    return float(2 * 2.0**-24 * (cancelled * (dim / 2 + count + 4) + 2 * dim + 5))


class Unchanged:
    """Check on leaving that the bytes of these arrays are what they were."""

    def __init__(self, *arrays) -> None:
        self.arrays = arrays

    def __enter__(self) -> None:
        self.before = [array.copy() for array in self.arrays]

    def __exit__(self, kind, value, trace) -> None:
        for array, before in zip(self.arrays, self.before, strict=True):
            assert_array_equal(array.view(np.uint8), before.view(np.uint8))
