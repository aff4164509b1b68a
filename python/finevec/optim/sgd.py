"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from .. import _finevec
from ..parameter import Grad, Parameter
from .optimizer import Optimizer
from .rule import Options, Rule, State, limits, register


class SGDRule(Rule):
    """``w -= lr * g``."""

    name = "sgd"
    defaults: ClassVar[Options] = {"lr": 1e-3, "weight_decay": 0.0}

    def update(self, param: Parameter, grad: Grad, state: State, step: int, options: Options) -> None:
        """Apply the rule in place."""
        _finevec.sgd_update(param.data, grad, lr=options["lr"], weight_decay=options["weight_decay"], **limits(param))


SGD_RULE = register(SGDRule())


class SGD(Optimizer):
    """Stochastic gradient descent: ``w -= lr * g``, as ``torch.optim.SGD`` without momentum.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        See `Optimizer`.
    lr : float
        Learning rate.
    weight_decay : float
        Adds ``weight_decay * w`` to the gradient; for a row-sparse one, in the touched rows only.
    """

    def __init__(
        self, params: Iterable[Parameter] | Iterable[dict[str, Any]], lr: float = 1e-3, *, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, SGD_RULE, {"lr": lr, "weight_decay": weight_decay})
