"""Combining the dates of a pixel: (days, rows, columns) to (rows, columns), NaN where no date has a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np


def median(values: np.ndarray) -> np.ndarray:
    """The middle value; the mean of the two middle ones of an even number."""
    if len(values) == 1:
        return values[0]
    ordered = np.sort(values, axis=0)  # NaN come last
    count = np.sum(~np.isnan(values), axis=0)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(count // 2, len(values) - 1)[None], axis=0)[0]
    return np.where(count > 0, (low + high) / values.dtype.type(2), values.dtype.type(np.nan))


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
