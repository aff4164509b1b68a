"""Layers beside the embedding: a `forward` that returns its output and the function that takes the gradient back."""

from .dropout import Dropout as Dropout
from .linear import Linear as Linear
from .loss import softmax as softmax
from .loss import softmax_cross_entropy as softmax_cross_entropy
from .loss import softmax_kl_divergence as softmax_kl_divergence
from .ngram import NgramMax as NgramMax
from .relatedness import Relatedness as Relatedness
from .tree_lstm import ChildSumTreeLSTM as ChildSumTreeLSTM
from .tree_lstm import NaryTreeLSTM as NaryTreeLSTM

__all__ = [
    "ChildSumTreeLSTM",
    "Dropout",
    "Linear",
    "NaryTreeLSTM",
    "NgramMax",
    "Relatedness",
    "softmax",
    "softmax_cross_entropy",
    "softmax_kl_divergence",
]
