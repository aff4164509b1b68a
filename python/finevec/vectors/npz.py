"""NumPy's .npz archives, uncompressed, written and read in blocks; nothing in them is trusted or unpickled."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

BLOCK_BYTES = 1 << 22

# Files of equal content are equal: no clock in them.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def rows_at_once(row_bytes: int) -> int:
    """Return how many rows fit a block, at least 1."""
    return max(1, BLOCK_BYTES // max(row_bytes, 1))


def little_endian(dtype: DTypeLike) -> np.dtype[Any]:
    """Return `dtype` as files have it."""
    return np.dtype(dtype).newbyteorder("<")


def write(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    """Write a whole array as the member `name`."""
    write_blocks(archive, name, array.dtype, array.shape, [array])


def write_blocks(
    archive: zipfile.ZipFile, name: str, dtype: DTypeLike, shape: tuple[int, ...], blocks: Iterable[NDArray[Any]]
) -> None:
    """Write an array of which blocks come one after the other, as the member `name`."""
    kept = little_endian(dtype)
    header = {"descr": np.lib.format.dtype_to_descr(kept), "fortran_order": False, "shape": shape}
    with archive.open(zipfile.ZipInfo(f"{name}.npy", _EPOCH), "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for block in blocks:
            member.write(block.astype(kept, copy=False).tobytes())


class Reader:
    """Read members of an archive that may be damaged or made to do harm.

    Memory is taken for bytes that the file has. Whatever is not as expected is a `ValueError`, `zipfile.BadZipFile` or
    another exception of the libraries below: `OSError`, `EOFError`, `NotImplementedError`, `RuntimeError`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._size = file.seek(0, 2)
        self._archive = zipfile.ZipFile(file)

    def __contains__(self, name: str) -> bool:
        """Return whether there is a member `name`."""
        return f"{name}.npy" in self._archive.namelist()

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return the shape and the dtype of a member."""
        with self._open(name) as (_, shape, dtype):
            return shape, dtype

    def read(self, name: str, dtype: DTypeLike, *shape: int | None) -> NDArray[Any]:
        """Return a member in native byte order; `shape` has None where any size will do."""
        native = np.dtype(dtype).newbyteorder("=")
        (array,) = self.blocks(name, dtype, *shape, whole=True)
        return array.astype(native, copy=False)

    def verify(self, name: str, dtype: DTypeLike, *shape: int | None) -> int:
        """Read a member of at least one dimension for its checksum alone; return its length."""
        return sum(len(block) for block in self.blocks(name, dtype, *shape))

    def blocks(self, name: str, dtype: DTypeLike, *shape: int | None, whole: bool = False) -> Iterator[NDArray[Any]]:
        """Yield a member in blocks of rows, or as a whole."""
        with self._open(name) as (member, found_shape, found):
            if found != little_endian(dtype):
                raise ValueError(f"{name}: expected {little_endian(dtype)}, got {found}")
            fits = len(found_shape) == len(shape) and all(
                size in (None, got) for size, got in zip(shape, found_shape, strict=True)
            )
            if not fits:
                wanted = ", ".join("any" if size is None else str(size) for size in shape)
                raise ValueError(f"{name}: expected shape ({wanted}), got {found_shape}")
            if whole:
                yield _array(member, name, found, found_shape)
            else:
                rows, *rest = found_shape
                step = rows_at_once(found.itemsize * math.prod(rest))
                for first in range(0, rows, step):
                    yield _array(member, name, found, (min(step, rows - first), *rest))
            if member.read(1):
                raise ValueError(f"{name}: more bytes than its header promises")

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]]:
        if name not in self:
            raise ValueError(f"it has no {name!r}")
        info = self._archive.getinfo(f"{name}.npy")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > self._size:
            raise ValueError(f"{name}: expected an uncompressed member of a file of {self._size} bytes")
        with self._archive.open(info) as member:
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError(f"{name}: expected version 1.0 of the npy format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
            if fortran or min(shape, default=0) < 0:
                raise ValueError(f"{name}: expected an array in C order, got shape {shape}")
            if member.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
                raise ValueError(f"{name}: expected {shape} {dtype}, found {info.file_size - member.tell()} bytes")
            yield member, shape, dtype


def _array(member: IO[bytes], name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    data = member.read(math.prod(shape) * dtype.itemsize)
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name}: cut off")
    return np.frombuffer(data, dtype).reshape(shape) if data else np.empty(shape, dtype)
