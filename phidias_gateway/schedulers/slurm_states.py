"""Every job state of Slurm (`squeue`, JOB STATE CODES), in our words."""

from __future__ import annotations

import re

from phidias_gateway.schedulers.scheduler import Phase

_STATES: dict[str, tuple[Phase, str | None]] = {
    "BOOT_FAIL": (Phase.ENDED, "node-failed"),
    "CANCELLED": (Phase.ENDED, "cancelled-by-site"),
    "COMPLETED": (Phase.ENDED, None),
    "COMPLETING": (Phase.ENDING, None),
    "CONFIGURING": (Phase.WAITING, None),
    "DEADLINE": (Phase.ENDED, "deadline"),
    "FAILED": (Phase.ENDED, "worker-failed"),
    "LAUNCH_FAILED": (Phase.ENDED, "not-started"),
    "NODE_FAIL": (Phase.ENDED, "node-failed"),
    "OUT_OF_MEMORY": (Phase.ENDED, "out-of-memory"),
    "PENDING": (Phase.WAITING, None),
    "POWER_UP_NODE": (Phase.WAITING, None),
    "PREEMPTED": (Phase.ENDED, "preempted"),
    "RECONFIG_FAIL": (Phase.ENDED, "node-failed"),
    "REQUEUED": (Phase.WAITING, None),
    "REQUEUE_FED": (Phase.WAITING, None),
    "REQUEUE_HOLD": (Phase.WAITING, None),
    "RESIZING": (Phase.RUNNING, None),
    "RESV_DEL_HOLD": (Phase.WAITING, None),
    "REVOKED": (Phase.ENDED, "cancelled-by-site"),
    "RUNNING": (Phase.RUNNING, None),
    "SIGNALING": (Phase.RUNNING, None),
    "SPECIAL_EXIT": (Phase.WAITING, None),
    "STAGE_OUT": (Phase.ENDING, None),
    "STOPPED": (Phase.RUNNING, None),
    "SUSPENDED": (Phase.RUNNING, None),
    "TIMEOUT": (Phase.ENDED, "time-limit"),
}

_REASONS = {
    "Priority": "jobs of higher priority are ahead",
    "Resources": "waiting for nodes to become free",
    "Dependency": "waiting for another job",
    "BeginTime": "its earliest start is not reached yet",
    "JobHeldUser": "held by the user",
    "JobHeldAdmin": "held by the site's administrator",
    "ReqNodeNotAvail": "the nodes it needs are not available",
    "PartitionDown": "the partition is down",
    "PartitionTimeLimit": "it asks for more time than the partition allows",
    "PartitionNodeLimit": "it asks for more nodes than the partition allows",
    "Licenses": "waiting for a licence",
    "Reservation": "waiting for its reservation",
    "QOSMaxJobsPerUserLimit": "your account's limit of running jobs is reached",
    "QOSMaxCpuPerUserLimit": "your account's limit of CPUs is reached",
    "AssocGrpCpuLimit": "your project's limit of CPUs is reached",
    "AssocMaxJobsLimit": "your account's limit of running jobs is reached",
}


def phase_of(state: str) -> tuple[Phase, str | None]:
    """The phase, and for an ended job the cause. A state we do not know counts as running: it claims no end."""
    return _STATES.get(state.split(" ", 1)[0], (Phase.RUNNING, None))


def reason_of(reason: str) -> str:
    """Slurm's reason for waiting in words, with Slurm's own word where we have none."""
    word = re.split(r"[,\s(]", reason.strip("()"), maxsplit=1)[0]
    return "" if word in ("", "None") else _REASONS.get(word, f"Slurm's reason: {word}")
