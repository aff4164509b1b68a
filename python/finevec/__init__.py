"""finevec: fine-tune pretrained word embeddings on a CPU, touching only the rows that a batch needs."""

from . import functional, optim
from ._finevec import __version__, debug_build, empty_cache, get_num_threads, set_num_threads
from .embedding import Embedding, EmbeddingBag
from .models import load_model
from .parameter import Parameter
from .text import Vocabulary
from .vectors import WordVectors

if debug_build:
    import warnings

    warnings.warn(
        "this finevec was built without optimization and is many times slower: build it with --release",
        RuntimeWarning,
        stacklevel=2,
    )

__all__ = [
    "Embedding",
    "EmbeddingBag",
    "Parameter",
    "Vocabulary",
    "WordVectors",
    "__version__",
    "empty_cache",
    "functional",
    "get_num_threads",
    "load_model",
    "optim",
    "set_num_threads",
]
