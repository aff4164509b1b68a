"""A small table and its words, and files made by hand that hold tables as they are in memory."""

from __future__ import annotations

import io
import json

import numpy as np

FORMATS = ("safetensors", "npy")
WORDS = ["the", ". . .", "", "2008", "straße"]


def table(dtype: str = "float32", rows: int = 5) -> np.ndarray:
    return (np.arange(rows * 3).reshape(rows, 3) / 8 - 1).astype(dtype)


def made(header: dict | str, data: bytes = b"") -> bytes:
    """Return a safetensors file, made by hand."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return len(text).to_bytes(8, "little") + text + data


def tensor(dtype: str, shape: list[int], start: int, end: int) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
