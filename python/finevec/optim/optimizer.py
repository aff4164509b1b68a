"""The base of all optimizers: parameter groups, freezing, and the one step loop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .. import checks
from ..parameter import Grad, Parameter
from .clipping import clip_grad_norm_
from .rule import Options, Rule, find_rule
from .state import ParameterState, Rows, read_state_dict, write_state_dict

Group = dict[str, Any]


class _Update(NamedTuple):
    """One parameter's part in a step, checked."""

    param: Parameter
    grad: Grad
    rule: Rule
    options: Options
    state: ParameterState


class Optimizer:
    """Parameters in groups, and one rule for all or for each group. Made through `SGD`, `Adagrad` and the others.

    `params` is an iterable of `Parameter`, or of groups. A group is a dict with these keys:

    ``"params"``
        A `Parameter` or an iterable of them.
    ``"lr"`` and the other hyper-parameters of its rule
        Optional; else those of the optimizer hold.
    ``"rule"``
        Optional: "sgd", "adagrad", "rowwise_adagrad", "adam" or "adadelta", in place of the optimizer's own rule. Its
        other hyper-parameters then have that rule's defaults, except `lr`, which is the optimizer's unless given.
    ``"freeze_steps"``
        Optional, 0 by default: the group is frozen for this many steps of the optimizer, then trains. Gradients that
        arrive while it is frozen are dropped by `step`; its state and its step counts start when it thaws.

    A parameter's step count is 1 at its first applied step; a step at which it has no gradient does not count. Its
    state is made then, too. `param_groups` holds the groups, complete; hyper-parameters may be changed there at any
    time::

        for group in opt.param_groups:
            group["lr"] *= 0.95

    Raises
    ------
    TypeError, ValueError
        No parameters, a parameter that is given twice, an unknown key, or a hyper-parameter out of range.
    """

    param_groups: list[Group]
    steps: int
    """Number of calls of `step` that have been completed."""

    def __init__(
        self, params: Iterable[Parameter] | Iterable[dict[str, Any]], rule: Rule, options: dict[str, Any]
    ) -> None:
        self._rule = rule
        self._defaults = rule.check(options)
        self._states: dict[Parameter, ParameterState] = {}
        self.steps = 0
        self.param_groups = []
        if isinstance(params, (Parameter, dict)):
            raise TypeError(f"params must be a list of Parameter or of groups, got one {type(params).__name__}")
        if not isinstance(params, Iterable):
            raise TypeError(f"params must be a list of Parameter or of groups, got {_named(params)}")
        given: list[Any] = list(params)
        if not given:
            raise ValueError("params must hold at least one Parameter, got none")
        for group in given if all(isinstance(item, dict) for item in given) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add a group. Its `freeze_steps` count from the optimizer's first step, not from now.

        Raises
        ------
        TypeError, ValueError
            As for `Optimizer`; nothing was added.
        """
        index = len(self.param_groups)
        if "params" not in group:
            raise ValueError(f"param_groups[{index}]: the key 'params' is missing")
        rule = find_rule(group.get("rule", self._rule.name))
        defaults = self._defaults if rule is self._rule else {**rule.defaults, "lr": self._defaults["lr"]}
        complete: Group = {**defaults, "freeze_steps": 0, **group, "rule": rule.name}
        complete["params"] = self._checked_params(index, group["params"])
        complete.update(_checked_options(index, complete, rule, complete["params"]))
        self.param_groups.append(complete)

    def _checked_params(self, index: int, params: Any) -> list[Parameter]:
        given = [params] if isinstance(params, Parameter) else list(params)
        if not given:
            raise ValueError(f"param_groups[{index}]: params must hold at least one Parameter, got none")
        known = {param for group in self.param_groups for param in group["params"]}
        for param in given:
            if not isinstance(param, Parameter):
                raise TypeError(f"param_groups[{index}]: params must hold Parameter, got {_named(param)}")
            if param in known:
                raise ValueError(f"param_groups[{index}]: {param!r} is given twice")
            known.add(param)
        return given

    def frozen(self, group: int) -> bool:
        """Tell whether the next `step` leaves this group as it is, because of its `freeze_steps`.

        While that is so, `step` drops the group's gradients unread and `clip_grad_norm_` does not count them, so a
        training loop may do without them.
        """
        return bool(self.steps < self.param_groups[group]["freeze_steps"])

    def thawed(self) -> list[int]:
        """Return the groups whose frozen steps ended with the last `step`: from the next one on they train.

        A training loop that asks after every step is told of each thaw once, also when it goes on from a `state_dict`.
        """
        return [
            index
            for index, group in enumerate(self.param_groups)
            if group["freeze_steps"] > 0 and group["freeze_steps"] == self.steps
        ]

    def step(self) -> None:
        """Update every parameter that has a gradient and is not frozen. Gradients stay until `zero_grad`.

        Gradients of frozen parameters and groups are dropped.

        Raises
        ------
        TypeError, ValueError
            A hyper-parameter is out of range, a parameter is read-only, or the like. Nothing was changed: everything
            is checked for all parameters before the first one moves.
        MemoryError
            Memory ran out at one parameter; those before it have moved, and their steps count.
        """
        updates, dropped = self._checked_updates()
        for param, grad, rule, options, state in updates:
            rule.update(param, grad, state.arrays, state.steps + 1, options)
            state.steps += 1
            self._states[param] = state
        for param in dropped:
            param.zero_grad()
        self.steps += 1

    def _checked_updates(self) -> tuple[list[_Update], list[Parameter]]:
        """Return what a step does, and whose gradients it drops. Beyond this, no update can be refused.

        What `Parameter` checks when it is given need not be checked again: gradients, `row_lr`, `max_norm`.
        """
        updates: list[_Update] = []
        dropped: list[Parameter] = []
        for index, group in enumerate(self.param_groups):
            rule = find_rule(group["rule"])
            options = _checked_options(index, group, rule, group["params"])
            frozen = self.frozen(index)
            for param in group["params"]:
                grad = param.grad
                if frozen or not param.requires_grad:
                    dropped.append(param)
                elif grad is not None:
                    _check_writable(index, param)
                    updates.append(_Update(param, grad, rule, options, self._state_of(index, param, rule, options)))
        return updates, dropped

    def _state_of(self, index: int, param: Parameter, rule: Rule, options: Options) -> ParameterState:
        """Return the parameter's state, or a new one that counts only once its first update has succeeded."""
        state = self._states.get(param)
        if state is None:
            return ParameterState(rule.name, 0, rule.new_state(param.data, options))
        if state.rule != rule.name:
            raise ValueError(f"param_groups[{index}]: rule was {state.rule} for its first steps, got {rule.name}")
        for name, array in state.arrays.items():
            if not array.flags.writeable:  # unpickled from read-only memory
                raise ValueError(f"param_groups[{index}]: {name} of {param!r} is read-only, so it cannot be trained")
        return state

    def zero_grad(self) -> None:
        """Drop the gradients of all parameters, frozen or not."""
        for group in self.param_groups:
            for param in group["params"]:
                param.zero_grad()

    def clip_grad_norm_(self, max_norm: float, *, error_if_nonfinite: bool = False) -> float:
        """Clip what the next `step` would apply: `finevec.optim.clip_grad_norm_` without the groups that are frozen."""
        params = [p for i, group in enumerate(self.param_groups) if not self.frozen(i) for p in group["params"]]
        return clip_grad_norm_(params, max_norm, error_if_nonfinite=error_if_nonfinite)

    def state_dict(self, *, rows: Rows | None = None) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on from here, as plain dicts, numbers and copies of arrays.

        Parameters
        ----------
        rows : mapping of Parameter to ndarray of int64, shape (n,), optional
            Of these parameters' arrays of state, only these rows are copied. No other row may have been updated.

        Returns
        -------
        dict
            ``"steps"``: the optimizer's steps. ``"param_groups"``: a list of groups, with ``"params"`` as numbers that
            count the parameters through all groups. ``"state"``: by these numbers, ``{"step": int, name: array}``, for
            the parameters that have moved. The parameters' values, their `row_lr` and the like are not in it.
        """
        return write_state_dict(self.steps, self.param_groups, self._states, rows or {})

    def load_state_dict(self, state_dict: dict[str, Any], *, rows: Rows | None = None) -> None:
        """Take over what `state_dict` gave, hyper-parameters included. Arrays are copied.

        Parameters
        ----------
        state_dict : dict
            What `state_dict` returned.
        rows : mapping of Parameter to ndarray of int64, shape (n,), optional
            What it was given. State of all other rows starts anew, for mapped tables without taking memory for them.

        Raises
        ------
        TypeError, ValueError
            The groups, their rules, or the shapes or dtypes of arrays are not those of this optimizer, a number is out
            of range, or state that must not be negative is. Nothing was changed.
        """
        steps, options, states = read_state_dict(state_dict, self.param_groups, _checked_options, rows or {})
        self.steps = steps
        self._states = states
        for group, changed in zip(self.param_groups, options, strict=True):
            group.update(changed)

    def __repr__(self) -> str:
        """Rule and groups."""
        groups = ", ".join(
            str({key: len(value) if key == "params" else value for key, value in group.items()})
            for group in self.param_groups
        )
        return f"{type(self).__name__}([{groups}])"


def _named(value: object) -> str:
    """Return the type of what is no Parameter, and where a layer has one."""
    name = type(value).__name__
    return f"{name}: give its weight, [layer.weight]" if isinstance(getattr(value, "weight", None), Parameter) else name


def _checked_options(index: int, group: Group, rule: Rule, params: Iterable[Parameter]) -> dict[str, Any]:
    """Return the hyper-parameters of a group and its `freeze_steps`, checked; an error names the group."""
    known = {"params", "rule", "freeze_steps", *rule.defaults}
    unknown = [key for key in group if key not in known]
    if unknown:
        raise ValueError(
            f"param_groups[{index}]: unknown key {unknown[0]!r}; rule {rule.name} knows {', '.join(sorted(known))}"
        )
    missing = [name for name in ("freeze_steps", *rule.defaults) if name not in group]
    if missing:
        raise ValueError(f"param_groups[{index}]: the key {missing[0]!r} is missing")
    try:
        options = rule.check(group)
        for dtype in {param.dtype for param in params}:
            rule.check_fits(options, dtype)
        return {**options, "freeze_steps": checks.integer("freeze_steps", group["freeze_steps"], least=0)}
    except (TypeError, ValueError) as error:
        raise type(error)(f"param_groups[{index}]: {error}") from None


def _check_writable(index: int, param: Parameter) -> None:
    """Refuse data that an update cannot write: it may be looked up all the same."""
    data = param.data
    if not data.flags.writeable:
        raise ValueError(
            f"param_groups[{index}]: {param!r} is read-only, so it cannot be trained "
            '(mmap=True maps read-only tables, mmap="c" those that train)'
        )
    if data.size and len(data) > 1 and abs(data.strides[0]) < data.nbytes // len(data):
        raise ValueError(f"param_groups[{index}]: the rows of {param!r} overlap, so it cannot be trained")
