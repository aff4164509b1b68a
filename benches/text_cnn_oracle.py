"""What a training step of the text CNN must give, in float64 by im2col, and how far a shorter float may be from it.

A sum of n terms is taken to be off by at most ``8 sqrt(n) u`` of the sum of their sizes, u being half the distance
between 1 and the next number: its roundings have no common sign (Higham and Mary, 2019, "A New Approach to
Probabilistic Rounding Error Analysis", theorem 2.4 with lambda 8). Errors are carried on through every layer by the
sizes of what they are multiplied with. Where several windows are that near to the largest, rounding may choose another
one, and the whole of their gradients counts as the error.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from finevec.models import TextCNN
from finevec.models.text_classifier import Example
from oracle import Near

Array = np.ndarray


class _Texts:
    """The windows of each text and width, as rows of im2col, and the responses of the filters there."""

    def __init__(self, model: TextCNN, examples: Sequence[Example], unit: float) -> None:
        layer, filters, dim = model.convolution, model.convolution.filters, model.vectors.shape[1]
        self.unit, self.dim, self.count, self.widths = unit, dim, filters, layer.widths
        weight = layer.weight.data.astype(np.float64)
        cuts = np.cumsum([0, *(width * filters for width in layer.widths)])
        self.taps = [weight[start:end].reshape(-1, filters, dim) for start, end in pairwise(cuts)]
        self.rows = [model.vectors[example.ids].astype(np.float64) for example in examples]
        bias = layer.bias.data.astype(np.float64).reshape(-1, filters)
        shape = (len(examples), len(self.widths), filters)
        self.responses, self.error = np.empty(shape), np.empty(shape)
        self.first = np.empty(shape, np.int64)
        self.near = np.empty(shape, object)
        for text, width in np.ndindex(shape[:2]):
            columns, flat = self.columns(text, width), self.flat(width)
            found = columns @ flat.T
            sizes = np.abs(columns) @ np.abs(flat).T + np.abs(bias[width])
            error = self.rounding(flat.shape[1] + 1) * sizes.max(axis=0)
            self.responses[text, width] = found.max(axis=0) + bias[width]
            self.error[text, width] = error
            self.first[text, width] = found.argmax(axis=0)
            near = found >= found.max(axis=0) - 2 * error
            for filter_ in range(filters):
                self.near[text, width, filter_] = np.flatnonzero(near[:, filter_])

    def rounding(self, terms: float) -> float:
        """Return the relative error of a sum."""
        return 8 * float(np.sqrt(terms)) * self.unit

    def columns(self, text: int, width: int) -> Array:
        """Return a text's windows, a row of ``taps * dim`` numbers for each."""
        padded = np.pad(self.rows[text], ((self.widths[width] - 1,) * 2, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.widths[width], axis=0)
        return windows.transpose(0, 2, 1).reshape(len(windows), -1)

    def flat(self, width: int) -> Array:
        """Return the filters of a width, a row for each."""
        return self.taps[width].transpose(1, 0, 2).reshape(self.count, -1)


class StepOracle:
    """The loss of a batch without dropout, and all gradients, each with its bound."""

    def __init__(self, model: TextCNN, examples: Sequence[Example]) -> None:
        unit = float(np.finfo(model.vectors.dtype).eps) / 2
        texts = _Texts(model, examples, unit)
        output, batch = model.output.weight.data.astype(np.float64), len(examples)
        targets = np.array([example.target for example in examples])
        responses = texts.responses.reshape(batch, -1)
        pooled, pooled_error = np.maximum(responses, 0), texts.error.reshape(batch, -1)
        logits = pooled @ output.T + model.output.bias.data.astype(np.float64)
        sizes = pooled @ np.abs(output).T + np.abs(model.output.bias.data)
        logits_error = pooled_error @ np.abs(output).T + texts.rounding(len(output.T) + 1) * sizes
        worst = logits_error.max()
        shifted = logits - logits.max(axis=1, keepdims=True)
        shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(batch), targets]
        self.logits = Near(logits, logits_error)
        self.loss = Near(losses.mean(), np.asarray(2 * worst + 32 * unit * (1 + np.abs(logits).max())))

        grad = (shares - np.eye(len(output))[targets]) / batch
        grad_error = (2 * worst + 32 * unit * (1 + np.abs(logits).max())) * np.ones_like(grad) / batch
        rounding = texts.rounding(batch)
        weight_error = grad_error.T @ pooled + np.abs(grad).T @ (pooled_error + rounding * pooled)
        back = grad @ output
        back_error = grad_error @ np.abs(output) + texts.rounding(len(output)) * np.abs(grad) @ np.abs(output)
        passes = responses > 0
        kinks = np.abs(responses) <= pooled_error
        passed = np.where(passes, back, 0)
        passed_error = np.where(passes, back_error, 0) + np.where(kinks, np.abs(back) + back_error, 0)
        self.grads = {
            "output.weight": Near(grad.T @ pooled, weight_error),
            "output.bias": Near(grad.sum(axis=0), (grad_error + rounding * np.abs(grad)).sum(axis=0)),
            "convolution.bias": Near(passed.sum(axis=0), (passed_error + rounding * np.abs(passed)).sum(axis=0)),
            **_convolution(model, examples, texts, passed, passed_error),
        }

    def check(self, what: str, loss: float, grads: dict[str, Array]) -> float:
        """Compare all; return the largest difference from a gradient, as a share of that array's largest number.

        Raises
        ------
        AssertionError
            A number is further off than its bound.
        """
        self.loss.check(np.asarray(loss), f"{what}, loss")
        for name, near in self.grads.items():
            near.check(grads[name], f"{what}, gradient of {name}")
        return max(
            float(np.abs(grads[name] - near.value).max() / np.abs(near.value).max())
            for name, near in self.grads.items()
        )


