"""Word vectors: a table, its words, files, queries."""

from .load_save import FileInfo
from .word_vectors import WordVectors

__all__ = ["FileInfo", "WordVectors"]
