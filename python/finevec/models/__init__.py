"""Models of texts, and the directories they are kept in."""

from .bag import BagClassifier as BagClassifier
from .directory import KINDS as KINDS
from .directory import load_model as load_model
from .directory import save_model as save_model
from .text_classifier import TextClassifier as TextClassifier
from .text_cnn import TextCNN as TextCNN

__all__ = ["KINDS", "BagClassifier", "TextCNN", "TextClassifier", "load_model", "save_model"]
