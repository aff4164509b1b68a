"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from .. import _finevec
from ..parameter import Grad, Parameter
from .optimizer import Optimizer
from .rule import Options, Rule, State, limits, register


class AdagradRule(Rule):
    """``s += g*g; w -= lr / (1 + (step - 1) * lr_decay) * g / (sqrt(s) + eps)``."""

    name = "adagrad"
    state_names = ("state_sum",)
    defaults: ClassVar[Options] = {
        "lr": 1e-2,
        "lr_decay": 0.0,
        "weight_decay": 0.0,
        "initial_accumulator_value": 0.0,
        "eps": 1e-10,
    }

    def initial_value(self, options: Options) -> float:
        """Return `initial_accumulator_value`."""
        return float(options["initial_accumulator_value"])

    def update(self, param: Parameter, grad: Grad, state: State, step: int, options: Options) -> None:
        """Apply the rule in place."""
        _finevec.adagrad_update(
            param.data,
            state["state_sum"],
            grad,
            lr=options["lr"] / (1.0 + (step - 1) * options["lr_decay"]),
            eps=options["eps"],
            weight_decay=options["weight_decay"],
            **limits(param),
        )


ADAGRAD_RULE = register(AdagradRule())


class Adagrad(Optimizer):
    """Adagrad (Duchi et al., 2011), as ``torch.optim.Adagrad``.

    With `t` the parameter's own step count, from 1, and `s` starting at `initial_accumulator_value`::

        s += g*g
        w -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        See `Optimizer`.
    lr : float
        Learning rate.
    lr_decay : float
        How fast the learning rate falls with the steps.
    weight_decay : float
        Adds ``weight_decay * w`` to the gradient; for a row-sparse one, in the touched rows only.
    initial_accumulator_value : float
        Where each element of the state starts.
    eps : float
        Keeps the division from zero. Keras has it inside the root, with another default.

    Notes
    -----
    The state, `state_sum`, has the parameter's shape.
    """

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        options = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
        }
        super().__init__(params, ADAGRAD_RULE, options)
