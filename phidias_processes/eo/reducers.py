"""Combining the dates of a pixel: (days, rows, columns) to (rows, columns), NaN where no date has a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np

_CHUNK = 2**18
"""Values that are sorted at once: they stay in the processor's cache"""


def median(values: np.ndarray) -> np.ndarray:
    """The middle value; the mean of the two middle ones of an even number.

    All pixels go through the same comparisons at once. Missing dates count as endlessly low and endlessly high in turn,
    so that the middle of a pixel's dates is found at the same place whatever their number.
    """
    days, *shape = values.shape
    if days == 1:
        return values[0]
    flat = values.reshape(days, -1)
    result = np.empty(flat.shape[1], values.dtype)
    step = max(_CHUNK // days, 1)
    for start in range(0, flat.shape[1], step):
        chunk = np.s_[start : start + step]
        _median(flat[:, chunk], result[chunk])
    return result.reshape(shape)


def _median(values: np.ndarray, result: np.ndarray) -> None:
    days = len(values)
    odd = np.zeros(values.shape[1], bool)  # whether an odd number of dates was missing so far
    low, high = values.dtype.type("-inf"), values.dtype.type("inf")
    rows = list(values.copy())
    for row in rows:
        missing = np.isnan(row)
        if missing.any():
            np.copyto(row, low, where=missing & ~odd)
            np.copyto(row, high, where=missing & odd)
            odd ^= missing
    spare = np.empty_like(result)
    for first, second in _comparisons(days):
        np.minimum(rows[first], rows[second], out=spare)
        np.maximum(rows[first], rows[second], out=rows[second])
        rows[first], spare = spare, rows[first]
    middle = (days - 1) // 2
    lower, upper = rows[middle], rows[middle + 1]
    with np.errstate(invalid="ignore"):  # no date at all: the mean of both infinities, NaN
        np.add(lower, upper, out=result)
    result /= values.dtype.type(2)
    if days % 2:
        np.copyto(result, lower, where=~odd)
    else:
        np.copyto(result, upper, where=odd)


@cache
def _comparisons(count: int) -> tuple[tuple[int, int], ...]:
    """Which places to compare, and exchange where the first is larger, so that the middle two of `count` are sorted.

    Batcher's odd-even merge sort (1968), without the comparisons that cannot reach the middle.
    """
    found = []
    width = 1
    while width < count:
        gap = width
        while gap:
            for start in range(gap % width, count - gap, 2 * gap):
                for first in range(start, min(start + gap, count - gap)):
                    if first // (2 * width) == (first + gap) // (2 * width):
                        found.append((first, first + gap))
            gap //= 2
        width *= 2
    needed, kept = {(count - 1) // 2, (count - 1) // 2 + 1}, []
    for pair in reversed(found):
        if needed.intersection(pair):
            needed.update(pair)
            kept.append(pair)
    return tuple(reversed(kept))


def mean(values: np.ndarray) -> np.ndarray:
    """The mean of the values there are."""
    count = np.sum(~np.isnan(values), axis=0)
    total = np.nansum(values, axis=0, dtype="float64")
    with np.errstate(invalid="ignore"):
        return (total / count).astype(values.dtype)


def smallest(values: np.ndarray) -> np.ndarray:
    """The smallest value."""
    return np.fmin.reduce(values, axis=0)


def largest(values: np.ndarray) -> np.ndarray:
    """The largest value."""
    return np.fmax.reduce(values, axis=0)


def latest(values: np.ndarray) -> np.ndarray:
    """The value of the last date that has one."""
    result = values[-1].copy()
    for earlier in values[-2::-1]:
        missing = np.isnan(result)
        if not missing.any():
            break
        result[missing] = earlier[missing]
    return result


REDUCERS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "median": median,
    "mean": mean,
    "min": smallest,
    "max": largest,
    "latest": latest,
}
