"""NumPy's BLAS: its threads during a training run, and what is known of them for the record.

A sum's last bits may depend on how many threads a BLAS cuts a product for. Small products are not cut at all: OpenBLAS
does the bag classifier's (50 texts x 100 numbers by 100 x 2) in one thread whatever it is told. Large ones are, so a
run that shall come out the same on another machine needs a fixed number.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import _finevec

_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


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


def environment() -> dict[str, Any]:
    """Return what results may depend on beside the code and the data, for the record of a run.

    Returns
    -------
    dict
        ``finevec`` and ``numpy``: their versions. ``threads``: of finevec, on which no result depends. ``blas`` and
        ``blas_version``: what NumPy was built with. ``blas_threads``: the number now, as threadpoolctl tells it, else
        as an environment variable sets it, else None: not known.

    Examples
    --------
    >>> sorted(environment())
    ['blas', 'blas_threads', 'blas_version', 'finevec', 'numpy', 'threads']
    """
    built: Any = np.show_config(mode="dicts")  # type: ignore[call-overload, unused-ignore] # not in older NumPy's types
    blas = built.get("Build Dependencies", {}).get("blas", {})
    return {
        "finevec": _finevec.__version__,
        "numpy": np.__version__,
        "threads": _finevec.get_num_threads(),
        "blas": blas.get("name"),
        "blas_version": blas.get("version"),
        "blas_threads": _blas_threads(),
    }


def _blas_threads() -> int | None:
    threadpoolctl = _threadpoolctl()
    if threadpoolctl is not None:
        pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
        return max((int(pool["num_threads"]) for pool in pools), default=None)
    told = [os.environ[name] for name in _VARIABLES if os.environ.get(name, "").isdecimal()]
    return int(told[0]) if told else None


def _threadpoolctl() -> Any:
    """Return the module, or None where it is not installed."""
    try:
        return importlib.import_module("threadpoolctl")
    except ImportError:
        return None
