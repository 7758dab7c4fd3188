"""What to try when a job has ended without a result: the same again, or with more of what it lacked."""

from __future__ import annotations

from dataclasses import dataclass

from phidias_gateway.causes import CAUSES
from phidias_gateway.job import Job, Status
from phidias_gateway.settings import LimitSettings

FACTOR = 2


@dataclass(frozen=True)
class Retry:
    """A proposal: `resources` are the members that differ from what the job was given."""

    title: str
    resources: dict[str, float]


def proposal(job: Job, limits: LimitSettings) -> Retry | None:
    """What may help this job, or None: it has not ended, or succeeded, or would fail again."""
    if job.status is Status.DISMISSED:
        return Retry("Run again", {})
    cause = CAUSES.get(job.cause or "")
    if job.status is not Status.FAILED or cause is None or cause.again is None:
        return None
    if cause.again == "same":
        return Retry("Run again", {})
    given, most = getattr(job.resources, cause.again), getattr(limits, cause.again)
    proposed = min(FACTOR * given, most)
    if proposed <= given:
        return None
    amount = f"{proposed:g} GB of memory" if cause.again == "memory_gb" else f"{proposed:g} minutes"
    return Retry(f"Run again with {amount}", {cause.again: proposed})
