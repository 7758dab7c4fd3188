"""The values a job gets when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from phidias_gateway import causes
from phidias_gateway.job import Job, Status, Step


def ending(job: Job, result: Mapping[str, Any], retention_days: float) -> dict[str, Any]:
    """For a job with an outcome, the content of `result.json`. Raises ValueError, TypeError, KeyError or
    AttributeError if it is none.

    The file is written where the job ran: a clock there, or ours meanwhile, may be wrong. What counts is the duration;
    the job's times are in order by our clock.
    """
    finished, now = datetime.fromisoformat(result["finished"]), _now(job)
    if not job.created <= finished <= now:
        finished = now
    started = None if result["started"] is None else min(job.started or finished, finished)
    if result["seconds"] is not None:
        ran = timedelta(seconds=max(0.0, float(result["seconds"])))
        started = max(job.created, finished - ran)
        finished = started + ran
    times = {"started": started, "finished": finished}
    if Status(result["status"]) is Status.SUCCESSFUL:
        done = {
            "status": Status.SUCCESSFUL,
            "progress": 100,
            "message": "Done",
            "size": _size(result["outputs"]),
            "core_hours": job.resources.cpus * float(result.get("busy_seconds", result["seconds"])) / 3600,
        }
        return {**_closed(retention_days), **times, **done}
    return {**failure(job, result["error"], retention_days), **times}


def failure(job: Job, problem: Mapping[str, Any], retention_days: float) -> dict[str, Any]:
    """For a job that failed with this problem document."""
    return {
        **_closed(retention_days),
        "status": Status.FAILED,
        "finished": _now(job),
        "problem": problem,
        "cause": causes.cause_of(problem),
        "message": problem["detail"],
        "remedy": problem.get("remedy"),
    }


def dismissal(job: Job, retention_days: float) -> dict[str, Any]:
    """For a job whose owner does not want it any more; it stays open until it is gone from the scheduler."""
    return {
        **_closed(retention_days),
        "status": Status.DISMISSED,
        "step": Step.CANCELLING,
        "finished": _now(job),
        "message": "Dismissed",
    }


def _now(job: Job) -> datetime:
    """The time by our clock, which may have been moved back meanwhile."""
    return max(datetime.now(UTC), job.started or job.created)


def _size(outputs: Mapping[str, Any]) -> int:
    """Bytes of all output files."""
    return sum(file.get("size", 0) for entry in outputs.values() for file in entry.get("files", [entry]))


def _closed(retention_days: float) -> dict[str, Any]:
    expires = datetime.now(UTC) + timedelta(days=retention_days)
    return {"step": Step.CLOSED, "expires": expires, "queue_reason": None, "estimated_start": None}
