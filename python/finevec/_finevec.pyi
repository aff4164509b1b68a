"""The compiled core: thin functions over NumPy arrays. `finevec.functional` is the documented door to them."""

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAX_DIM",
    "MAX_HEADER",
    "MAX_NGRAM",
    "RowGrad",
    "Words",
    "__version__",
    "adadelta_update",
    "adagrad_update",
    "adam_update",
    "coalesce",
    "debug_build",
    "embedding",
    "embedding_bag",
    "empty_cache",
    "get_num_threads",
    "get_simd_level",
    "grad_sq_norm",
    "inspect_vectors",
    "lazy_full",
    "lstm_gradients",
    "lstm_states",
    "ngram_backward",
    "ngram_max",
    "parse_safetensors",
    "pick_packed_words",
    "pick_word_lines",
    "read_fasttext_binary",
    "read_vectors",
    "rowwise_adagrad_update",
    "safetensors_head",
    "scatter_add",
    "set_num_threads",
    "set_simd_level",
    "sgd_update",
    "simd_levels",
    "sniff",
    "subword_rows",
    "write_vectors",
]

__version__: str
debug_build: bool

MAX_DIM: int
"""Most numbers in a row of a file of word vectors."""
MAX_HEADER: int
"""Longest header of a safetensors file that is read, in bytes."""
MAX_NGRAM: int
"""Most characters of an n-gram."""

@final
class RowGrad:
    """One backward call on a table: checked ids of its own, and the gradient by reference.

    Parameters
    ----------
    weight : ndarray of float32 or float64, shape (rows, dim)
        The table. Only its shape and dtype are kept; for ``mode="max"`` its values fix the argmax now.
    ids : ndarray of any integer dtype
        Any shape without `offsets` and `mode`; 1-D with `offsets`; 2-D (bags, length) with `mode` and no `offsets`.
    grad : ndarray of weight's dtype
        Shape ``ids.shape + (dim,)`` per id, or ``(bags, dim)`` for bags. Kept by reference
        (copied where its memory is not C-contiguous); it must not change before the update.
    mode : {"sum", "mean", "max"}, optional
        None: `grad` is per id. Otherwise `grad` is the gradient of the bags.
    padding_idx : int, optional
        Occurrences of this id take no gradient and do not count in a bag's mean. Negative counts from the end.
    scale_grad_by_freq : bool
        Divide the gradient of each occurrence by the count of its id in `ids`.

    Raises
    ------
    IndexError
        An id is outside 0 <= id < rows. The text gives position, value and rows.
    ValueError, TypeError
        Shapes, offsets or dtypes are wrong. The text gives what was got and what was wanted.
    """

    def __new__(
        cls,
        weight: NDArray[Any],
        ids: NDArray[Any],
        grad: NDArray[Any],
        *,
        offsets: NDArray[Any] | None = None,
        mode: Literal["sum", "mean", "max"] | None = None,
        per_sample_weights: NDArray[Any] | None = None,
        padding_idx: int | None = None,
        include_last_offset: bool = True,
        scale_grad_by_freq: bool = False,
    ) -> RowGrad: ...
    @property
    def grad(self) -> NDArray[Any]:
        """The gradient array given (or its contiguous copy)."""

    def __len__(self) -> int:
        """Number of ids, padding included."""

