"""Blocks of pixels as a TIFF stores them: interleaved by pixel, differences along the rows (TIFF's predictors), ZSTD.

The predictors follow Adobe's TIFF technical notes: 2, differences of whole numbers; 3, differences of the bytes of
floating-point numbers, all first bytes of a row before all second ones.
"""

from __future__ import annotations

from threading import local

import numpy as np
import zstandard

LEVEL = 3
_own = local()  # neither a compressor nor a decompressor may be shared by threads


def predictor(dtype: np.dtype) -> int:
    """TIFF's number of the predictor for a type of numbers."""
    return 3 if dtype.kind == "f" else 2


def compress(block: np.ndarray) -> bytes:
    """A block (bands, rows, columns) as bytes."""
    bands, rows, columns = block.shape
    pixels = np.ascontiguousarray(np.moveaxis(block, 0, -1)).reshape(rows, columns * bands)
    if block.dtype.kind == "f":
        planes = pixels.astype(pixels.dtype.newbyteorder(">")).view("u1").reshape(rows, columns * bands, -1)
        numbers = np.moveaxis(planes, -1, 1).reshape(rows, -1)
    else:
        numbers = pixels.view(f"u{pixels.itemsize}")
    differences = np.empty(numbers.shape, numbers.dtype)
    differences[:, :bands] = numbers[:, :bands]
    np.subtract(numbers[:, bands:], numbers[:, :-bands], out=differences[:, bands:])
    if not hasattr(_own, "compressor"):
        _own.compressor = zstandard.ZstdCompressor(level=LEVEL)
    return _own.compressor.compress(differences)


def decompress(data: bytes, shape: tuple[int, int, int], dtype: np.dtype) -> np.ndarray:
    """The block (bands, rows, columns) that `compress` made these bytes of."""
    bands, rows, columns = shape
    if not hasattr(_own, "decompressor"):
        _own.decompressor = zstandard.ZstdDecompressor()
    floating = dtype.kind == "f"
    number = np.dtype("u1") if floating else np.dtype(f"u{dtype.itemsize}")
    differences = np.frombuffer(_own.decompressor.decompress(data), number).reshape(rows, -1, bands)
    numbers = np.add.accumulate(differences, axis=1, dtype=number)
    if floating:
        planes = numbers.reshape(rows, dtype.itemsize, columns * bands)
        pixels = np.ascontiguousarray(np.moveaxis(planes, 1, -1)).view(dtype.newbyteorder(">")).astype(dtype)
    else:
        pixels = numbers.view(dtype)
    return np.moveaxis(pixels.reshape(rows, columns, bands), -1, 0)
