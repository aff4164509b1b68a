"""Where the time of the text CNN's training step goes, part by part, beside the dense product that it must do."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from finevec import _finevec, optim
from finevec.layers.loss import softmax_cross_entropy
from finevec.models import TextCNN
from finevec.models.text_classifier import Example
from finevec.text import batch

FLOOR = "floor: the product of the projection alone, into an array that exists"


class StepInParts:
    """A training step like that of `finevec.train`, written out, with a clock between its parts."""

    def __init__(self, model: TextCNN) -> None:
        self.model = model
        groups = model.parameter_groups()
        self.dense, self.table = optim.Adam(groups["dense"]), optim.Adam(groups["embedding"])
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.words: list[int] = []
        self.shares: list[float] = []

    def step(self, examples: Sequence[Example], rng: np.random.Generator) -> None:
        """Train on a batch; `seconds` gets one more number for each part."""
        model, layer = self.model, self.model.convolution
        weight, bias = layer.weight.data, layer.bias.data
        shapes = {"widths": list(layer.widths), "filters": layer.filters}
        self._last = time.perf_counter()
        ids, offsets = batch([example.ids for example in examples])
        targets = np.array([example.target for example in examples], dtype=np.int64)
        self._end("texts to ids and offsets")
        rows, positions = np.unique(ids, return_inverse=True)
        self._end("different words")
        vectors = model.lookup(rows)
        self._end("lookup")
        projected = vectors @ weight.T
        self._end("projection: words by all filters' taps")
        responses, windows = _finevec.ngram_max(positions, offsets, projected, **shapes)
        self._end("gather, add, max")
        responses += bias
        pooled = np.maximum(responses, 0)
        kept, backprop_dropout = model.dropout.forward(pooled, rng)
        logits, backprop_output = model.output.forward(kept)
        _, backprop_loss = softmax_cross_entropy(logits, targets)
        self._end("bias, ReLU, dropout, linear, loss")
        for optimizer in (self.dense, self.table):
            optimizer.zero_grad()
        grad_pooled = backprop_dropout(backprop_output(backprop_loss()))
        grad = np.where(pooled > 0, grad_pooled, np.float32(0))
        self._end("the same, backward")
        grad_weight, grad_vectors = _finevec.ngram_backward(
            positions, offsets, grad, windows, vectors, weight, **shapes
        )
        self._end("gradients of filters and words")
        layer.weight.add_grad(grad_weight, copy=False)
        layer.bias.add_grad(grad.sum(axis=0))
        model.embedding.backward(rows, grad_vectors)
        self._end("gradients to the parameters")
        self.dense.step()
        self._end("Adam, filters and linear")
        self.table.step()
        self._end("Adam, table")
        projected = np.empty_like(projected)
        projected.fill(0)
        self._last = time.perf_counter()
        np.matmul(vectors, weight.T, out=projected)
        self._end(FLOOR)
        self.words.append(len(rows))
        self.shares.append(float(np.count_nonzero(grad) / grad.size))

    def _end(self, part: str) -> None:
        now = time.perf_counter()
        self.seconds[part].append(now - self._last)
        self._last = time.perf_counter()

    def rows(self, quiet: Sequence[bool]) -> list[list[object]]:
        """Return a row for each part: its name, median milliseconds of the steps chosen, share of the step."""
        medians = {part: 1e3 * float(np.median(np.array(values)[quiet])) for part, values in self.seconds.items()}
        whole = sum(value for part, value in medians.items() if part != FLOOR)
        return [[part, value, f"{100 * value / whole:.0f} %"] for part, value in medians.items()]
