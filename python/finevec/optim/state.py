"""An optimizer's state as plain data, and back."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..parameter import Parameter
from .rule import Rule, find_rule

Group = dict[str, Any]


@dataclass
class ParameterState:
    """What an optimizer keeps for one parameter: the steps that were applied, and the arrays of its rule."""

    rule: str
    steps: int
    arrays: dict[str, NDArray[Any]]


def write_state_dict(steps: int, param_groups: list[Group], states: dict[Parameter, ParameterState]) -> dict[str, Any]:
    """Return the state dict: numbers for parameters, copies of arrays."""
    groups = []
    written: dict[int, dict[str, Any]] = {}
    number = 0
    for group in param_groups:
        numbers = []
        for param in group["params"]:
            numbers.append(number)
            if param in states:
                state = states[param]
                arrays = {name: array.copy() for name, array in state.arrays.items()}
                written[number] = {"step": state.steps, **arrays}
            number += 1
        groups.append({**group, "params": numbers})
    return {"steps": steps, "param_groups": groups, "state": written}


def read_state_dict(
    state_dict: dict[str, Any],
    param_groups: list[Group],
    check_options: Callable[[int, Group, Rule], dict[str, Any]],
) -> tuple[int, list[dict[str, Any]], dict[Parameter, ParameterState]]:
    """Return steps, hyper-parameters by group and states, all checked against `param_groups`; changes nothing."""
    if not isinstance(state_dict, dict):
        raise TypeError(f"state_dict must be a dict, got {type(state_dict).__name__}")
    missing = {"steps", "param_groups", "state"} - set(state_dict)
    if missing:
        raise ValueError(f"state_dict: the key {min(missing)!r} is missing")
    given_groups = state_dict["param_groups"]
    if len(given_groups) != len(param_groups):
        raise ValueError(f"state_dict has {len(given_groups)} groups, the optimizer {len(param_groups)}")
    options = []
    states: dict[Parameter, ParameterState] = {}
    unread = dict(state_dict["state"])
    number = 0
    for index, (given, group) in enumerate(zip(given_groups, param_groups, strict=True)):
        rule = find_rule(group["rule"])
        if given.get("rule") != rule.name:
            raise ValueError(f"state_dict, group {index}: rule is {given.get('rule')!r}, the optimizer's {rule.name!r}")
        numbers = list(range(number, number + len(group["params"])))
        if list(given.get("params", ())) != numbers:
            raise ValueError(f"state_dict, group {index}: params are {given.get('params')}, the optimizer's {numbers}")
        options.append(check_options(index, given, rule))
        for param in group["params"]:
            if number in unread:
                states[param] = _read_state(f"state_dict, parameter {number}", unread.pop(number), param, rule)
            number += 1
    if unread:
        raise ValueError(
            f"state_dict has state for parameter {next(iter(unread))!r}, the optimizer {number} parameters"
        )
    return _count("state_dict: steps", state_dict["steps"], 0), options, states


def _read_state(where: str, given: dict[str, Any], param: Parameter, rule: Rule) -> ParameterState:
    wanted = {"step", *rule.state_names}
    if set(given) != wanted:
        raise ValueError(f"{where}: has {', '.join(sorted(given))}, rule {rule.name} wants {', '.join(sorted(wanted))}")
    shape = rule.state_shape(param.data)
    arrays = {}
    for name in rule.state_names:
        array = given[name]
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{where}: {name} must be a NumPy array, got {type(array).__name__}")
        if array.dtype != param.dtype:
            raise TypeError(f"{where}: {name} must be {param.dtype}, got {array.dtype}")
        if array.shape != shape:
            raise ValueError(f"{where}: {name} must have the shape {shape}, got {array.shape}")
        arrays[name] = np.array(array, dtype=param.dtype, order="C")
    return ParameterState(rule.name, _count(f"{where}: step", given["step"], 1), arrays)


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got bool")
    count = operator.index(value)
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}")
    return count
