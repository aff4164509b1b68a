"""The dense linear layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..parameter import Parameter


class Linear:
    """``x @ weight.T + bias``, as `torch.nn.Linear`.

    Parameters
    ----------
    in_features, out_features : int
        Columns of the input and of the output.
    dtype : {"float32", "float64"}
        Element type of the weights.
    seed : int or numpy.random.Generator, optional
        Where the first weights come from: uniform within ``1 / sqrt(in_features)``, weight before bias.

    Attributes
    ----------
    weight : Parameter
        Shape (out_features, in_features).
    bias : Parameter
        Shape (out_features,).

    Examples
    --------
    >>> import numpy as np
    >>> layer = Linear(3, 2, seed=0)
    >>> output, backprop = layer.forward(np.ones((4, 3), np.float32))
    >>> output.shape
    (4, 2)
    >>> backprop(np.ones_like(output)).shape  # the gradients of weight and bias are added on the way
    (4, 3)
    >>> layer.bias.grad
    array([4., 4.], dtype=float32)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        dtype: DTypeLike = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        if in_features < 1 or out_features < 1:
            raise ValueError(f"a linear layer has at least 1 column in and out, got {in_features} and {out_features}")
        rng = np.random.default_rng(seed)
        bound = 1.0 / np.sqrt(in_features)
        self.weight = Parameter(rng.uniform(-bound, bound, (out_features, in_features)).astype(dtype))
        self.bias = Parameter(rng.uniform(-bound, bound, out_features).astype(dtype))

    def parameters(self) -> list[Parameter]:
        """Return the weight and the bias."""
        return [self.weight, self.bias]

    def forward(self, x: NDArray[Any]) -> tuple[NDArray[Any], Callable[[NDArray[Any]], NDArray[Any]]]:
        """Apply the layer.

        Parameters
        ----------
        x : ndarray, shape (batch, in_features)
            The input, of the weights' dtype. It must not change before `backprop` is called.

        Returns
        -------
        output : ndarray, shape (batch, out_features)
        backprop : callable
            Takes the gradient of `output`, adds to the gradients of `weight` and `bias`, returns the gradient of `x`.

        Raises
        ------
        ValueError
            `x` is not two-dimensional with `in_features` columns.
        """
        weight = self.weight.data
        if x.ndim != 2 or x.shape[1] != weight.shape[1]:
            raise ValueError(f"x: expected shape (batch, {weight.shape[1]}), got {x.shape}")

        def backprop(grad_output: NDArray[Any]) -> NDArray[Any]:
            self.weight.add_grad(grad_output.T @ x, copy=False)
            self.bias.add_grad(grad_output.sum(axis=0))
            return np.asarray(grad_output @ weight)

        return x @ weight.T + self.bias.data, backprop
