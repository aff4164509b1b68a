"""What an update rule is, and the rules by name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..parameter import Grad, Parameter

Options = Mapping[str, Any]
State = dict[str, NDArray[Any]]


class Rule(ABC):
    """One update rule: the hyper-parameters it takes, the arrays of state it keeps, and the compiled update to call."""

    name: ClassVar[str]
    defaults: ClassVar[Options]
    state_names: ClassVar[tuple[str, ...]] = ()

    def check(self, options: Options) -> dict[str, Any]:
        """Return all hyper-parameters as plain floats.

        Raises
        ------
        TypeError
            One is not a number.
        ValueError
            One is out of its range.
        """
        return {name: not_negative(name, options[name]) for name in self.defaults}

    def state_shape(self, data: NDArray[Any]) -> tuple[int, ...]:
        """Return the shape of each array of state, for a parameter with these values."""
        return data.shape

    def new_state(self, data: NDArray[Any], options: Options) -> State:
        """Return the state before the first update. Zeros take no memory until a row is touched."""
        return {name: np.zeros(self.state_shape(data), dtype=data.dtype) for name in self.state_names}

    @abstractmethod
    def update(self, param: Parameter, grad: Grad, state: State, step: int, options: Options) -> None:
        """Apply the rule in place. `step` is 1 for a parameter's first update."""


_RULES: dict[str, Rule] = {}


def register(rule: Rule) -> Rule:
    """Make `rule` known by its name, and return it."""
    _RULES[rule.name] = rule
    return rule


def find_rule(name: str) -> Rule:
    """Return the rule of this name, or raise a ValueError that lists the names."""
    if name not in _RULES:
        raise ValueError(f"rule must be one of {', '.join(sorted(_RULES))}, got {name!r}")
    return _RULES[name]


def limits(param: Parameter) -> dict[str, Any]:
    """Return the keywords that every compiled update takes from the parameter itself."""
    return {
        "padding_idx": param.padding_idx,
        "row_lr": param.row_lr,
        "grad_scale": param.grad_scale,
        "max_norm": param.max_norm,
    }


def number(name: str, value: Any) -> float:
    """Return `value` as a finite float."""
    # The usual type first: asking whether something is a Real takes longer than all the rest.
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, Real)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    result = float(value)
    if not math.isfinite(result):
        raise ValueError(f"{name} must be finite, got {result}")
    return result


def not_negative(name: str, value: Any) -> float:
    """Return `value` as a finite float of at least 0."""
    result = number(name, value)
    if result < 0.0:
        raise ValueError(f"{name} must not be negative, got {result}")
    return result


def fraction(name: str, value: Any) -> float:
    """Return `value` as a float within ``0 <= value < 1``."""
    result = number(name, value)
    if not 0.0 <= result < 1.0:
        raise ValueError(f"{name} must be within 0 <= {name} < 1, got {result}")
    return result
