"""The text CNN in PyTorch, as quick as plain PyTorch does it, with the weights and results of finevec's.

Texts are padded to the longest of their batch and, by the convolution, by ``width - 1`` on both sides. Windows that see
padding alone are masked: finevec has none. The convolution is `conv2d` over a height of 1, whose input in the order in
which the rows come (batch, position, dim) is oneDNN's channels-last: a quarter to a half less time than `conv1d`, which
transposes, and than the `conv2d` with one channel and filters as wide as a row of Kim's and most later code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from finevec.models import TextCNN
from finevec.models.text_classifier import Example

Padded = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class TorchCNN(torch.nn.Module):
    """`finevec.models.TextCNN` with copies of a model's weights. The table has one more row, for padding."""

    def __init__(self, model: TextCNN, *, sparse: bool) -> None:
        super().__init__()
        table = torch.from_numpy(np.concatenate([model.vectors, np.zeros_like(model.vectors[:1])]))
        self.padding = len(model.vectors)
        self.embedding = torch.nn.Embedding.from_pretrained(
            table, freeze=False, padding_idx=self.padding, sparse=sparse
        )
        layer, filters, dim = model.convolution, model.convolution.filters, model.vectors.shape[1]
        self.convolutions = torch.nn.ModuleList()
        first = 0
        for index, width in enumerate(layer.widths):
            taps = layer.weight.data[first : first + width * filters].reshape(width, filters, dim)
            bias = layer.bias.data[index * filters : (index + 1) * filters]
            convolution = torch.nn.Conv2d(dim, filters, (1, width), padding=(0, width - 1), dtype=table.dtype)
            convolution.weight.data = torch.from_numpy(taps.transpose(1, 2, 0)[:, :, None].copy())
            convolution.bias.data = torch.from_numpy(bias.copy())
            self.convolutions.append(convolution)
            first += width * filters
        self.dropout = torch.nn.Dropout(model.dropout.rate)
        self.output = torch.nn.Linear(*reversed(model.output.weight.shape), dtype=table.dtype)
        self.output.weight.data = torch.from_numpy(model.output.weight.data.copy())
        self.output.bias.data = torch.from_numpy(model.output.bias.data.copy())

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Return the logits of texts of at least one word, padded."""
        rows = self.embedding(ids).transpose(1, 2).unsqueeze(2)
        pooled = []
        for convolution in self.convolutions:
            responses = convolution(rows).squeeze(2)
            behind = torch.arange(responses.shape[2]) >= lengths[:, None] + (convolution.kernel_size[1] - 1)
            pooled.append(responses.masked_fill_(behind[:, None], -torch.inf).max(2).values.relu())
        return self.output(self.dropout(torch.cat(pooled, 1)))

    def pad(self, texts: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ids padded to the longest text, and the lengths."""
        lengths = np.array([len(text) for text in texts])
        ids = np.full((len(texts), lengths.max()), self.padding)
        ids[np.arange(ids.shape[1]) < lengths[:, None]] = np.concatenate(texts)
        return torch.from_numpy(ids), torch.from_numpy(lengths)

    def batch(self, examples: Sequence[Example]) -> Padded:
        """Return ids, lengths and targets."""
        return *self.pad([example.ids for example in examples]), torch.tensor([example.target for example in examples])

    def loss(self, batch: Padded) -> torch.Tensor:
        """Return the mean cross-entropy of a batch."""
        ids, lengths, targets = batch
        return functional.cross_entropy(self(ids, lengths), targets)

    def predict_proba(self, texts: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the probabilities of each text's classes."""
        self.eval()
        with torch.inference_mode():
            return self(*self.pad(texts)).softmax(1)

    def gradients(self) -> dict[str, np.ndarray]:
        """Return all gradients in the shapes and under the names of finevec's weights."""
        table = self.embedding.weight.grad
        assert table is not None
        grads = {
            name: _numpy(parameter.grad) for name, parameter in self.named_parameters() if name != "embedding.weight"
        }
        return self._named(_numpy(table.to_dense() if table.is_sparse else table), grads)

    def weights(self) -> dict[str, np.ndarray]:
        """Return all weights, as `gradients`."""
        found = {name: _numpy(parameter) for name, parameter in self.named_parameters()}
        return self._named(found.pop("embedding.weight"), found)

    def _named(self, table: np.ndarray, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        numbers = range(len(self.convolutions))
        taps = [arrays[f"convolutions.{number}.weight"][:, :, 0].transpose(2, 0, 1) for number in numbers]
        return {
            "embedding": table[:-1],
            "convolution.weight": np.concatenate([tap.reshape(-1, table.shape[1]) for tap in taps]),
            "convolution.bias": np.concatenate([arrays[f"convolutions.{number}.bias"] for number in numbers]),
            "output.weight": arrays["output.weight"],
            "output.bias": arrays["output.bias"],
        }


class TorchTraining:
    """A model and its optimizers: SparseAdam for a sparse table and Adam for the rest, or Adam for all.

    `fused` takes Adam's one kernel in place of its default, a dozen operations.
    """

    def __init__(self, model: TextCNN, *, sparse: bool, fused: bool = False, lr: float = 1e-3) -> None:
        self.model = TorchCNN(model, sparse=sparse)
        dense = list(self.model.parameters())
        self.optimizers: list[torch.optim.Optimizer] = []
        if sparse:
            self.optimizers.append(torch.optim.SparseAdam(dense[:1], lr=lr))
            del dense[0]
        self.optimizers.append(torch.optim.Adam(dense, lr=lr, fused=fused or None))

    def step(self, examples: Sequence[Example]) -> float:
        """Train on a batch and return its loss."""
        return self.step_padded(self.model.batch(examples))

    def step_padded(self, batch: Padded) -> float:
        """Train on a batch that has been padded."""
        loss = self.model.loss(batch)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss.item()


def _numpy(tensor: torch.Tensor | None) -> np.ndarray:
    assert tensor is not None
    return tensor.detach().numpy().copy()
