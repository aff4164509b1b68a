"""Word vectors: a table, its words, files, queries."""

from .load_save import MAX_DIM, FileInfo
from .word_vectors import WordVectors

__all__ = ["MAX_DIM", "FileInfo", "WordVectors"]
