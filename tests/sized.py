"""Numbers that carry how far rounding may move them: the oracle, computed with these, states its own bound.

Beside each number go its size, the same computation with every term made positive, and its chain, how many roundings
follow each other on the longest way to it from the inputs. To first order rounding moves a number by no more than
``size * chain`` units of rounding, in whatever order sums are taken: a sum of n terms counts as n additions one after
the other, which is as many as any order has.
"""

from __future__ import annotations

import functools
import math
from unittest import mock

import numpy as np
import reference_tree_lstm as oracle
from reference import EPS

FUNCTION = 8
"""Roundings of a function: 4 units in the last place, each of up to two units of rounding."""


@functools.total_ordering
class Sized:
    """A number, its size, and its chain. NumPy's functions take arrays of them."""

    __slots__ = ("chain", "size", "value")

    def __init__(self, value, size=None, chain=0):
        self.value, self.chain = float(value), chain
        self.size = abs(self.value) if size is None else size

    def __add__(self, other):
        other = sized(other)
        return Sized(self.value + other.value, self.size + other.size, 1 + max(self.chain, other.chain))

    __radd__ = __add__

    def __neg__(self):
        return Sized(-self.value, self.size, self.chain)

    def __sub__(self, other):
        return self + -sized(other)

    def __rsub__(self, other):
        return sized(other) + -self

    def __mul__(self, other):
        other = sized(other)
        size = self.size * abs(other.value) + abs(self.value) * other.size
        return Sized(self.value * other.value, size, 1 + max(self.chain, other.chain))

    __rmul__ = __mul__

    def __pow__(self, exponent):
        assert exponent == 2
        return self * self

    def __truediv__(self, other):
        other = sized(other)
        quotient = self.value / other.value
        size = (self.size + abs(quotient) * other.size) / abs(other.value)
        return Sized(quotient, size, 1 + max(self.chain, other.chain))

    def __rtruediv__(self, other):
        return sized(other) / self

    def __abs__(self):
        return Sized(abs(self.value), self.size, self.chain)

    def __float__(self):
        return self.value

    def __lt__(self, other):
        return self.value < float(other)

    def __eq__(self, other):
        return self.value == float(other)

    __hash__ = None

    def exp(self):
        return self._through(math.exp(self.value), math.exp(self.value))

    def tanh(self):
        return self._through(math.tanh(self.value), 1 - math.tanh(self.value) ** 2)

    def log(self):
        return self._through(math.log(self.value), 1 / self.value)

    def _through(self, value, slope):
        return Sized(value, abs(value) + abs(slope) * self.size, FUNCTION + self.chain)


def sized(number):
    return number if isinstance(number, Sized) else Sized(number)


class Wanted:
    """What the oracle gives, and by how much a computation in `dtype` may be off."""

    def __init__(self, numbers, dtype):
        numbers = np.vectorize(sized, otypes=[object])(numbers)
        self.value, self.size, chain = (_floats(numbers, name) for name in ("value", "size", "chain"))
        # Both sides round, and EPS is two units. What is computed for a batch groups sums of products otherwise, with
        # a few steps more, such as sums by word: chains that are twice as long cover it.
        self.bound = 2 * (chain + 4) * EPS[np.dtype(dtype)] * self.size

    def assert_met(self, found, name=""):
        found = np.asarray(found)
        assert found.shape == self.value.shape, name
        off = np.abs(found.astype(np.float64) - self.value)
        assert (off <= self.bound + np.finfo(np.float32).tiny).all(), f"{name} is off by {off.max()}"


def _floats(numbers, name):
    return np.array([getattr(number, name) for number in numbers.flat], np.float64).reshape(numbers.shape)


class _NumPy:
    """NumPy, but that new arrays take numbers of any kind."""

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def zeros(shape):
        return np.zeros(shape, object)

    @staticmethod
    def array(values):
        return np.array(values, object)


def _in_sized(weights):
    return {name: np.vectorize(sized, otypes=[object])(array) for name, array in weights.items()}


def run(function, weights, *arguments):
    """Call a function of the oracle of Tree-LSTMs with weights that carry their sizes."""
    with mock.patch.multiple(oracle, in_float64=_in_sized, np=_NumPy()):
        return function(weights, *arguments)
