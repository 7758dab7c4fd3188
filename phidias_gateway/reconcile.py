"""What is true of a job, from what its folder holds and what the scheduler says; and what follows from it.

The folder's word is final: `result.json` is the outcome, a claim says that a worker has started. The scheduler's word
is a hint. Its silence is nothing at all: a job counts as gone only when the scheduler answers, does not know the job
for the whole grace period, and no worker renews the claim. No clock is compared with another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from phidias_gateway import causes
from phidias_gateway.endings import ending, failure
from phidias_gateway.items import index_entry
from phidias_gateway.job import Job, Status, Step, task_name
from phidias_gateway.job_folder import Claim, JobFolder, Turn
from phidias_gateway.parts import PartsSight, failure_of_parts, look_at_parts
from phidias_gateway.schedulers.scheduler import Observed, Phase, Scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Change, Store
from phidias_gateway.submission import Submitter

log = logging.getLogger(__name__)
RETRIES = 2
"""New attempts at most, after some that were lost without the job's fault"""
SUBMISSIONS = 10
"""Attempts at most to get a job to a scheduler that answers, and each time does not know it"""
_SETTLE_SECONDS = 5.0
"""How long a shared file system may take to show what a job wrote last; longer than a worker renews its claim"""


@dataclass(frozen=True)
class Sight:
    """What a job's folder holds. A result that cannot be read is empty."""

    result: dict[str, Any] | None
    claim: Claim | None
    """For a job in parts: that of the worker that last showed a sign of life"""
    progress: tuple[int, str]
    parts: PartsSight | None = None


def look(folder: JobFolder, job: Job) -> Sight:
    folder.refresh()
    result = _result(folder)
    if job.parts == 1:
        return Sight(result, folder.claim(Turn(job.attempt)), folder.progress())
    parts = look_at_parts(folder, job.parts)
    return Sight(result, folder.latest_claim(job.attempt, parts.open), parts.progress, parts)


def _result(folder: JobFolder) -> dict[str, Any] | None:
    try:
        return folder.result()
    except ValueError:
        return {}


@dataclass(frozen=True)
class Survey:
    """An answer of the scheduler: the tasks it knows, and the names that it knows if it has not lost them."""

    tasks: Mapping[str, Observed]
    asked: Collection[str]


