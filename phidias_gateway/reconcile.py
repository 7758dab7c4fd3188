"""What is true of a job, from what its folder holds and what the scheduler says; and what follows from it.

The folder's word is final: `result.json` is the outcome, a claim says that a worker has started. The scheduler's word
is a hint. Its silence is nothing at all: a job counts as gone only when the scheduler answers, does not know the job
for the whole grace period, and no worker renews the claim.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from phidias_gateway import causes
from phidias_gateway.endings import ending, failure
from phidias_gateway.errors import SchedulerUnavailable
from phidias_gateway.job import Job, Status, Step, task_name
from phidias_gateway.job_folder import Claim, JobFolder
from phidias_gateway.schedulers.scheduler import Observed, Phase, Scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Change, Store
from phidias_gateway.submission import Submitter

log = logging.getLogger(__name__)
RETRIES = 2
_BEAT_SECONDS = 15.0
"""A worker that has not renewed its claim for that long does not live"""


@dataclass(frozen=True)
class Sight:
    """What a job's folder holds."""

    result: dict[str, Any] | None
    claim: Claim | None
    progress: tuple[int, str]

    @property
    def has_worker(self) -> bool:
        return self.claim is not None and self.claim.pid is not None


def look(folder: JobFolder, attempt: int) -> Sight:
    return Sight(folder.result(), folder.claim(attempt), folder.progress())


