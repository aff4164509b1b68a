"""Layers beside the embedding: a `forward` that returns its output and the function that takes the gradient back."""

from .dropout import Dropout as Dropout
from .linear import Linear as Linear
from .loss import softmax as softmax
from .loss import softmax_cross_entropy as softmax_cross_entropy
from .ngram import NgramMax as NgramMax

__all__ = ["Dropout", "Linear", "NgramMax", "softmax", "softmax_cross_entropy"]
