"""Row-wise Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from numpy.typing import NDArray

from .. import _finevec
from ..parameter import Grad, Parameter
from .optimizer import Optimizer
from .rule import Options, Rule, State, limits, register


class RowWiseAdagradRule(Rule):
    """``s_row += mean(g*g); w -= lr * g / (sqrt(s_row) + eps)``."""

    name = "rowwise_adagrad"
    state_names = ("state_sum",)
    defaults: ClassVar[Options] = {
        "lr": 1e-2,
        "weight_decay": 0.0,
        "initial_accumulator_value": 0.0,
        "eps": 1e-10,
    }

    def state_shape(self, data: NDArray[Any]) -> tuple[int, ...]:
        """Return (rows,)."""
        return data.shape[:1]

    def initial_value(self, options: Options) -> float:
        """Return `initial_accumulator_value`."""
        return float(options["initial_accumulator_value"])

    def update(self, param: Parameter, grad: Grad, state: State, step: int, options: Options) -> None:
        """Apply the rule in place."""
        _finevec.rowwise_adagrad_update(
            param.data,
            state["state_sum"],
            grad,
            lr=options["lr"],
            eps=options["eps"],
            weight_decay=options["weight_decay"],
            **limits(param),
        )


ROWWISE_ADAGRAD_RULE = register(RowWiseAdagradRule())


class RowWiseAdagrad(Optimizer):
    """Adagrad with one number of state per row, as FBGEMM's ``EXACT_ROWWISE_ADAGRAD``.

    With `s_row` starting at `initial_accumulator_value`::

        s_row += mean(g*g)
        w -= lr * g / (sqrt(s_row) + eps)

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        See `Optimizer`.
    lr : float
        Learning rate.
    weight_decay : float
        Adds ``weight_decay * w`` to the gradient; for a row-sparse one, in the touched rows only.
    initial_accumulator_value : float
        Where each row's state starts.
    eps : float
        Keeps the division from zero. FBGEMM's own default is 1e-8.

    Notes
    -----
    The state, `state_sum`, has the shape (rows,). A 1-D parameter counts as rows of one element each.
    """

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float = 1e-2,
        *,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        options = {
            "lr": lr,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
        }
        super().__init__(params, ROWWISE_ADAGRAD_RULE, options)
