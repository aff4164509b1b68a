"""Clipping of gradients by their global norm."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .. import _finevec
from ..checks import positive
from ..parameter import Parameter


def clip_grad_norm_(
    parameters: Parameter | Iterable[Parameter], max_norm: float, *, error_if_nonfinite: bool = False
) -> float:
    """Limit the L2 norm of all gradients together, dense and row-sparse.

    The norm is that of what an update would apply: gradients of equal ids are summed first; padding rows, rows with
    multiplier 0 in `row_lr`, frozen parameters and parameters without gradient do not count. No gradient array is
    written to: the coefficient ``min(1, max_norm / (norm + 1e-6))`` multiplies each parameter's `grad_scale`, which the
    next update applies and `zero_grad` sets back to 1.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Each one once.
    max_norm : float
        Largest norm, above 0; infinity only measures.
    error_if_nonfinite : bool
        Whether a norm that is infinite or NaN is an error.

    Returns
    -------
    float
        The norm before clipping. **When it is infinite or NaN nothing is clipped**: check it, or ask for the error.

    Raises
    ------
    RuntimeError
        The norm is not finite, and `error_if_nonfinite` is True. Nothing was changed.
    TypeError, ValueError
        `max_norm` is no positive number, or a parameter is given twice.

    Notes
    -----
    ``torch.nn.utils.clip_grad_norm_``, which turns all gradients into NaN or zero for a norm that is not finite.
    For groups of an optimizer that may still be frozen, see `Optimizer.clip_grad_norm_`.

    Examples
    --------
    >>> import numpy as np
    >>> from finevec import Parameter
    >>> from finevec.optim import clip_grad_norm_
    >>> table, bias = Parameter(np.zeros((9, 1))), Parameter(np.zeros(1))
    >>> table.add_rows([4, 4], np.array([[1.0], [2.0]]))
    >>> bias.add_grad(np.array([4.0]))
    >>> clip_grad_norm_([table, bias], max_norm=2.5)
    5.0
    >>> round(table.grad_scale, 6), round(bias.grad_scale, 6)
    (0.5, 0.5)
    """
    largest = positive("max_norm", max_norm, infinite=True)
    given = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    if len(set(map(id, given))) != len(given):
        raise ValueError("a parameter is given twice")
    clipped: list[Parameter] = []
    sq_norm = 0.0
    for param in given:
        if param.grad is not None and param.requires_grad:
            sq = _finevec.grad_sq_norm(param.data, param.grad, padding_idx=param.padding_idx, row_lr=param.row_lr)
            sq_norm += param.grad_scale**2 * sq
            clipped.append(param)
    norm = math.sqrt(sq_norm)
    if not math.isfinite(norm):
        if error_if_nonfinite:
            raise RuntimeError(f"the norm of the gradients must be finite, got {norm}")
        return norm
    coefficient = min(1.0, largest / (norm + 1e-6))
    for param in clipped:
        param.grad_scale *= coefficient
    return norm
