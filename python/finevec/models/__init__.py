"""Models of texts and trees, and the directories they are kept in."""

from .bag import BagClassifier as BagClassifier
from .classifier import Classifier as Classifier
from .directory import KINDS as KINDS
from .directory import load_model as load_model
from .directory import save_model as save_model
from .relatedness import TreeRelatedness as TreeRelatedness
from .text_classifier import TextClassifier as TextClassifier
from .text_cnn import TextCNN as TextCNN
from .tree_lstm import TreeLSTM as TreeLSTM

__all__ = [
    "KINDS",
    "BagClassifier",
    "Classifier",
    "TextCNN",
    "TextClassifier",
    "TreeLSTM",
    "TreeRelatedness",
    "load_model",
    "save_model",
]
