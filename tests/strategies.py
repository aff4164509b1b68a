"""Inputs for property tests: tables, ids of every integer type and layout, bags; values from a seeded generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

DIMS = (1, 3, 7, 8, 15, 16, 17, 31, 33, 50, 100, 300)
FLOATS = (np.float32, np.float64)
INTEGERS = ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
LAYOUTS = ("plain", "strided", "reversed", "readonly", "byteswapped", "misaligned")

dims = st.sampled_from(DIMS)
floats = st.sampled_from(FLOATS)
layouts = st.sampled_from(LAYOUTS)
seeds = st.integers(0, 2**32 - 1)


def lay_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same values in other memory."""
    if layout == "strided":
        wide = np.zeros((*array.shape[:-1], array.shape[-1] * 3), dtype=array.dtype)
        wide[..., ::3] = array
        return wide[..., ::3]
    if layout == "reversed":
        return np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "byteswapped":
        return array.astype(array.dtype.newbyteorder())
    if layout == "misaligned":
        memory = np.zeros(array.nbytes + 1, dtype=np.uint8)
        result = memory[1:].view(array.dtype).reshape(array.shape)
        result[...] = array
        return result
    result = array.copy()
    result.flags.writeable = layout != "readonly"
    return result


def values(rng: np.random.Generator, shape: tuple[int, ...], dtype) -> np.ndarray:
    """Numbers of mixed size, among them zeros."""
    numbers = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3, shape)
    return np.where(rng.random(shape) < 0.05, 0.0, numbers).astype(dtype)


def small_dyadic(rng: np.random.Generator, shape: tuple[int, ...], dtype) -> np.ndarray:
    """Multiples of 1/8 below 2 in size: sums of thousands of them are exact in float32."""
    return (rng.integers(-15, 16, shape) / 8).astype(dtype)


@dataclass
class Case:
    """A table and ids that fit it."""

    rng: np.random.Generator
    weight: np.ndarray
    ids: np.ndarray

    @property
    def rows(self) -> int:
        return self.weight.shape[0]

    @property
    def dim(self) -> int:
        return self.weight.shape[1]

    def grad(self, *shape: int) -> np.ndarray:
        return values(self.rng, (*shape, self.dim), self.weight.dtype)


@st.composite
def cases(draw, *, ndim: int | None = None, dtype=None, unique: bool = False, max_ids: int = 60) -> Case:
    """A table, and ids: none, repeated, first and last row among them, of every integer type."""
    rng = np.random.default_rng(draw(seeds))
    rows = draw(st.sampled_from((1, 2, 5, 40, 120)))
    dim = draw(dims)
    weight = values(rng, (rows, dim), dtype or draw(floats))
    count = draw(st.sampled_from((0, 1, 2, 3, 8, max_ids)))
    ids = rng.permutation(rows)[:count] if unique else rng.integers(0, rows, count)
    if count > 2 and not unique:
        ids[0], ids[-1] = rows - 1, 0
    if (ndim or draw(st.integers(1, 3))) > 1 and not unique:
        ids = ids[: len(ids) // 2 * 2].reshape(2, -1)
    return Case(rng, weight, lay_out(ids.astype(draw(st.sampled_from(INTEGERS))), draw(layouts)))


@dataclass
class BagCase(Case):
    """A table, and ids in bags; `offsets` is None where `ids` is 2-D."""

    offsets: np.ndarray | None
    include_last_offset: bool
    bags: int


@st.composite
def bag_cases(draw, *, dtype=None) -> BagCase:
    """Bags, empty ones among them, in all three forms."""
    rng = np.random.default_rng(draw(seeds))
    rows = draw(st.sampled_from((1, 2, 5, 40, 120)))
    weight = values(rng, (rows, draw(dims)), dtype or draw(floats))
    form = draw(st.sampled_from(("last", "no last", "2-D")))
    bags = draw(st.sampled_from((0, 1, 2, 7, 30)))
    ids_dtype, layout = draw(st.sampled_from(INTEGERS)), draw(layouts)
    if form == "2-D":
        ids = rng.integers(0, rows, (bags, int(rng.integers(1, 6))))
        return BagCase(rng, weight, lay_out(ids.astype(ids_dtype), layout), None, True, bags)
    lengths = rng.integers(0, 6, bags) * (rng.random(bags) < 0.8)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = rng.integers(0, rows, int(offsets[-1])) if bags else np.zeros(0, dtype=np.int64)
    last = form == "last" or bags == 0
    offsets = lay_out((offsets if last else offsets[:-1]).astype(draw(st.sampled_from(("i4", "u4", "i8")))), layout)
    return BagCase(rng, weight, lay_out(ids.astype(ids_dtype), layout), offsets, last, bags)
