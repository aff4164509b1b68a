"""The text CNN's convolution: filters over windows of words, and the largest response of each text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _finevec
from ..checks import integer
from ..parameter import Parameter


class NgramMax:
    """Filters over windows of words, their largest response in each text, and ReLU (Kim, 2014, section 2).

    With `x` the vectors of a text's words and zeros beyond its ends, the response of a filter of some width to the
    window that starts at `s` is ``Σ_tap weight[tap] @ x[s + tap]``, and its output
    ``max(max_s response[s] + bias, 0)``. Windows start up to ``width - 1`` words before the text and end as many behind
    it, so that a text may be shorter than a filter. A text without words has responses of 0.

    A linear map commutes with a lookup: the *different* words of a batch are projected onto all weights by one dense
    product, and responses are sums of looked-up projections. On the way back only the window with the largest response
    has a gradient, the first one of equals.

    Parameters
    ----------
    dim : int
        Length of a word's vector.
    widths : sequence of int
        Words that a filter sees, for each kind of filter.
    filters : int
        Filters of each width.
    dtype : {"float32", "float64"}
        Element type of the weights.
    seed : int or numpy.random.Generator, optional
        Where the first weights come from: uniform within ``1 / sqrt(width * dim)`` by a filter's width, as those of
        `torch.nn.Conv1d`. Biases start at 0.

    Attributes
    ----------
    weight : Parameter
        Shape (sum(widths) * filters, dim): by width, then tap, then filter.
    bias : Parameter
        Shape (len(widths) * filters,): by width, then filter.

    Examples
    --------
    >>> import numpy as np
    >>> layer = NgramMax(4, widths=(2, 3), filters=5, seed=0)
    >>> words = np.ones((3, 4), np.float32)  # the vectors of three different words
    >>> output, backprop = layer.forward(words, ids=np.array([0, 1, 0, 2]), offsets=np.array([0, 3, 4]))
    >>> output.shape
    (2, 10)
    >>> backprop(np.ones_like(output)).shape  # the gradients of weight and bias are added on the way
    (3, 4)
    """

    def __init__(
        self,
        dim: int,
        *,
        widths: Sequence[int] = (3, 4, 5),
        filters: int = 100,
        dtype: DTypeLike = "float32",
        seed: int | np.random.Generator | None = None,
    ) -> None:
        dim, filters = integer("dim", dim, least=1), integer("filters", filters, least=1)
        self.widths = tuple(integer("width", width, least=1) for width in widths)
        if not self.widths:
            raise ValueError("widths: expected at least one width, got none")
        self.filters = filters
        rng = np.random.default_rng(seed)
        first = np.empty((sum(self.widths) * filters, dim), dtype)
        end = 0
        for width in self.widths:
            for _ in range(width):  # one tap of all filters at a time: what is drawn is float64
                start, end = end, end + filters
                first[start:end] = rng.uniform(-1.0, 1.0, (filters, dim)) * (1.0 / np.sqrt(width * dim))
        self.weight = Parameter(first)
        self.bias = Parameter(np.zeros(len(self.widths) * filters, dtype))

    def parameters(self) -> list[Parameter]:
        """Return the weight and the bias."""
        return [self.weight, self.bias]

    def forward(
        self, vectors: NDArray[Any], ids: NDArray[np.integer[Any]], offsets: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[Any], Callable[..., NDArray[Any] | None]]:
        """Apply the filters to a batch of texts.

        Parameters
        ----------
        vectors : ndarray, shape (words, dim)
            The vectors of the batch's different words, of the weights' dtype. They must not change before `backprop` is
            called.
        ids : ndarray of integers, shape (n,)
            The words of all texts, as rows of `vectors`, one text after the other.
        offsets : ndarray of integers, shape (texts + 1,)
            Text t is ``ids[offsets[t]:offsets[t + 1]]``; it may be empty.

        Returns
        -------
        output : ndarray, shape (texts, len(widths) * filters)
        backprop : callable
            ``backprop(grad_output, with_vectors=True)`` adds to the gradients of `weight` and `bias`, and returns the
            gradient of `vectors`, or None where it is not wanted.

        Raises
        ------
        TypeError
            `vectors`, or `grad_output`, is no array of the weights' dtype.
        ValueError
            A shape does not fit, or offsets do not cut the ids.
        IndexError
            An id is no row of `vectors`.
        """
        weight, bias = self.weight.data, self.bias.data
        if not isinstance(vectors, np.ndarray):
            raise TypeError(f"vectors: expected an ndarray, got {type(vectors).__name__}")
        if vectors.dtype != weight.dtype:
            raise TypeError(f"vectors: expected {weight.dtype}, as the weights, got {vectors.dtype}")
        if vectors.ndim != 2 or vectors.shape[1] != weight.shape[1]:
            raise ValueError(f"vectors: expected shape (words, {weight.shape[1]}), got {vectors.shape}")
        shapes: dict[str, Any] = {"widths": list(self.widths), "filters": self.filters}
        responses, windows = _finevec.ngram_max(ids, offsets, vectors @ weight.T, **shapes)
        responses += bias
        output = np.maximum(responses, 0)

        def backprop(grad_output: NDArray[Any], with_vectors: bool = True) -> NDArray[Any] | None:
            if not isinstance(grad_output, np.ndarray):
                raise TypeError(f"grad_output: expected an ndarray, got {type(grad_output).__name__}")
            if grad_output.shape != output.shape:
                raise ValueError(f"grad_output: expected the output's shape {output.shape}, got {grad_output.shape}")
            if grad_output.dtype != output.dtype:
                raise TypeError(f"grad_output: expected {output.dtype}, as the output, got {grad_output.dtype}")
            grad = np.where(output > 0, grad_output, grad_output.dtype.type(0))
            grad_weight, grad_vectors = _finevec.ngram_backward(
                ids, offsets, grad, windows, vectors, weight, **shapes, with_vectors=with_vectors
            )
            self.weight.add_grad(grad_weight, copy=False)
            self.bias.add_grad(grad.sum(axis=0))
            return grad_vectors

        return output, backprop