class Reconciler:
    """Decides on one job at a time. Keeps only how long what has been seen; all else is in store and folders."""

    def __init__(self, settings: Settings, store: Store, scheduler: Scheduler, submitter: Submitter) -> None:
        self._settings = settings
        self._store = store
        self._scheduler = scheduler
        self._submitter = submitter
        self._gone: dict[str, float] = {}
        self._beats: dict[str, tuple[float, float]] = {}

    async def advance(
        self, job: Job, sight: Sight, surveyed: Mapping[str, Observed] | None, at: float
    ) -> Change | None:
        """What changes for the job. `surveyed` is a survey begun at `at` (monotonic), None if there is none now."""
        seen = None if surveyed is None else surveyed.get(job.name)
        if surveyed is not None and (seen is None or seen.phase is Phase.ENDED):
            self._gone.setdefault(job.name, at)
        elif seen is not None:
            self._gone.pop(job.name, None)
        if sight.claim is not None and self._beats.get(job.name, (None, 0))[0] != sight.claim.touched:
            self._beats[job.name] = (sight.claim.touched, time.monotonic())
        if job.id in self._submitter.busy():
            return None
        if job.step is Step.CANCELLING:
            return await self._cancelling(job, seen, surveyed is not None)
        if sight.result is not None:
            return self._ended(job, sight.result)
        if job.step is Step.RECORDED:
            self._submitter.start(job)
            return None
        if seen is not None and seen.phase is Phase.ENDED:
            return await self._lost(job, seen.cause or "worker-lost") if self._gone_for(job, self._settle) else None
        if seen is None and surveyed is not None and self._is_gone(job):
            return await self._missing(job)
        if job.step is Step.SUBMITTING and seen is None and not sight.has_worker:
            return None
        return self._going_on(job, sight, seen)

    def forget(self, open_names: set[str]) -> None:
        """Drop what is remembered of all other tasks."""
        for memory in (self._gone, self._beats):
            for name in memory.keys() - open_names:
                del memory[name]

    @property
    def _settle(self) -> float:
        """How long a shared file system may take to show what a job wrote last."""
        return min(5.0, self._scheduler.grace_seconds)

    def _gone_for(self, job: Job, seconds: float) -> bool:
        since = self._gone.get(job.name)
        return since is not None and time.monotonic() - since >= seconds

    def _is_gone(self, job: Job) -> bool:
        beat = self._beats.get(job.name)
        beating = beat is not None and time.monotonic() - beat[1] < min(_BEAT_SECONDS, self._scheduler.grace_seconds)
        return self._gone_for(job, self._scheduler.grace_seconds) and not beating

    def _going_on(self, job: Job, sight: Sight, seen: Observed | None) -> Change | None:
        percent, message = sight.progress
        running = sight.has_worker or (seen is not None and seen.phase in (Phase.RUNNING, Phase.ENDING))
        new: dict[str, Any] = {"step": Step.SUBMITTED}
        if seen is not None:
            new["native_id"] = seen.native_id
        if running:
            new |= {"status": Status.RUNNING, "queue_reason": None, "estimated_start": None}
            new |= {"progress": percent, "message": message or "Running"}
            if job.started is None:
                new["started"] = datetime.now(UTC)
        elif seen is not None and job.status is Status.ACCEPTED:
            new |= {"queue_reason": seen.reason or None, "estimated_start": seen.estimated_start}
            new["message"] = f"Waiting: {seen.reason}" if seen.reason else "Waiting"
        new = {name: value for name, value in new.items() if getattr(job, name) != value}
        return Change(job, new) if new else None

    def _ended(self, job: Job, result: Mapping[str, Any]) -> Change:
        return Change(job, ending(job, result, self._settings.limits.retention_days))

    async def _missing(self, job: Job) -> Change | None:
        """The scheduler does not know the job (any more), and no worker shows a sign of life."""
        past = (await self._scheduler.history([job.name])).get(job.name)
        if past is not None and past.phase is Phase.ENDED:
            return await self._lost(job, past.cause or "worker-lost")
        return await self._lost(job, "not-submitted")

    async def _lost(self, job: Job, cause: str) -> Change | None:
        """The attempt ended without an outcome: again, if it was not the job's fault; else this is the outcome.

        The fence comes first: from then on no worker can start, however late the scheduler brings one.
        """
        if not await asyncio.to_thread(self._is_current, job):
            return None
        folder = self._folder(job)
        try:
            ran = not await asyncio.to_thread(folder.fence, job.attempt)
            if cause == "not-submitted" and ran:
                cause = "worker-lost"
            elif cause == "worker-failed" and not ran:
                cause = "not-started"
            cause = self._scheduler.refine(cause, await asyncio.to_thread(folder.end_of_log))
            problem = causes.problem(cause)
            if causes.CAUSES[cause].retry and (job.retries < RETRIES or job.step is Step.SUBMITTING):
                await asyncio.to_thread(folder.revoke, job.attempt)
                with contextlib.suppress(SchedulerUnavailable):
                    await self._scheduler.cancel([job.name])
                return self._again(job, why=causes.CAUSES[cause].detail)
            return self._ended(job, await asyncio.to_thread(_publish_failure, folder, job, problem))
        except OSError as error:
            log.error("the folder of %s cannot be used: %s", job.id, error)
            return Change(job, failure(causes.problem(cause), self._settings.limits.retention_days))

    def _is_current(self, job: Job) -> bool:
        now = self._store.get(job.id)
        return now is not None and now.version == job.version

    def _again(self, job: Job, *, why: str) -> Change:
        log.warning("%s: a new attempt, since %s", job.name, why)
        return Change(
            job,
            {
                "step": Step.RECORDED,
                "status": Status.ACCEPTED,
                "attempt": job.attempt + 1,
                "retries": job.retries + (job.step is not Step.SUBMITTING),
                "native_id": None,
                "started": None,
                "progress": 0,
                "message": f"Submitted again: {why}",
                "queue_reason": None,
                "estimated_start": None,
            },
        )

    async def _cancelling(self, job: Job, seen: Observed | None, surveyed: bool) -> Change | None:
        if not surveyed:
            return None
        if seen is not None and seen.phase is not Phase.ENDED:
            if seen.phase is not Phase.ENDING:
                await self._scheduler.cancel([job.name])
            return None
        if job.native_id is not None or self._gone_for(job, self._scheduler.grace_seconds):
            return Change(job, {"step": Step.CLOSED})
        return None

    def _folder(self, job: Job) -> JobFolder:
        return JobFolder(self._settings.store.jobs / job.id)


def _publish_failure(folder: JobFolder, job: Job, problem: Mapping[str, Any]) -> dict[str, Any]:
    """Make the failure the job's outcome, unless a worker was quicker. Returns what the outcome is now."""
    outcome = {
        "status": "failed",
        "outputs": {},
        "error": problem,
        "attempt": job.attempt,
        "started": job.started.isoformat() if job.started else None,
        "finished": datetime.now(UTC).isoformat(),
    }
    folder.revoke(job.attempt)
    folder.prepare("outcome.gateway.json", outcome)
    folder.publish("outcome.gateway.json", None)
    return folder.result() or outcome


def stray_names(surveyed: Mapping[str, Observed], jobs: Mapping[str, Job]) -> list[str]:
    """Tasks at the scheduler that must not run: former attempts of a job, and those of jobs that have ended.

    Names that are not in `jobs` belong to another gateway of the same user.
    """
    strays = []
    for name, seen in surveyed.items():
        job = jobs.get(name.split("-")[1].upper())
        if job is None or seen.phase in (Phase.ENDED, Phase.ENDING):
            continue
        former = name != task_name(job.id, job.attempt)
        unwanted = job.step is Step.CLOSED and (seen.phase is Phase.WAITING or job.status is not Status.SUCCESSFUL)
        if former or unwanted:
            strays.append(name)
    return strays
