"""How related two sentences are, from a vector of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..parameter import Parameter
from .linear import Linear


class Relatedness:
    """Product and distance of two vectors → sigmoid layer → linear: Tai, Socher and Manning (2015), equation 15.

    With `l` and `r` the vectors of the two sentences::

        h_s    = sigmoid(W_x (l · r) + W_+ |l - r| + b_h)
        logits = W_p h_s + b_p

    Parameters
    ----------
    in_features : int
        Length of a sentence's vector.
    hidden : int
        Length of `h_s`.
    classes : int
        Columns of the logits.
    dtype : {"float32", "float64"}
        Element type of the weights.
    seed : int or numpy.random.Generator, optional
        Where the first weights come from, see `Linear`.

    Attributes
    ----------
    compared : Linear
        ``W_x`` and ``W_+`` side by side, shape (hidden, 2 * in_features), and ``b_h``.
    output : Linear
        ``W_p``, shape (classes, hidden), and ``b_p``.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Relatedness(3, hidden=4, classes=5, seed=0)
    >>> left, right = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    >>> logits, backprop = layer.forward(left, right)
    >>> logits.shape
    (2, 5)
    >>> [grad.shape for grad in backprop(np.ones_like(logits))]
    [(2, 3), (2, 3)]
    """

    def __init__(
        self,
        in_features: int,
        *,
        hidden: int = 50,
        classes: int = 5,
        dtype: DTypeLike = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.compared = Linear(2 * in_features, hidden, dtype=dtype, seed=rng)
        self.output = Linear(hidden, classes, dtype=dtype, seed=rng)

    def parameters(self) -> list[Parameter]:
        """Return the weights and biases of both layers."""
        return [*self.compared.parameters(), *self.output.parameters()]

    def forward(
        self, left: NDArray[Any], right: NDArray[Any]
    ) -> tuple[NDArray[Any], Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]]:
        """Compare pairs.

        Parameters
        ----------
        left, right : ndarray, shape (pairs, in_features)
            Of the weights' dtype. They must not change before `backprop` is called.

        Returns
        -------
        logits : ndarray, shape (pairs, classes)
        backprop : callable
            Takes the gradient of `logits`, adds to the gradients of the parameters, and returns those of `left` and
            `right`. Where two elements are equal, their distance has the gradient 0.

        Raises
        ------
        ValueError
            The shapes do not fit.
        """
        if left.shape != right.shape:
            raise ValueError(f"right: expected the shape of left, {left.shape}, got {right.shape}")
        difference = left - right
        features = np.concatenate([left * right, np.abs(difference)], axis=1)
        compared, backprop_compared = self.compared.forward(features)
        hidden = 0.5 + 0.5 * np.tanh(0.5 * compared)  # the logistic function, without overflow
        logits, backprop_output = self.output.forward(hidden)

        def backprop(grad_logits: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
            grad_hidden = backprop_output(grad_logits)
            grad_product, grad_distance = np.split(backprop_compared(grad_hidden * hidden * (1 - hidden)), 2, axis=1)
            grad_difference = grad_distance * np.sign(difference)
            return grad_product * right + grad_difference, grad_product * left - grad_difference

        return logits, backprop