def embedding(ids: NDArray[Any], weight: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Rows of `weight` at `ids`: shape ``ids.shape + (dim,)``. See `finevec.functional.embedding`."""

def embedding_bag(
    ids: NDArray[Any],
    weight: NDArray[Any],
    offsets: NDArray[Any] | None = None,
    *,
    mode: Literal["sum", "mean", "max"] = "mean",
    per_sample_weights: NDArray[Any] | None = None,
    padding_idx: int | None = None,
    include_last_offset: bool = True,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """One row per bag, shape (bags, dim). See `finevec.functional.embedding_bag`."""

def coalesce(ids: NDArray[Any], grad: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Unique ids ascending and their summed gradients. See `finevec.functional.coalesce`."""

def grad_sq_norm(
    weight: NDArray[Any],
    grad: Sequence[RowGrad] | NDArray[Any],
    *,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
) -> float:
    """Sum of squares, in float64, of a parameter's gradient after repeated ids are summed.

    Rows with multiplier 0 in `row_lr`, and the padding row, do not count. The same bits for any thread count.
    """

def scatter_add(weight: NDArray[Any], grad: Sequence[RowGrad], *, alpha: float = 1.0) -> None:
    """``weight[id] += alpha * (sum of the id's gradients)``. See `finevec.functional.scatter_add`."""

# Every update takes the gradient of one parameter: a sequence of RowGrad (only touched rows change), or
# an array of weight's shape (every row changes). row_lr is (rows,); `grad_scale` multiplies the summed
# gradient before weight decay; `max_norm` projects touched rows afterwards.

def sgd_update(
    weight: NDArray[Any],
    grad: Sequence[RowGrad] | NDArray[Any],
    *,
    lr: float,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    grad_scale: float = 1.0,
    max_norm: float | None = None,
) -> None:
    """``w -= lr * g``."""

def adagrad_update(
    weight: NDArray[Any],
    state_sum: NDArray[Any],
    grad: Sequence[RowGrad] | NDArray[Any],
    *,
    lr: float,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    grad_scale: float = 1.0,
    max_norm: float | None = None,
) -> None:
    """``s += g*g; w -= lr * g / (sqrt(s) + eps)`` (torch.optim.Adagrad). state_sum: weight's shape."""

def rowwise_adagrad_update(
    weight: NDArray[Any],
    state_sum: NDArray[Any],
    grad: Sequence[RowGrad] | NDArray[Any],
    *,
    lr: float,
    eps: float = 1e-10,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    grad_scale: float = 1.0,
    max_norm: float | None = None,
) -> None:
    """``s_row += mean(g*g); w -= lr * g / (sqrt(s_row) + eps)`` (FBGEMM). state_sum: (rows,)."""

def adam_update(
    weight: NDArray[Any],
    exp_avg: NDArray[Any],
    exp_avg_sq: NDArray[Any],
    grad: Sequence[RowGrad] | NDArray[Any],
    *,
    lr: float,
    betas: tuple[float, float] = ...,  # (0.9, 0.999)
    eps: float = 1e-8,
    step: int,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    grad_scale: float = 1.0,
    max_norm: float | None = None,
) -> None:
    """RowGrad: torch.optim.SparseAdam, eps before bias correction. Array: torch.optim.Adam, eps after it."""

def adadelta_update(
    weight: NDArray[Any],
    square_avg: NDArray[Any],
    acc_delta: NDArray[Any],
    grad: Sequence[RowGrad] | NDArray[Any],
    *,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
    padding_idx: int | None = None,
    row_lr: NDArray[Any] | None = None,
    grad_scale: float = 1.0,
    max_norm: float | None = None,
) -> None:
    """torch.optim.Adadelta, on touched rows only for RowGrad."""

def lazy_full(size: int, value: float, *, dtype: str = "float32") -> NDArray[Any]:
    """Return ``numpy.full(size, value, dtype)`` on memory that is taken page by page, where it is written.

    Where the system cannot map memory so (Windows, or a sandbox that forbids it), and up to 1 MiB, it is an ordinary
    array. Copies and pickles are ordinary arrays.

    Raises
    ------
    MemoryError
        There is no memory, or no address space, for it.
    ValueError
        `size` is negative, or `dtype` is neither "float32" nor "float64".
    """

def ngram_max(
    ids: NDArray[Any],
    offsets: NDArray[Any],
    projected: NDArray[Any],
    *,
    widths: Sequence[int],
    filters: int,
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """The largest response of each filter in each text, and where its window starts. See `finevec.layers.NgramMax`.

    Parameters
    ----------
    ids : integers, shape (n,); offsets : integers, shape (texts + 1,)
        The words of the texts, as rows of `projected`.
    projected : ndarray, shape (words, sum(widths) * filters)
        The product of each word with every row of weights: by width, then tap, then filter.

    Returns
    -------
    responses : ndarray of the dtype of `projected`, shape (texts, len(widths) * filters)
        Without bias; 0 for a text without words.
    windows : ndarray of int32, of the same shape
        Below 0 where the window starts before the text; -2**31 for a text without words.
    """

def ngram_backward(
    ids: NDArray[Any],
    offsets: NDArray[Any],
    grad: NDArray[Any],
    windows: NDArray[np.int32],
    vectors: NDArray[Any],
    weight: NDArray[Any],
    *,
    widths: Sequence[int],
    filters: int,
    with_vectors: bool = True,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The gradients of weights and word vectors, given that of the largest responses.

    Parameters
    ----------
    grad, windows : ndarrays, shape (texts, len(widths) * filters)
        The gradient, whose zeros cost next to nothing, and what `ngram_max` gave.
    vectors : ndarray, shape (words, dim)
    weight : ndarray, shape (sum(widths) * filters, dim)

    Returns
    -------
    grad_weight : ndarray, shape of `weight`
    grad_vectors : ndarray, shape of `vectors`, or None where it is not wanted
    """

def lstm_states(
    iou: NDArray[Any],
    forget: NDArray[Any],
    cell: NDArray[Any],
    hidden: NDArray[Any],
    *,
    projected: NDArray[Any],
    words: NDArray[np.integer[Any]],
    cells: NDArray[Any],
    children: NDArray[np.integer[Any]],
    offsets: NDArray[np.integer[Any]],
) -> None:
    """The states of nodes with any number of children: what a Tree-LSTM computes after its dense products.

    With p = ``projected[words[n]]`` in blocks i, o, u, f, and the children k of node n::

        i = sigmoid(p_i + iou_i)      f_k = sigmoid(p_f + forget_k)       cell   = i * u + sum over k of f_k * cell_k
        o = sigmoid(p_o + iou_o)      u   = tanh(p_u + iou_u)             hidden = o * tanh(cell)

    The two functions are within 4 units in the last place of the exact ones.

    Parameters
    ----------
    iou : ndarray of float32 or float64, shape (nodes, 3 * dim)
        What the states of the children add to i, o and u; overwritten with i, o and u.
    forget : ndarray, shape (edges, dim)
        What they add to f, a row for each child of each node; overwritten with f.
    cell, hidden : ndarray, shape (nodes, dim)
        Where the states are written.
    projected : ndarray, shape (words, 4 * dim)
        What words give, biases included.
    words : ndarray of integers, shape (nodes,)
        The word of each node, as a row of `projected`.
    cells : ndarray, shape (any, dim)
        Cells, those of the children among them.
    children : ndarray of integers, shape (edges,)
        Rows of `cells`, node by node.
    offsets : ndarray of integers, shape (nodes + 1,)
        The children of node n are ``children[offsets[n]:offsets[n + 1]]``.

    Raises
    ------
    IndexError, ValueError, TypeError
        An id is out of range, or an array does not fit; nothing is written then.
    """

def lstm_gradients(
    grad_projected: NDArray[Any],
    grad_forget: NDArray[Any],
    grad_cells: NDArray[Any],
    *,
    iou: NDArray[Any],
    forget: NDArray[Any],
    cell: NDArray[Any],
    grad_cell: NDArray[Any],
    grad_hidden: NDArray[Any],
    cells: NDArray[Any],
    children: NDArray[np.integer[Any]],
    offsets: NDArray[np.integer[Any]],
) -> None:
    """The gradients of `lstm_states`, given what it wrote and the gradients of both states.

    Parameters
    ----------
    grad_projected : ndarray, shape (nodes, 4 * dim)
        Where the gradients of ``projected[words[n]]`` are written; i, o and u are also those of what `iou` came with.
    grad_forget, grad_cells : ndarray, shape (edges, dim)
        Where the gradients of what `forget` came with, and of the children's cells, are written.
    iou, forget, cell : ndarray
        As `lstm_states` wrote them.
    grad_cell, grad_hidden : ndarray, shape (nodes, dim)
        The gradients of the cells, as far as they come from above, and of the hidden states.
    cells, children, offsets
        As for `lstm_states`.

    Raises
    ------
    IndexError, ValueError, TypeError
        As for `lstm_states`.
    """

def set_num_threads(n: int) -> None:
    """Use `n` threads (1 <= n <= 1024) from the next call on. Results do not depend on it."""

def get_num_threads() -> int:
    """Threads used by the kernels: `set_num_threads`, else FINEVEC_NUM_THREADS, else the cores available."""

def empty_cache() -> None:
    """Release the scratch memory kept between calls."""

def simd_levels() -> list[str]:
    """Instruction sets that this machine can run, slowest first: "portable", "avx2", "avx512"."""

def get_simd_level() -> str:
    """The instruction set in use."""

def set_simd_level(level: str) -> None:
    """Force an instruction set, for tests and measurements. ValueError for one that this machine cannot run."""

@final
class Words:
    """Different words as one block of UTF-8, with an index beside it that finds a word's row.

    A million words cost their bytes, 8 bytes each and 9 more for the index, where strings and a dict cost 180.

    Raises
    ------
    TypeError
        `words` is no iterable of str.
    ValueError
        A word comes twice, or holds half of a surrogate pair (`UnicodeEncodeError`), which no file can hold.
    """

    def __new__(cls, words: Iterable[str]) -> Words: ...
    @staticmethod
    def from_packed(block: bytes, offsets: NDArray[np.int64]) -> Words:
        """Words from their UTF-8, end to end: word ``i`` is ``block[offsets[i]:offsets[i + 1]]``. Both are copied."""

    def __len__(self) -> int: ...
    def __getitem__(self, row: int, /) -> str:
        """The word of a row. `IndexError` outside 0 <= row < len: rows do not count from the end."""

    def find(self, word: str) -> int | None:
        """The row of a word, or None."""

    def rows_of(self, words: list[str]) -> NDArray[np.int64]:
        """The row of each word, -1 for words that are not there."""

    def to_list(self) -> list[str]:
        """All words as strings."""

    def packed(self) -> tuple[bytes, NDArray[np.int64]]:
        """The words' UTF-8, end to end, and where each starts: copies, as `from_packed` takes them."""

    def __reduce__(self) -> tuple[Any, tuple[bytes, NDArray[np.int64]]]: ...

def sniff(path: str | PathLike[str]) -> str:
    """The format of a file of word vectors, told from its content, by the name that `WordVectors.load` takes."""

def read_vectors(
    path: str | PathLike[str],
    *,
    format: str | None = None,
    vocabulary: Sequence[str] | None = None,
    limit: int | None = None,
    dtype: str = "float32",
    encoding_errors: str = "strict",
    progress: Callable[[int, int, int], object] | None = None,
) -> tuple[NDArray[Any], Words, dict[str, Any]]:
    """Read word vectors from text or word2vec's binary format, plain or gzip. See `finevec.WordVectors.load`.

    Parameters
    ----------
    format : {"glove", "word2vec", "fasttext", "word2vec-binary"}, optional
        None: told by the content.
    progress : callable, optional
        Called every few MiB with (rows, bytes read, bytes of the file); an exception of its ends the reading.

    Returns
    -------
    vectors : ndarray of `dtype`, shape (n, dim)
    words : Words
    info : dict
        "format", "promised", "rows", "repeated", "numbered", "final_newline": see `finevec.vectors.FileInfo`.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        The file is malformed: the text names the line or byte, what was found and what was wanted.
    """

def write_vectors(
    path: str | PathLike[str],
    vectors: NDArray[Any],
    words: Words,
    *,
    format: str,
    progress: Callable[[int, int, int], object] | None = None,
) -> None:
    """Write word vectors as text or in word2vec's binary format, aside and renamed. See `finevec.WordVectors.save`."""

def read_fasttext_binary(
    path: str | PathLike[str],
    *,
    vocabulary: Sequence[str] | None = None,
    limit: int | None = None,
    dtype: str = "float32",
    encoding_errors: str = "strict",
    progress: Callable[[int, int, int], object] | None = None,
) -> tuple[NDArray[Any], Words, dict[str, Any], NDArray[Any] | None]:
    """Read a fastText model, ``.bin``. See `finevec.WordVectors.load`, and `read_vectors` for the arguments.

    Returns
    -------
    vectors : ndarray of `dtype`, shape (n, dim)
        Each the mean of a word's own row and the rows of its n-grams.
    words : Words
    info : dict
        As of `read_vectors`, and "kind", "version", "labels": see `finevec.vectors.ModelInfo`; with n-grams also
        "min_n" and "max_n".
    ngrams : ndarray of `dtype`, shape (bucket, dim), or None where the model has no character n-grams
    """

def subword_rows(
    words: list[str], *, min_n: int, max_n: int, buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows that the n-grams of words hash to, and offsets. See `finevec.vectors.FastTextVectors.ngram_rows`."""

def inspect_vectors(
    path: str | PathLike[str],
    *,
    format: str | None = None,
    encoding_errors: str = "strict",
    progress: Callable[[int, int, int], object] | None = None,
) -> tuple[NDArray[np.float32], Words, dict[str, Any]]:
    """Read what `read_vectors` reads as far as it can be read: rows with faults are counted and passed over.

    Returns
    -------
    vectors : ndarray of float32, shape (n, dim)
    words : Words
    info : dict
        As that of `read_vectors`; "bad_rows", how many rows were passed over; "faults", what was wrong with the first
        of them; and "end", what ended the reading before the end of the file, or None.
    """

def pick_packed_words(
    path: str | PathLike[str],
    block: bytes,
    offsets: NDArray[np.int64],
    *,
    byte: int = 0,
    vocabulary: Sequence[str] | None = None,
    encoding_errors: str = "strict",
) -> tuple[Words, NDArray[np.int64] | None, int]:
    """Pick among words of which the i-th is ``block[offsets[i]:offsets[i + 1]]``; the first of each is kept.

    `path`, and `byte`, where the block is in the file, are for the text of errors.

    Returns
    -------
    words : Words
    rows : ndarray of int64, shape (len(words),), or None
        The number of each word in the file; None: all are kept.
    repeated : int
        Words left out because they had come before.

    Raises
    ------
    ValueError
        The offsets do not rise from 0 to the end of the block, or a word is not UTF-8.
    """

def pick_word_lines(
    path: str | PathLike[str],
    text: bytes,
    *,
    vocabulary: Sequence[str] | None = None,
    limit: int | None = None,
    encoding_errors: str = "strict",
) -> tuple[tuple[Words, NDArray[np.int64] | None, int], int]:
    """Pick among words of which each is a line, the first `limit` of them, and count all lines.

    Returns
    -------
    picked : tuple
        What `pick_packed_words` returns.
    lines : int
    """

def parse_safetensors(
    path: str | PathLike[str], head: bytes, size: int
) -> tuple[list[tuple[str, str, list[int], int, int]], list[tuple[str, str]]]:
    """Understand the header of a safetensors file of `size` bytes; `head` is the file as far as the header goes.

    Returns
    -------
    tensors : list of tuples
        Name, dtype, shape, first byte in the file and the byte after the last, in the order of the file.
    metadata : list of tuples
        Key and text.

    Raises
    ------
    ValueError
        It is no header, or the file is shorter or longer than it says.
    """

def safetensors_head(rows: int, dim: int, dtype: str, word_bytes: int) -> bytes:
    """Return the start of a safetensors file of a table and its words.

    What follows are ``rows + 1`` offsets of words as int64, the table as `dtype` ("F16", "F32" or "F64"), which starts
    at a multiple of 64 bytes, and `word_bytes` bytes of UTF-8, without gaps and little-endian.
    """
