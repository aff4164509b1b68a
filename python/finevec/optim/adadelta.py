"""Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from .. import _finevec
from ..checks import not_negative
from ..parameter import Grad, Parameter
from .optimizer import Optimizer
from .rule import Options, Rule, State, limits, register


class AdadeltaRule(Rule):
    """Steps scaled by the ratio of the running sizes of steps and gradients."""

    name = "adadelta"
    state_names = ("square_avg", "acc_delta")
    defaults: ClassVar[Options] = {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0}

    def check(self, options: Options) -> dict[str, Any]:
        """Return all hyper-parameters as plain floats."""
        checked = {name: not_negative(name, options[name]) for name in self.defaults}
        if checked["rho"] > 1.0:
            raise ValueError(f"rho must be within 0 <= rho <= 1, got {checked['rho']}")
        return checked

    def update(self, param: Parameter, grad: Grad, state: State, step: int, options: Options) -> None:
        """Apply the rule in place."""
        _finevec.adadelta_update(
            param.data,
            state["square_avg"],
            state["acc_delta"],
            grad,
            lr=options["lr"],
            rho=options["rho"],
            eps=options["eps"],
            weight_decay=options["weight_decay"],
            **limits(param),
        )


ADADELTA_RULE = register(AdadeltaRule())


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012), as ``torch.optim.Adadelta``.

    Both averages start at zero, and::

        v = rho * v + (1 - rho) * g*g
        delta = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * delta*delta
        w -= lr * delta

    The averages of rows that are not touched stay as they are.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        See `Optimizer`.
    lr : float
        Multiplies the step.
    rho : float
        Decay of the averages, within ``0 <= rho <= 1``. Kim (2014) takes 0.95.
    eps : float
        Starts the steps, and keeps the division from zero.
    weight_decay : float
        Adds ``weight_decay * w`` to the gradient; for a row-sparse one, in the touched rows only.

    Notes
    -----
    The state, `square_avg` (v) and `acc_delta` (u), has the parameter's shape.
    """

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, ADADELTA_RULE, {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay})
