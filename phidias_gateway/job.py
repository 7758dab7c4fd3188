"""What a job is to those who ask: its state, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from phidias_gateway.process import Effort, Resources


class Status(StrEnum):
    """The status codes of OGC API - Processes."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"

    @property
    def ended(self) -> bool:
        return self in (Status.SUCCESSFUL, Status.FAILED, Status.DISMISSED)


class Step(StrEnum):
    """How far the gateway is with a job: each is written durably before what it announces is done."""

    RECORDED = "recorded"
    """To be submitted; nothing of it is at the scheduler"""
    SUBMITTING = "submitting"
    """It may be at the scheduler: found out by its name"""
    SUBMITTED = "submitted"
    CANCELLING = "cancelling"
    """Dismissed, and not yet seen gone from the scheduler"""
    CLOSED = "closed"
    """Nothing is left to do"""


@dataclass(frozen=True)
class Job:
    """A job as it was when asked for. Times are aware, in UTC."""

    id: str
    owner: str
    process_id: str
    process_version: str
    status: Status
    step: Step
    attempt: int
    retries: int
    """Attempts that were lost without the job's fault"""
    version: int
    """Grows with every change: the job's ETag"""
    resources: Resources
    environment: str
    created: datetime
    updated: datetime
    started: datetime | None = None
    finished: datetime | None = None
    expires: datetime | None = None
    summary: str = ""
    """What tells it from other jobs of its process"""
    progress: int = 0
    message: str = ""
    cause: str | None = None
    """For a job that failed: why, as one of `causes`"""
    remedy: str | None = None
    problem: Mapping[str, Any] | None = None
    """For a job that failed: its problem document"""
    queue_reason: str | None = None
    estimated_start: datetime | None = None
    native_id: str | None = None
    pinned: bool = False
    """Kept although its time is over"""
    size: int = 0
    """Bytes of its output files"""
    effort: Effort = field(default_factory=Effort)
    parts: int = 1
    """Tasks that share the work, if there are more than one"""
    parts_done: int = 0
    parts_failed: int = 0
    core_hours: float | None = None
    """What a successful job has taken"""

    @property
    def name(self) -> str:
        """The name of the current attempt at the scheduler, by which it is found again."""
        return task_name(self.id, self.attempt)


def task_name(job_id: str, attempt: int) -> str:
    return f"phidias-{job_id.lower()}-{attempt}"


@dataclass(frozen=True)
class Page:
    """Jobs, newest first."""

    jobs: tuple[Job, ...]
    next: str | None
    """Cursor of the next page; None: this was the last"""


@dataclass(frozen=True)
class OutputFile:
    """An output that is a file."""

    file: str
    """Its name: `Jobs.result_file` gives the path"""
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Outcome:
    """The outputs of a successful job, only those that were asked for."""

    outputs: Mapping[str, OutputFile | tuple[OutputFile, ...] | Any]
    """By name: a file, several files, or the JSON value itself"""
    transmission: Mapping[str, str]
    """"value" or "reference" for the outputs where the request said so"""
    response: str | None
    """"raw" or "document" as requested, None if the request did not say"""


@dataclass(frozen=True)
class LogPart:
    """A part of a log, cut where a character ends."""

    text: str
    offset: int
    next: int
    """Offset to read on from"""
    complete: bool
    """The job has ended and nothing follows"""
