"""An optimizer's state as plain data, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import integer
from ..parameter import Parameter
from .rule import Options, Rule, find_rule

Group = dict[str, Any]
Rows = Mapping[Parameter, NDArray[np.int64]]

_MOST_STEPS = 2**63 - 2
"""Steps that a parameter may have behind it: the compiled rules take the number of the next one as 64 bits."""


@dataclass
class ParameterState:
    """What an optimizer keeps for one parameter: the steps that were applied, and the arrays of its rule."""

    rule: str
    steps: int
    arrays: dict[str, NDArray[Any]]


def write_state_dict(
    steps: int, param_groups: list[Group], states: dict[Parameter, ParameterState], rows: Rows
) -> dict[str, Any]:
    """Return the state dict: numbers for parameters, copies of arrays, or of the `rows` of them."""
    groups = []
    written: dict[int, dict[str, Any]] = {}
    number = 0
    for group in param_groups:
        numbers = []
        for param in group["params"]:
            numbers.append(number)
            if param in states:
                state = states[param]
                arrays = {
                    name: array[rows[param]] if param in rows else array.copy() for name, array in state.arrays.items()
                }
                written[number] = {"step": state.steps, **arrays}
            number += 1
        groups.append({**group, "params": numbers})
    return {"steps": steps, "param_groups": groups, "state": written}


def read_state_dict(
    state_dict: dict[str, Any],
    param_groups: list[Group],
    check_options: Callable[[int, Group, Rule, list[Parameter]], dict[str, Any]],
    rows: Rows,
) -> tuple[int, list[dict[str, Any]], dict[Parameter, ParameterState]]:
    """Return steps, hyper-parameters by group and states, all checked against `param_groups`; changes nothing."""
    _expect(dict, "state_dict", state_dict)
    missing = {"steps", "param_groups", "state"} - set(state_dict)
    if missing:
        raise ValueError(f"state_dict: the key {min(missing)!r} is missing")
    given_groups = _expect((list, tuple), "state_dict: param_groups", state_dict["param_groups"])
    if len(given_groups) != len(param_groups):
        raise ValueError(f"state_dict has {len(given_groups)} groups, the optimizer {len(param_groups)}")
    options = []
    states: dict[Parameter, ParameterState] = {}
    unread = dict(_expect(dict, "state_dict: state", state_dict["state"]))
    number = 0
    for index, (given, group) in enumerate(zip(given_groups, param_groups, strict=True)):
        where = f"state_dict, group {index}"
        _expect(dict, where, given)
        rule = find_rule(group["rule"])
        if given.get("rule") != rule.name:
            raise ValueError(f"{where}: rule is {given.get('rule')!r}, the optimizer's {rule.name!r}")
        numbers = list(range(number, number + len(group["params"])))
        if list(_expect((list, tuple), f"{where}: params", given.get("params"))) != numbers:
            raise ValueError(f"{where}: params are {given['params']}, the optimizer's {numbers}")
        options.append(check_options(index, given, rule, group["params"]))
        for param in group["params"]:
            if number in unread:
                states[param] = _read_state(
                    f"state_dict, parameter {number}", unread.pop(number), param, rule, options[-1], rows.get(param)
                )
            number += 1
    if unread:
        raise ValueError(
            f"state_dict has state for parameter {next(iter(unread))!r}, the optimizer {number} parameters"
        )
    return integer("state_dict: steps", state_dict["steps"], least=0), options, states


def _read_state(
    where: str, given: Any, param: Parameter, rule: Rule, options: Options, rows: NDArray[np.int64] | None
) -> ParameterState:
    """Return the state that is `given`: whole, or of these `rows` while the others are as before the first update."""
    _expect(dict, where, given)
    wanted = {"step", *rule.state_names}
    if set(given) != wanted:
        names = ", ".join(sorted(map(str, given)))
        raise ValueError(f"{where}: has {names}, rule {rule.name} wants {', '.join(sorted(wanted))}")
    shape = rule.state_shape(param.data)
    if rows is not None:
        shape = (len(rows), *shape[1:])
    arrays = {}
    for name in rule.state_names:
        array = given[name]
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{where}: {name} must be a NumPy array, got {type(array).__name__}")
        if array.dtype != param.dtype:
            raise TypeError(f"{where}: {name} must be {param.dtype}, got {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"{where}: {name} must have the shape {shape}, got {array.shape}")
        if name not in rule.signed_states:
            # NaN passes: a gradient may have put it there, and fmin looks past it.
            least = float(np.fmin.reduce(array, axis=None, initial=0.0))
            if least < 0.0:
                raise ValueError(f"{where}: {name} must not be negative, got {least}")
        arrays[name] = array
    steps = integer(f"{where}: step", given["step"], least=1, most=_MOST_STEPS)
    if rows is None:
        return ParameterState(rule.name, steps, {name: np.array(array, order="C") for name, array in arrays.items()})
    state = rule.new_state(param.data, options)
    for name, array in arrays.items():
        state[name][rows] = array
    return ParameterState(rule.name, steps, state)


def _expect(kind: type | tuple[type, ...], name: str, value: Any) -> Any:
    """Return `value`, or raise a TypeError if it is of another kind."""
    if not isinstance(value, kind):
        wanted = "a dict" if kind is dict else "a list"
        raise TypeError(f"{name} must be {wanted}, got {type(value).__name__}")
    return value
