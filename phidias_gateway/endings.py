"""The values a job gets when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from phidias_gateway import causes
from phidias_gateway.job import Status, Step


def ending(result: Mapping[str, Any], retention_days: float) -> dict[str, Any]:
    """For a job with an outcome, the content of `result.json`."""
    times = {
        "started": datetime.fromisoformat(result["started"]) if result.get("started") else None,
        "finished": datetime.fromisoformat(result["finished"]),
    }
    if result["status"] == Status.SUCCESSFUL:
        return {**_closed(retention_days), **times, "status": Status.SUCCESSFUL, "progress": 100, "message": "Done"}
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


def _closed(retention_days: float) -> dict[str, Any]:
    expires = datetime.now(UTC) + timedelta(days=retention_days)
    return {"step": Step.CLOSED, "expires": expires, "queue_reason": None, "estimated_start": None}
