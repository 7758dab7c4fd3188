"""What a scheduler is to the gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from phidias_gateway.process import Resources


class Phase(StrEnum):
    """How far a task is, as the scheduler sees it: a hint; the outcome is only what the job folder holds."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDING = "ending"
    """Its processes are being ended"""
    ENDED = "ended"


@dataclass(frozen=True)
class Task:
    """One attempt of one job, as handed to a scheduler. Its `name` is unique and finds it again after any doubt.

    With `parts` it is an array: the worker runs once for each, with the part's number as one more argument.
    """

    name: str
    folder: Path
    attempt: int
    resources: Resources
    command: tuple[str, ...]
    """The worker's command with its arguments"""
    env: Mapping[str, str]
    """The worker's whole environment"""
    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Observed:
    """What a scheduler says about a task. An array runs while one of its parts does, and has ended when all have."""

    name: str
    native_id: str
    phase: Phase
    cause: str | None = None
    """For an ended task: the cause of its end as in `causes`, None if it ended by itself, with exit code 0"""
    restarted: bool = False
    """The scheduler has started the task more than once, which it was told not to: its first start is lost"""
    reason: str = ""
    """For a waiting task: why it waits, in words"""
    estimated_start: datetime | None = None
    causes: Mapping[int, str | None] = field(default_factory=dict)
    """For an array: `cause`, for each of its parts that has ended"""


def joined(parts: Mapping[int, Observed]) -> Observed:
    """What is seen of an array, from what is seen of its parts. The numbers of parts that wait do not matter."""
    phases = {seen.phase for seen in parts.values()}
    phase = next(phase for phase in (Phase.RUNNING, Phase.ENDING, Phase.WAITING, Phase.ENDED) if phase in phases)
    shown = next(seen for seen in parts.values() if seen.phase is phase)
    causes = {
        part: "requeued" if seen.restarted else seen.cause for part, seen in parts.items() if seen.phase is Phase.ENDED
    }
    return replace(shown, cause=None, restarted=False, causes=causes)


class SubmissionRefused(Exception):
    """The scheduler said no: nothing was submitted, and the same request would be refused again."""


class SubmissionUnknown(Exception):
    """Nobody knows whether the task was submitted: it must be looked up by its name."""


class Scheduler(Protocol):
    """Runs tasks. All methods may be called at any time, also concurrently."""

    kind: str
    survey_seconds: float
    """Shortest sensible time between two surveys"""
    grace_seconds: float
    """How long a task must be missing in its surveys to be taken for gone"""

    async def adopt(self, tasks: Sequence[Task]) -> None:
        """Told once at start-up: the tasks that an earlier gateway submitted, or was about to, and whose end nobody
        has seen."""

    async def submit(self, task: Task) -> str:
        """Submit the task and return the scheduler's own id. Raises SubmissionRefused or SubmissionUnknown."""

    async def survey(self) -> Mapping[str, Observed]:
        """All tasks it knows of, by name, in one question. Raises SchedulerUnavailable: then nothing is known."""

    async def history(self, names: Sequence[str]) -> Mapping[str, Observed]:
        """What its accounting keeps about tasks that a survey no longer shows; may be empty."""

    async def most_parts(self) -> int:
        """How many parts an array may have."""

    async def expected_start(self, resources: Resources) -> datetime | None:
        """When a task that is submitted now would start, None if nobody can tell."""

    def refine(self, cause: str, log: str) -> str:
        """The cause of a task's end, if the end of its log tells more than the scheduler's state did."""

    async def cancel(self, names: Sequence[str]) -> None:
        """End these tasks and all their processes. Unknown names are no error. Raises SchedulerUnavailable."""

    async def stop(self) -> None:
        """The gateway stops; tasks run on."""
