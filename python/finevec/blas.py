"""NumPy's BLAS: its threads during a training run, and what is known of them for the record.

A sum's last bits may depend on how many threads a BLAS cuts a product for. Small products are not cut at all: OpenBLAS
does the bag classifier's (50 texts x 100 numbers by 100 x 2) in one thread whatever it is told. Large ones are, so a
run that shall come out the same on another machine needs a fixed number.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _finevec

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""Environment variables that set the number of threads of a BLAS, when the process starts."""

# Rows, terms of a sum and columns of products: there are other kernels for small ones than for large ones.
_LOOKED_AT = ((5, 33, 4), (64, 500, 48))

_ALIGNMENT = 64  # bytes; the bits that some kernels give depend on where an array starts


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let BLAS use so many threads, in the whole process, and give it back its own number in the end.

    Needs threadpoolctl (https://github.com/joblib/threadpoolctl); where it is not installed nothing happens, and the
    environment variables of the BLAS hold, such as ``OPENBLAS_NUM_THREADS=1``.
    """
    threadpoolctl = _threadpoolctl()
    if threadpoolctl is None:
        yield
    else:
        with threadpoolctl.threadpool_limits(limits=count, user_api="blas"):
            yield


def is_unheeded(count: int) -> bool:
    """Tell whether `threads` could not make BLAS use so many: no threadpoolctl, and no variable says the same."""
    return _threadpoolctl() is None and _blas_threads() != count


def environment() -> dict[str, Any]:
    """Return what results may depend on beside the code and the data, for the record of a run.

    Returns
    -------
    dict
        ``finevec`` and ``numpy``: their versions. ``threads``: of finevec, on which no result depends. ``blas`` and
        ``blas_version``: what NumPy was built with. ``blas_threads``: the number now, as threadpoolctl tells it, else
        as an environment variable sets it, else None: not known. ``blas_bits``: a digest of a few fixed products. A
        BLAS of one version takes other kernels on another CPU, which add in another order.

    Examples
    --------
    >>> sorted(environment())
    ['blas', 'blas_bits', 'blas_threads', 'blas_version', 'finevec', 'numpy', 'threads']
    """
    built: Any = np.show_config(mode="dicts")  # type: ignore[call-overload, unused-ignore] # not in older NumPy's types
    blas = built.get("Build Dependencies", {}).get("blas", {})
    blas_threads = _blas_threads()
    return {
        "finevec": _finevec.__version__,
        "numpy": np.__version__,
        "threads": _finevec.get_num_threads(),
        "blas": blas.get("name"),
        "blas_version": blas.get("version"),
        "blas_threads": blas_threads,
        "blas_bits": _blas_bits(blas_threads),
    }


@functools.cache
def _blas_bits(threads: int | None) -> str:
    """Return a digest of products with the threads that BLAS has now, `threads`; kept, for kernels do not change."""
    hashed = hashlib.blake2b(digest_size=8)
    for rows, terms, columns in _LOOKED_AT:
        for dtype in (np.float32, np.float64):
            left, right = _fractions(rows, terms, 101, dtype), _fractions(terms, columns, 103, dtype)
            for product in (left @ right, right.T @ left.T, left @ right[:, 0]):
                hashed.update(product.tobytes())
    return hashed.hexdigest()


def _fractions(rows: int, columns: int, period: int, dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """Return numbers between -0.5 and 0.5 with full mantissas, the same ones on every machine."""
    numbers = (np.arange(rows * columns) * 37 % period / period - 0.5).astype(dtype)
    memory = np.empty(numbers.nbytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    aligned = memory[start : start + numbers.nbytes].view(dtype).reshape(rows, columns)
    aligned[...] = numbers.reshape(rows, columns)
    return aligned


def _blas_threads() -> int | None:
    threadpoolctl = _threadpoolctl()
    if threadpoolctl is not None:
        pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
        return max((int(pool["num_threads"]) for pool in pools), default=None)
    told = [os.environ[name] for name in VARIABLES if os.environ.get(name, "").isdecimal()]
    return int(told[0]) if told else None


def _threadpoolctl() -> Any:
    """Return the module, or None where it is not installed."""
    try:
        return importlib.import_module("threadpoolctl")
    except ImportError:
        return None
