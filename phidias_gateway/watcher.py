"""The one loop that follows all jobs: a single question to the scheduler for everybody, never asked for a client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence

from phidias_gateway.changes import Changes
from phidias_gateway.errors import SchedulerUnavailable
from phidias_gateway.job import Job, Status, Step
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.reconcile import Reconciler, Sight, look, stray_names
from phidias_gateway.retention import remove_expired, remove_unused_uploads
from phidias_gateway.schedulers.scheduler import Observed, Phase, Scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Change, Store
from phidias_gateway.submission import Submitter

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
"""Between two looks at the folders of running jobs"""
_SURVEY_SHARE = 20
"""A survey that takes t seconds is not repeated within this many times t"""
_LONGEST_WAIT = 30.0
_SWEEP_SECONDS = 600.0


class Watcher:
    def __init__(
        self, settings: Settings, store: Store, changes: Changes, scheduler: Scheduler, submitter: Submitter
    ) -> None:
        self._settings = settings
        self._store = store
        self._changes = changes
        self._scheduler = scheduler
        self._submitter = submitter
        self._reconciler = Reconciler(settings, store, scheduler, submitter)
        self._awake = asyncio.Event()
        self._survey_due = 0.0
        self._pause = scheduler.survey_seconds
        self._sweep_due = 0.0

    def wake(self) -> None:
        """There is something to do that was not there before."""
        self._awake.set()

    async def run(self) -> None:
        """Follow the jobs until cancelled. Idle while none is open."""
        while True:
            try:
                busy = await self._turn()
            except Exception:
                # One bad turn must not end the watch: everything is looked at anew in the next.
                log.exception("a turn of the watch failed")
                busy = True
            pause = min(_LOOK_SECONDS, self._scheduler.survey_seconds) if busy else _SWEEP_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):  # not wait_for: until Python 3.12 it could swallow a cancellation
                    await self._awake.wait()
            self._awake.clear()

    async def _turn(self) -> bool:
        if time.monotonic() >= self._sweep_due:
            self._sweep_due = time.monotonic() + _SWEEP_SECONDS
            await asyncio.to_thread(self._sweep)
        # Before the jobs are read: one that is being submitted meanwhile would be judged by what it was.
        busy = self._submitter.busy()
        jobs = await asyncio.to_thread(self._store.open_jobs)
        self._reconciler.forget({job.name for job in jobs})
        if not jobs:
            return False
        at = time.monotonic()
        surveyed = await self._survey() if at >= self._survey_due else None
        # Looked at after the survey: what ended before it has its outcome in the folder by now.
        idle = [job for job in jobs if job.id not in busy]
        chosen = [job for job in idle if surveyed is not None or job.status is Status.RUNNING or _is_new(job)]
        sights = await asyncio.to_thread(self._look, chosen)
        changes = []
        for job in chosen:
            if job.id in sights:
                changes.append(await self._advance(job, sights[job.id], surveyed, at))
        await self._changes.apply([change for change in changes if change is not None])
        if surveyed is not None:
            await self._end_strays(surveyed, jobs)
        return True

    def _sweep(self) -> None:
        remove_expired(self._store, self._settings.store.jobs)
        remove_unused_uploads(self._store, self._settings.store.uploads, self._settings.limits.retention_days)

    async def _survey(self) -> Mapping[str, Observed] | None:
        begun = time.monotonic()
        try:
            surveyed = await self._scheduler.survey()
        except SchedulerUnavailable as error:
            log.warning("nothing is known from the scheduler: %s", error.detail)
            self._pause = min(_LONGEST_WAIT, self._pause * 1.5)
            self._survey_due = time.monotonic() + self._pause
            return None
        now = time.monotonic()
        self._pause = min(_LONGEST_WAIT, max(self._scheduler.survey_seconds, _SURVEY_SHARE * (now - begun)))
        self._survey_due = begun + self._pause
        return surveyed

    def _look(self, jobs: Sequence[Job]) -> dict[str, Sight]:
        sights = {}
        for job in jobs:
            try:
                sights[job.id] = look(JobFolder(self._settings.store.jobs / job.id), job.attempt)
            except (OSError, ValueError) as error:
                log.error("the folder of %s cannot be read: %s", job.id, error)
        return sights

    async def _advance(
        self, job: Job, sight: Sight, surveyed: Mapping[str, Observed] | None, at: float
    ) -> Change | None:
        try:
            return await self._reconciler.advance(job, sight, surveyed, at)
        except SchedulerUnavailable as error:
            log.warning("%s has to wait: %s", job.name, error.detail)
        except Exception:
            log.exception("following %s", job.name)
        return None

    async def _end_strays(self, surveyed: Mapping[str, Observed], jobs: Sequence[Job]) -> None:
        known = {job.id: job for job in jobs}
        for name, seen in surveyed.items():
            if seen.phase is Phase.ENDED:
                continue
            job_id = name.split("-")[1].upper()
            if job_id not in known and (job := self._store.get(job_id)) is not None:
                known[job_id] = job
        strays = stray_names(surveyed, known)
        if strays:
            log.warning("ending %s", ", ".join(strays))
            with contextlib.suppress(SchedulerUnavailable):
                await self._scheduler.cancel(strays)


def _is_new(job: Job) -> bool:
    return job.step in (Step.RECORDED, Step.SUBMITTING)
