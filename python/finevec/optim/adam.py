"""Adam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .. import _finevec
from ..checks import fitting, fraction, not_negative
from ..parameter import Grad, Parameter
from .optimizer import Optimizer
from .rule import Options, Rule, State, limits, register


class AdamRule(Rule):
    """Moments of the gradient, corrected for their start at zero."""

    name = "adam"
    state_names = ("exp_avg", "exp_avg_sq")
    signed_states = ("exp_avg",)
    defaults: ClassVar[Options] = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0}

    def check(self, options: Options) -> dict[str, Any]:
        """Return all hyper-parameters, `betas` as a tuple of two floats."""
        betas = options["betas"]
        if not isinstance(betas, (tuple, list)):
            raise TypeError(f"betas must be a tuple of two numbers, got {type(betas).__name__}")
        if len(betas) != 2:
            raise ValueError(f"betas must be a tuple of two numbers, got {len(betas)}")
        checked: dict[str, Any] = {name: not_negative(name, options[name]) for name in ("lr", "eps", "weight_decay")}
        checked["betas"] = (fraction("betas[0]", betas[0]), fraction("betas[1]", betas[1]))
        return checked

    def check_fits(self, options: Options, dtype: np.dtype[Any]) -> None:
        """Refuse also an lr that its bias correction makes infinite: at the first step, where it is largest."""
        super().check_fits(options, dtype)
        fitting("lr / (1 - betas[0])", options["lr"] / (1.0 - options["betas"][0]), dtype)

    def update(self, param: Parameter, grad: Grad, state: State, step: int, options: Options) -> None:
        """Apply the rule in place."""
        _finevec.adam_update(
            param.data,
            state["exp_avg"],
            state["exp_avg_sq"],
            grad,
            lr=options["lr"],
            betas=options["betas"],
            eps=options["eps"],
            step=step,
            weight_decay=options["weight_decay"],
            **limits(param),
        )


ADAM_RULE = register(AdamRule())


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), as ``torch.optim.Adam`` where dense and ``torch.optim.SparseAdam`` where row-sparse.

    With `t` the parameter's own step count, from 1, both moments start at zero, and::

        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g*g - v)
        dense:       w -= lr / (1 - beta1**t) * m / (sqrt(v) / sqrt(1 - beta2**t) + eps)
        row-sparse:  w -= lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)

    The moments of rows that are not touched stay as they are.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        See `Optimizer`.
    lr : float
        Learning rate.
    betas : tuple of two floats
        Decay of the moments, each within ``0 <= beta < 1``.
    eps : float
        Keeps the division from zero: after bias correction where dense, before it where row-sparse.
    weight_decay : float
        Adds ``weight_decay * w`` to the gradient; for a row-sparse one, in the touched rows only (SparseAdam has none).

    Notes
    -----
    The state, `exp_avg` (m) and `exp_avg_sq` (v), has the parameter's shape.
    """

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, ADAM_RULE, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
