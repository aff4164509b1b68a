"""Optimizers over dense and row-sparse parameters together, and clipping."""

from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .clipping import clip_grad_norm_
from .optimizer import Optimizer
from .rowwise_adagrad import RowWiseAdagrad
from .sgd import SGD

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Optimizer", "RowWiseAdagrad", "clip_grad_norm_"]
