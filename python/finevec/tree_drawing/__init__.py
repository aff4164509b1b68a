"""Trees over sentences with the class of every node, as models predict it: drawn as text or as a figure."""

from .classified import ClassifiedTree as ClassifiedTree
from .text import drawn_lines as drawn_lines

__all__ = ["ClassifiedTree", "drawn_lines"]
