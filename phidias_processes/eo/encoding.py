"""Values as the numbers that a file stores, and those of overviews."""

from __future__ import annotations

import numpy as np

from phidias_processes.eo.tile_process import Encoding


def encode(values: np.ndarray, encoding: Encoding) -> np.ndarray:
    """Values as stored numbers, halves rounded to even. NaN becomes nodata; what is out of range, or would be taken for
    nodata, the nearest number that is not."""
    dtype = np.dtype(encoding.dtype)
    lost = np.isnan(values)
    numbers = np.array(values)
    if encoding.offset != 0:
        numbers -= values.dtype.type(encoding.offset)
    if encoding.scale != 1:
        numbers /= values.dtype.type(encoding.scale)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        np.rint(numbers, out=numbers)
        np.clip(numbers, limits.min, limits.max, out=numbers)
        np.copyto(numbers, beside(encoding.nodata, dtype), where=numbers == encoding.nodata)
        np.copyto(numbers, encoding.nodata, where=lost)
        return numbers.astype(dtype)
    stored = numbers.astype(dtype, copy=False)
    if not np.isnan(encoding.nodata):
        np.copyto(stored, encoding.nodata, where=lost)
    return stored


def missing(stored: np.ndarray, nodata: float) -> np.ndarray:
    """Which stored numbers stand for no data."""
    return np.isnan(stored) if np.isnan(nodata) else stored == nodata


def beside(nodata: float, dtype: np.dtype) -> float:
    """The whole number next to nodata, for a value that would be taken for it."""
    return nodata + 1 if nodata < np.iinfo(dtype).max else nodata - 1


def halve(stored: np.ndarray, nodata: float, *, categorical: bool) -> np.ndarray:
    """Half as many rows and columns, rounded up: (bands, rows, columns). Each four pixels become the mean of those that
    have data, halves rounded up; of classes, the first."""
    if categorical:
        return np.ascontiguousarray(stored[:, ::2, ::2])
    _, rows, columns = stored.shape
    if rows % 2 or columns % 2:
        stored = np.pad(stored, [(0, 0), (0, rows % 2), (0, columns % 2)], constant_values=nodata)
    lost = missing(stored, nodata)
    empty = None
    if lost.any():
        known = _fours(~lost)
        empty = known == 0
        mean = _fours(np.where(lost, stored.dtype.type(0), stored)) / np.maximum(known, np.float32(1))
    else:
        mean = _fours(stored) * np.float32(0.25)
    if stored.dtype.kind in "iu":  # exact for 16 bits: no quotient lies so near a half that float32 would miss it
        mean = np.floor(mean + np.float32(0.5))
        np.copyto(mean, beside(nodata, stored.dtype), where=mean == nodata)
    if empty is not None:
        mean[empty] = nodata
    return mean.astype(stored.dtype)


def _fours(pixels: np.ndarray) -> np.ndarray:
    rows = np.add(pixels[:, ::2], pixels[:, 1::2], dtype="float32")
    return rows[:, :, ::2] + rows[:, :, 1::2]
