"""Why a job ends without its own outcome: one table of causes, each with what to tell the user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from phidias_gateway.errors import PHIDIAS


@dataclass(frozen=True)
class Cause:
    """`retry`: not the job's fault, and likely to go well the next time: the gateway does it by itself."""

    title: str
    detail: str
    remedy: str
    retry: bool = False
    again: Literal["same", "memory_gb", "minutes"] | None = None
    """What a user may run again: the same, or with more of what it lacked"""
    status: int = 500


_LOG = "Read the job's log."
CAUSES = {
    "time-limit": Cause(
        "The time limit was reached",
        "The job ran longer than the time it was given, and was ended.",
        "Run it again on a smaller area or fewer scenes, or with more time.",
        again="minutes",
    ),
    "out-of-memory": Cause(
        "The memory limit was reached",
        "The job needed more memory than it was given, and was ended.",
        "Run it again on a smaller area or at a coarser resolution, or with more memory.",
        again="memory_gb",
    ),
    "worker-killed": Cause(
        "The job's process was killed",
        "The job's process was ended from outside before it was done.",
        f"{_LOG} Often memory ran out: run it again on a smaller area, or with more memory.",
        again="memory_gb",
    ),
    "worker-failed": Cause(
        "The job's process ended early",
        "The job's process ended before it was done, without saying why.",
        f"{_LOG} If it does not explain it, send it to the author of the process.",
    ),
    "worker-lost": Cause(
        "The job was lost",
        "The scheduler no longer knows the job, and it left no result.",
        "Run it again. If it happens again, tell the site's administrator.",
        again="same",
        retry=True,
    ),
    "outcome-unreadable": Cause(
        "The job's outcome cannot be read",
        "The file that holds the job's outcome is damaged.",
        "Run it again. If it happens again, tell the site's administrator: a disk may be failing.",
        again="same",
    ),
    "not-submitted": Cause(
        "The job did not reach the scheduler",
        "The scheduler does not know the job, and it never started.",
        "Run it again.",
        retry=True,
        again="same",
    ),
    "not-started": Cause(
        "The job could not be started",
        "The scheduler could not start the job's process.",
        f"{_LOG} Tell the site's administrator: the worker's environment may be broken or the disk full.",
        again="same",
    ),
    "node-failed": Cause(
        "The node failed",
        "The compute node failed while the job ran.",
        "Run it again.",
        retry=True,
        again="same",
    ),
    "preempted": Cause(
        "The job was pushed aside",
        "A job of higher priority took this job's place.",
        "Run it again, when the cluster is less busy.",
        retry=True,
        again="same",
    ),
    "requeued": Cause(
        "The job was put back into the queue",
        "The scheduler stopped the job and put it back into its queue.",
        "Run it again. If it happens again, ask the site's administrator why.",
        retry=True,
        again="same",
    ),
    "cancelled-by-site": Cause(
        "The job was cancelled at the scheduler",
        "Someone cancelled the job at the scheduler, not through this gateway.",
        "Ask the site's administrator why, then run it again.",
        again="same",
    ),
    "deadline": Cause(
        "The job's deadline passed",
        "The scheduler ended the job because its deadline had passed.",
        "Run it again.",
        again="same",
    ),
    "disk-full": Cause(
        "The disk is full",
        "No space is left where the job writes.",
        "Delete jobs you no longer need, or ask the site's administrator for space; then run it again.",
        status=507,
        again="same",
    ),
    "refused": Cause(
        "The scheduler refused the job",
        "The scheduler did not take the job.",
        "Ask for less memory, fewer CPUs or less time; or ask the site's administrator.",
    ),
}


def problem(cause: str, detail: str = "") -> dict[str, Any]:
    """The problem document of a cause; `detail` says more where more is known."""
    known = CAUSES[cause]
    return {
        "type": PHIDIAS + cause,
        "title": known.title,
        "status": known.status,
        "detail": f"{known.detail} {detail}".strip(),
        "remedy": known.remedy,
    }


def cause_of(problem: Mapping[str, Any]) -> str:
    """The cause that a problem document names: the last word of its type."""
    return str(problem.get("type", "")).rstrip("/").replace("#", "/").rsplit("/", 1)[-1] or "internal-error"