def _convolution(
    model: TextCNN, examples: Sequence[Example], texts: _Texts, grad: Array, grad_error: Array
) -> dict[str, Near]:
    """Return the gradients of the filters and of the table."""
    weights = [(np.zeros_like(taps), np.zeros_like(taps)) for taps in texts.taps]
    table, table_error = np.zeros(model.vectors.shape), np.zeros(model.vectors.shape)
    counts = np.bincount(np.concatenate([example.ids for example in examples]), minlength=len(table))
    grad, grad_error = (array.reshape(texts.responses.shape) for array in (grad, grad_error))
    for text, width in np.ndindex(grad.shape[:2]):
        taps, columns, flat = texts.widths[width], texts.columns(text, width), texts.flat(width)
        chosen, doubt = np.zeros((len(columns), texts.count)), np.zeros((len(columns), texts.count))
        chosen[texts.first[text, width], np.arange(texts.count)] = grad[text, width]
        for filter_, near in enumerate(texts.near[text, width]):
            value = abs(grad[text, width, filter_]) if len(near) > 1 else 0
            doubt[near, filter_] = grad_error[text, width, filter_] + value

        def by_tap(rows: Array, taps: int = taps) -> Array:
            return rows.reshape(texts.count, taps, texts.dim).transpose(1, 0, 2)

        rounded = doubt + texts.rounding(len(examples)) * np.abs(chosen)
        weights[width][0][...] += by_tap(chosen.T @ columns)
        weights[width][1][...] += by_tap(rounded.T @ np.abs(columns))
        # A word has up to a gradient from each filter and tap, of each place where it stands.
        ids, length = examples[text].ids, len(examples[text].ids)
        terms = np.sqrt(counts[ids] * sum(texts.widths) * texts.count)[:, None]
        value = (chosen @ flat).reshape(len(columns), taps, -1)
        size = (np.abs(chosen) @ np.abs(flat)).reshape(value.shape)
        error = (doubt @ np.abs(flat)).reshape(value.shape)
        for tap in range(taps):
            windows = slice(taps - 1 - tap, taps - 1 - tap + length)
            np.add.at(table, ids, value[windows, tap])
            np.add.at(table_error, ids, error[windows, tap] + 8 * texts.unit * terms * size[windows, tap])
    value, error = (np.concatenate([pair[side].reshape(-1, texts.dim) for pair in weights]) for side in (0, 1))
    return {"convolution.weight": Near(value, error), "embedding": Near(table, table_error)}
