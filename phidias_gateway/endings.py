"""The values a job gets when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from phidias_gateway import causes
from phidias_gateway.job import Job, Status, Step


def ending(job: Job, result: Mapping[str, Any], retention_days: float) -> dict[str, Any]:
    """For a job with an outcome, the content of `result.json`."""
    finished = datetime.fromisoformat(result["finished"])
    started = datetime.fromisoformat(result["started"]) if result.get("started") else None
    times = {"started": started, "finished": finished}
    if result["status"] == Status.SUCCESSFUL:
        run = (finished - started).total_seconds() if started else 0.0
        done = {
            "status": Status.SUCCESSFUL,
            "progress": 100,
            "message": "Done",
            "size": _size(result["outputs"]),
            "core_hours": job.resources.cpus * max(0.0, run) / 3600,
        }
        return {**_closed(retention_days), **times, **done}
    return {**failure(result["error"], retention_days), **times}


def failure(problem: Mapping[str, Any], retention_days: float) -> dict[str, Any]:
    """For a job that failed with this problem document."""
    return {
        **_closed(retention_days),
        "status": Status.FAILED,
        "finished": datetime.now(UTC),
        "problem": problem,
        "cause": causes.cause_of(problem),
        "message": problem["detail"],
        "remedy": problem.get("remedy"),
    }


def dismissal(retention_days: float) -> dict[str, Any]:
    """For a job whose owner does not want it any more; it stays open until it is gone from the scheduler."""
    return {
        **_closed(retention_days),
        "status": Status.DISMISSED,
        "step": Step.CANCELLING,
        "finished": datetime.now(UTC),
        "message": "Dismissed",
    }


def _size(outputs: Mapping[str, Any]) -> int:
    """Bytes of all output files."""
    return sum(file.get("size", 0) for entry in outputs.values() for file in entry.get("files", [entry]))


def _closed(retention_days: float) -> dict[str, Any]:
    expires = datetime.now(UTC) + timedelta(days=retention_days)
    return {"step": Step.CLOSED, "expires": expires, "queue_reason": None, "estimated_start": None}
