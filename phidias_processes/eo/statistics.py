"""Statistics of a band's stored numbers, gathered block by block."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Statistics:
    """Count, extremes, mean and spread of valid numbers."""

    count: int = 0
    minimum: float = float("inf")
    maximum: float = float("-inf")
    mean: float = 0.0
    squares: float = 0.0
    """Sum of the squared distances to the mean"""

    @classmethod
    def of(cls, numbers: np.ndarray) -> Self:
        """Those of some numbers (one axis)."""
        if not numbers.size:
            return cls()
        values = numbers.astype("float64")
        mean = float(values.mean())
        values -= mean
        np.square(values, out=values)
        return cls(numbers.size, float(numbers.min()), float(numbers.max()), mean, float(values.sum()))

    @classmethod
    def joined(cls, parts: Iterable[Statistics]) -> Self:
        """Those of all parts together; the last digits depend on their order (Chan, Golub and LeVeque 1979)."""
        count, minimum, maximum, mean, squares = 0, float("inf"), float("-inf"), 0.0, 0.0
        for part in parts:
            if part.count:
                distance, total = part.mean - mean, count + part.count
                squares += part.squares + distance**2 * count * part.count / total
                mean += distance * part.count / total
                count, minimum, maximum = total, min(minimum, part.minimum), max(maximum, part.maximum)
        return cls(count, minimum, maximum, mean, squares)

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return (self.squares / self.count) ** 0.5 if self.count else 0.0

    def as_tags(self, pixels: int) -> dict[str, str]:
        """In GDAL's words."""
        if not self.count:
            return {}
        return {
            "STATISTICS_MINIMUM": f"{self.minimum:.9g}",
            "STATISTICS_MAXIMUM": f"{self.maximum:.9g}",
            "STATISTICS_MEAN": f"{self.mean:.9g}",
            "STATISTICS_STDDEV": f"{self.deviation:.9g}",
            "STATISTICS_VALID_PERCENT": f"{100 * self.count / pixels:.4g}",
        }
