"""Models of texts, and the directories they are kept in."""

from finevec.models.bag import BagClassifier as BagClassifier
from finevec.models.directory import load_model as load_model
from finevec.models.directory import save_model as save_model
from finevec.models.text_classifier import TextClassifier as TextClassifier

__all__ = ["BagClassifier", "TextClassifier", "load_model", "save_model"]