class Reconciler:
    """Decides on one job at a time. Keeps only how long what has been seen; all else is in store and folders."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        scheduler: Scheduler,
        submitter: Submitter,
        cancel: Callable[[Sequence[str]], None],
    ) -> None:
        """`cancel` asks the scheduler to end tasks, without waiting for it."""
        self._settings = settings
        self._store = store
        self._scheduler = scheduler
        self._submitter = submitter
        self._cancel = cancel
        self._gone: dict[str, float] = {}
        self._touched: dict[str, float] = {}

    async def advance(self, job: Job, sight: Sight, survey: Survey | None) -> Change | None:
        """What changes for the job; `survey` is None if there is none now."""
        seen = None if survey is None else survey.tasks.get(job.name)
        missing = survey is not None and seen is None and job.name in survey.asked
        restarted = seen is not None and seen.restarted and sight.claim is not None  # of an array: see `joined`
        ended = restarted or (seen is not None and seen.phase is Phase.ENDED)
        self._remember(job, sight, there=None if survey is None else not (missing or ended))
        if job.id in self._submitter.busy():
            return None
        if job.step is Step.CANCELLING:
            return await self._cancelling(job, seen, missing)
        if sight.result is not None:
            return await self._ended(job, sight.result)
        if job.step is Step.RECORDED:
            self._submitter.start(job)
            return None
        if ended:
            if not self._gone_for(job, self._settle):
                return None
            if sight.parts is not None and seen is not None:
                return await self._lost(job, _cause_of_parts(sight.parts.open, seen))
            return await self._lost(job, "requeued" if restarted else (seen and seen.cause) or "worker-lost")
        if missing and self._gone_for(job, self._scheduler.grace_seconds):
            return await self._missing(job)
        if job.step is Step.SUBMITTING and seen is None and sight.claim is None:
            return None
        return self._going_on(job, sight, seen)

    def unknown(self) -> None:
        """The scheduler did not answer: nobody has been seen gone."""
        self._gone.clear()

    def forget(self, open_names: set[str]) -> None:
        """Drop what is remembered of all other tasks."""
        for memory in (self._gone, self._touched):
            for name in memory.keys() - open_names:
                del memory[name]

    def _remember(self, job: Job, sight: Sight, *, there: bool | None) -> None:
        """Since when the job is gone: not there for the scheduler, and no sign of life from a worker."""
        if there or (sight.claim is not None and self._touched.get(job.name) != sight.claim.touched):
            self._gone.pop(job.name, None)
        if sight.claim is not None:
            self._touched[job.name] = sight.claim.touched
        if there is False:
            self._gone.setdefault(job.name, time.monotonic())

    def _gone_for(self, job: Job, seconds: float) -> bool:
        since = self._gone.get(job.name)
        return since is not None and time.monotonic() - since >= seconds

    @property
    def _settle(self) -> float:
        return min(_SETTLE_SECONDS, self._scheduler.grace_seconds)

    def _going_on(self, job: Job, sight: Sight, seen: Observed | None) -> Change | None:
        percent, message = sight.progress
        running = sight.claim is not None or (seen is not None and seen.phase in (Phase.RUNNING, Phase.ENDING))
        new: dict[str, Any] = {"step": Step.SUBMITTED}
        if seen is not None:
            new["native_id"] = seen.native_id
        if running:
            new |= {"status": Status.RUNNING, "queue_reason": None, "estimated_start": None}
            new |= {"progress": percent, "message": message or "Running"}
            if job.started is None:
                new["started"] = datetime.now(UTC)
            if sight.parts is not None:
                new |= {"parts_done": sight.parts.done, "parts_failed": sight.parts.failed}
        elif seen is not None and job.status is Status.ACCEPTED:
            new |= {"queue_reason": seen.reason or None, "estimated_start": seen.estimated_start}
            new["message"] = f"Waiting: {seen.reason}" if seen.reason else "Waiting"
        new = {name: value for name, value in new.items() if getattr(job, name) != value}
        return Change(job, new) if new else None

    async def _ended(self, job: Job, result: Mapping[str, Any]) -> Change:
        """The job has its outcome."""
        try:
            values = ending(job, result, self._settings.limits.retention_days)
            kept = int(result["attempt"]) if values["status"] is Status.SUCCESSFUL else None
        except (ValueError, TypeError, KeyError, AttributeError):
            log.error("the outcome of %s cannot be read", job.id)
            problem = causes.problem("outcome-unreadable")
            values, kept = failure(job, problem, self._settings.limits.retention_days), None
        folder = self._folder(job)
        if job.parts > 1:
            parts = await asyncio.to_thread(look_at_parts, folder, job.parts)
            values |= {"parts_done": parts.done, "parts_failed": parts.failed}
        await asyncio.to_thread(folder.tidy, kept, tiles=kept is None)
        return Change(job, values, None if kept is None else await asyncio.to_thread(index_entry, folder, result))

    async def _missing(self, job: Job) -> Change | None:
        """The scheduler does not know the job (any more), and no worker shows a sign of life."""
        # Of an array, the history tells the end of one part only, and nothing says of which.
        past = None if job.parts > 1 else (await self._scheduler.history([job.name])).get(job.name)
        if past is not None and past.phase is Phase.ENDED:
            return await self._lost(job, past.cause or "worker-lost")
        return await self._lost(job, "not-submitted")

    async def _lost(self, job: Job, cause: str) -> Change | None:
        """The attempt ended without an outcome: again, if it was not the job's fault; else this is the outcome.

        The fence comes first: from then on no worker can start, however late the scheduler brings one, and one that
        still runs somewhere ends. Raises OSError if it cannot be made; then nothing is decided.
        """
        if not await asyncio.to_thread(self._is_current, job):
            return None
        folder = self._folder(job)
        ran = not await asyncio.to_thread(folder.forbid, job.attempt, job.parts)
        if cause == "not-submitted" and ran:
            cause = "worker-lost"
        elif cause in ("worker-failed", "worker-killed") and not ran:
            cause = "not-started"
        with contextlib.suppress(OSError):
            cause = self._scheduler.refine(cause, await asyncio.to_thread(_last_words, folder, job))
        doomed = await asyncio.to_thread(failure_of_parts, folder, job.parts)
        if doomed is None and causes.CAUSES[cause].retry and _may_try_again(job):
            self._cancel([job.name])
            return self._again(job, why=causes.CAUSES[cause].detail)
        try:
            problem = doomed or causes.problem(cause)
            return await self._ended(job, await asyncio.to_thread(_publish_failure, folder, job, problem))
        except OSError as error:
            log.error("the folder of %s cannot be used: %s", job.id, error)
            cause = "disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else cause
            return Change(job, failure(job, causes.problem(cause), self._settings.limits.retention_days))

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

    async def _cancelling(self, job: Job, seen: Observed | None, missing: bool) -> Change | None:
        """Until it is gone. One whose submission was in doubt may come late: it must be missing for longer."""
        if seen is None and not missing:
            return None
        folder = self._folder(job)
        await asyncio.to_thread(folder.forbid, job.attempt, job.parts)
        if seen is not None and seen.phase in (Phase.WAITING, Phase.RUNNING):
            self._cancel([job.name])
        in_doubt = seen is None and job.native_id is None
        if self._gone_for(job, self._scheduler.grace_seconds if in_doubt else self._settle):
            await asyncio.to_thread(folder.tidy, None, tiles=False)
            return Change(job, {"step": Step.CLOSED})
        return None

    def _folder(self, job: Job) -> JobFolder:
        return JobFolder(self._settings.store.jobs / job.id)


def _may_try_again(job: Job) -> bool:
    if job.step is Step.SUBMITTING:
        return job.attempt - job.retries < SUBMISSIONS
    return job.retries < RETRIES


def _cause_of_parts(lost: Sequence[int], seen: Observed) -> str:
    """Why the parts without an outcome were lost: a cause that forbids a new attempt, if one of them has such a one.

    None is lost: then it was the end of the job, that a worker made in what was left of its time.
    """
    found = [seen.causes.get(part) or "worker-lost" for part in lost] or ["worker-lost"]
    return next((cause for cause in found if not causes.CAUSES[cause].retry), found[0])


def _last_words(folder: JobFolder, job: Job) -> str:
    """The end of the log of what was lost: of a job in parts, of the first."""
    return folder.end_of_log(next(iter(folder.open_parts(job.parts)), 0))


def _publish_failure(folder: JobFolder, job: Job, problem: Mapping[str, Any]) -> dict[str, Any]:
    """Make the failure the job's outcome, unless a worker was quicker. Returns what the outcome is now."""
    outcome = {
        "status": "failed",
        "outputs": {},
        "error": dict(problem),
        "attempt": job.attempt,
        "started": job.started.isoformat() if job.started else None,
        "finished": datetime.now(UTC).isoformat(),
        "seconds": None,
    }
    folder.prepare("outcome.gateway.json", outcome)
    folder.publish("outcome.gateway.json", None)
    return _result(folder) or outcome


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
