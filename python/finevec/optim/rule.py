"""What an update rule is, and the rules by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..checks import fitting, not_negative
from ..parameter import Grad, Parameter
from .new_state import filled

Options = Mapping[str, Any]
State = dict[str, NDArray[Any]]


class Rule(ABC):
    """One update rule: the hyper-parameters it takes, the arrays of state it keeps, and the compiled update to call.

    There is one object of each rule: copies and pickles of an optimizer refer to it by its name.
    """

    name: ClassVar[str]
    defaults: ClassVar[Options]
    state_names: ClassVar[tuple[str, ...]] = ()
    signed_states: ClassVar[tuple[str, ...]] = ()
    """Those of `state_names` that may be negative: of the others, the rule takes the square root."""

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

    def check_fits(self, options: Options, dtype: np.dtype[Any]) -> None:
        """Refuse, with a ValueError, checked hyper-parameters that parameters of this dtype cannot be moved with."""
        for name, value in options.items():
            if isinstance(value, float):
                fitting(name, value, dtype)

    def state_shape(self, data: NDArray[Any]) -> tuple[int, ...]:
        """Return the shape of each array of state, for a parameter with these values."""
        return data.shape

    def initial_value(self, options: Options) -> float:
        """Return where each element of the state starts."""
        return 0.0

    def new_state(self, data: NDArray[Any], options: Options) -> State:
        """Return the state before the first update."""
        value = self.initial_value(options)
        return {name: filled(self.state_shape(data), value, data) for name in self.state_names}

    @abstractmethod
    def update(self, param: Parameter, grad: Grad, state: State, step: int, options: Options) -> None:
        """Apply the rule in place. `step` is 1 for a parameter's first update."""

    def __reduce__(self) -> tuple[Callable[[str], Rule], tuple[str]]:
        """Copy and pickle by name."""
        return find_rule, (self.name,)


_RULES: dict[str, Rule] = {}


def register(rule: Rule) -> Rule:
    """Make `rule` known by its name, and return it."""
    _RULES[rule.name] = rule
    return rule


def find_rule(name: str) -> Rule:
    """Return the rule of this name, or raise a ValueError that lists the names."""
    if not isinstance(name, str):
        raise TypeError(f"rule must be a name, got {type(name).__name__}")
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
