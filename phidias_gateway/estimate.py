"""What a job would amount to, said before it is submitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phidias_gateway.job import Job
from phidias_gateway.limits import Excess
from phidias_gateway.process import Effort, Resources


@dataclass(frozen=True)
class Estimate:
    effort: Effort
    tasks: int | None
    """None: it was not planned, since it is too large"""
    resources: Resources
    """Of one task"""
    core_hours: float | None
    """None: no job of this process has ended well yet"""
    excesses: tuple[Excess, ...]
    """The limits that it would break"""


def expected_core_hours(effort: Effort, measured: Sequence[Job]) -> float | None:
    """From jobs of the same process that have ended well: in proportion to what is read, else written, else the mean.

    Sums are compared, not single jobs, so that large jobs count for what they are.
    """
    for size in ("bytes_read", "pixels"):
        asked = getattr(effort, size)
        known = [(getattr(job.effort, size), job.core_hours or 0.0) for job in measured if getattr(job.effort, size)]
        if asked and known:
            return float(asked * sum(hours for _, hours in known) / sum(amount for amount, _ in known))
    return sum(job.core_hours or 0.0 for job in measured) / len(measured) if measured else None
