"""Memory for new state: for tables that are mapped from a file, only what training touches."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _finevec


def filled(shape: tuple[int, ...], value: float, data: NDArray[Any]) -> NDArray[Any]:
    """Return an array of one value as state of a parameter with the values `data`, of their dtype.

    For an array in memory it is an ordinary one, which NumPy puts on huge pages: updates of random rows take a quarter
    longer on small ones. Beside a mapped table, which costs memory only for the touched rows, huge pages would cost up
    to 2 MiB for each of them, so its state takes pages of the smallest size, where it is written.
    """
    if is_mapped(data):
        return _finevec.lazy_full(math.prod(shape), value, dtype=data.dtype.name).reshape(shape)
    return np.full(shape, value, dtype=data.dtype) if value else np.zeros(shape, dtype=data.dtype)


def is_mapped(array: NDArray[Any]) -> bool:
    """Tell whether the memory is that of a `mmap.mmap`, as `numpy.memmap` makes it, also behind views.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryFile() as file:
    ...     mapped = np.memmap(file, np.float32, shape=(3, 2))
    ...     is_mapped(np.asarray(mapped)[1:]), is_mapped(mapped.copy())
    (True, False)
    """
    owner: object = array
    while isinstance(owner, (np.ndarray, memoryview)):
        owner = owner.obj if isinstance(owner, memoryview) else owner.base
    return isinstance(owner, mmap.mmap)
