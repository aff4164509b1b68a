"""Word vectors: a table, its words, files, queries."""

from .fasttext import FastTextVectors
from .fasttext_model import ModelInfo
from .load_save import FileInfo
from .stored import MAX_DIM
from .word_vectors import WordVectors

__all__ = ["MAX_DIM", "FastTextVectors", "FileInfo", "ModelInfo", "WordVectors"]
