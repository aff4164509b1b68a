"""Dropout: some inputs are silenced while training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Dropout:
    """Set each element to 0 with probability `rate` and divide the others by ``1 - rate``, as `torch.nn.Dropout`.

    Parameters
    ----------
    rate : float
        At least 0 and below 1. With 0 the layer hands its input through.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dropout(0.5)
    >>> output, backprop = layer.forward(np.ones((1, 4)), rng=np.random.default_rng(0))
    >>> output
    array([[2., 2., 2., 0.]])
    >>> layer.forward(np.ones((1, 4)))[0]  # without a generator: prediction
    array([[1., 1., 1., 1.]])
    """

    def __init__(self, rate: float = 0.5) -> None:
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"dropout: expected 0 <= rate < 1, got {rate}")
        self.rate = float(rate)

    def forward(
        self, x: NDArray[Any], rng: np.random.Generator | None = None
    ) -> tuple[NDArray[Any], Callable[[NDArray[Any]], NDArray[Any]]]:
        """Apply the layer.

        Parameters
        ----------
        x : ndarray of float32 or float64, any shape
        rng : numpy.random.Generator, optional
            Draws what is silenced. None: prediction, nothing is.

        Returns
        -------
        output : ndarray, shape and dtype of `x`
        backprop : callable
            Gradient of `output` to gradient of `x`.
        """
        if rng is None or self.rate == 0.0:
            return x, lambda grad_output: grad_output
        # float32 numbers whatever x is: the same seed silences the same elements in both precisions.
        keep = (rng.random(x.shape, dtype=np.float32) >= self.rate) * x.dtype.type(1.0 / (1.0 - self.rate))
        return x * keep, lambda grad_output: grad_output * keep
