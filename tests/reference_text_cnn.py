"""The oracle of Kim's text CNN: im2col over explicitly padded texts, in float64, without any of the package's code.

Texts are lists of words, words are rows of the tables, and every gradient is summed term by term. Beside each number
goes its size: the same sum with every term made positive. To first order, rounding moves a number by no more than its
size times the longest chain of roundings on the way to it (`roundings`) times the unit of rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

PADDING = None


class Peak(NamedTuple):
    """The largest response of one filter in one text, bias included."""

    value: float
    size: float
    lead: float
    """Over the best window of other words."""
    window: tuple[int | None, ...]
    rows: list[int]
    """The row of weights of each tap."""


@dataclass
class Outcome:
    """What a batch gives; gradients and sizes by the names of the model's arrays, sizes also of "loss" and "logits"."""

    loss: float
    logits: np.ndarray
    grads: dict[str, np.ndarray]
    sizes: dict[str, np.ndarray]
    margin: float
    """How far the nearest response is from a tie for the maximum, or from the kink of the ReLU."""
    largest_response: float
    """The largest size of a response."""


def padded_windows(text, width):
    """Return the windows over a text with width - 1 paddings at both ends; a text without words has one, of paddings.

    Windows of the same words are one: they have the same response and the same gradients.
    """
    edge = [PADDING] * (width - 1)
    padded = [*edge, *text, *edge] if len(text) else [PADDING] * width
    return list(dict.fromkeys(tuple(padded[start : start + width]) for start in range(len(padded) - width + 1)))


def im2col(windows, table):
    """Return the vectors of each window's words in a row, zeros for paddings."""
    zeros = np.zeros(table.shape[1])
    return np.array([np.concatenate([zeros if word is PADDING else table[word] for word in w]) for w in windows])


def peaks(weight, bias, widths, filters, channels, text):
    """Return the `Peak` of every filter. Its responses to the channels are added."""
    found, first_row = [], 0
    for width in widths:
        windows = padded_windows(text, width)
        columns = [im2col(windows, channel) for channel in channels]
        for number in range(filters):
            rows = [first_row + tap * filters + number for tap in range(width)]
            kernel, shift = np.concatenate([weight[row] for row in rows]), bias[len(found)]
            responses = sum(column @ kernel for column in columns)
            size = max(sum(np.abs(column) @ np.abs(kernel) for column in columns)) + abs(shift)
            best = int(responses.argmax())
            others = np.delete(responses, best)
            lead = responses[best] - others.max() if others.size else np.inf
            found.append(Peak(float(responses[best] + shift), float(size), float(lead), windows[best], rows))
        first_row += width * filters
    return found


def ngram_max(weight, bias, widths, filters, vectors, texts):
    """Return the layer's outputs, their sizes, and the margin to ties and kinks."""
    weight, bias, vectors = (array.astype(np.float64) for array in (weight, bias, vectors))
    found = [peaks(weight, bias, widths, filters, [vectors], text) for text in texts]
    return relu(found), np.array([[peak.size for peak in row] for row in found]), margin(found)


def relu(found):
    return np.array([[max(peak.value, 0.0) for peak in row] for row in found])


def margin(found):
    return min(min(abs(peak.value), peak.lead) for row in found for peak in row)


def text_cnn(arrays, widths, filters, texts, targets, keep=None):
    """Compute loss, logits and all gradients of a batch.

    Parameters
    ----------
    arrays : dict of ndarray
        As `TextCNN.arrays` names them; with "static" there are two channels.
    keep : ndarray, shape (texts, len(widths) * filters), optional
        The dropout: what each filter's output is multiplied by.
    """
    arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
    weight, output = arrays["convolution.weight"], arrays["output.weight"]
    channels = [arrays[name] for name in ("embedding", "static") if name in arrays]
    found = [peaks(weight, arrays["convolution.bias"], widths, filters, channels, text) for text in texts]
    keep = np.ones((len(texts), len(found[0]))) if keep is None else keep.astype(np.float64)
    pooled = relu(found) * keep
    pooled_size = np.array([[peak.size for peak in row] for row in found]) * keep
    logits = pooled @ output.T + arrays["output.bias"]
    logits_size = pooled_size @ np.abs(output).T + np.abs(arrays["output.bias"])

    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    wanted = np.eye(len(output))[targets]
    loss = -np.log((probabilities * wanted).sum(axis=1)).mean()
    # A change of the logits by d changes a log-probability by up to 2 d.
    amplified = 1 + 2 * logits_size.max(axis=1, keepdims=True)
    grad_logits = (probabilities - wanted) / len(texts)
    grad_logits_size = (probabilities + wanted) * amplified / len(texts)

    grads = {name: np.zeros_like(array) for name, array in arrays.items() if name != "static"}
    sizes = {name: np.zeros_like(array) for name, array in grads.items()}
    sizes |= {"loss": amplified.mean() + abs(loss), "logits": logits_size}
    grads["output.weight"], sizes["output.weight"] = grad_logits.T @ pooled, grad_logits_size.T @ pooled_size
    grads["output.bias"], sizes["output.bias"] = grad_logits.sum(axis=0), grad_logits_size.sum(axis=0)
    grad_pooled, grad_pooled_size = grad_logits @ output * keep, grad_logits_size @ np.abs(output) * keep
    for row, grad_row, size_row in zip(found, grad_pooled, grad_pooled_size, strict=True):
        for number, (peak, grad, size) in enumerate(zip(row, grad_row, size_row, strict=True)):
            if peak.value <= 0:
                continue
            grads["convolution.bias"][number] += grad
            sizes["convolution.bias"][number] += size
            for weight_row, word in zip(peak.rows, peak.window, strict=True):
                if word is PADDING:
                    continue
                for channel in channels:
                    grads["convolution.weight"][weight_row] += grad * channel[word]
                    sizes["convolution.weight"][weight_row] += size * np.abs(channel[word])
                grads["embedding"][word] += grad * weight[weight_row]
                sizes["embedding"][word] += size * np.abs(weight[weight_row])
    return Outcome(float(loss), logits, grads, sizes, margin(found), max(peak.size for row in found for peak in row))


def roundings(arrays, widths, texts):
    """Return how many roundings the longest chain from the weights to a gradient has, whatever the order of the sums.

    A response sums a product for each tap and dim; a logit one for each filter; the softmax sums the classes, and its
    few functions round by a unit or two each; a gradient goes through the output layer once more, with a sum over the
    classes, and at last that of a word sums over texts, filters and taps, and the others over less.
    """
    dim, classes, pooled = arrays["embedding"].shape[1], len(arrays["output.bias"]), len(arrays["convolution.bias"])
    return max(widths) * dim + pooled + 2 * classes + len(texts) * pooled * max(widths) + 20
