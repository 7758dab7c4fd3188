"""The one loop that follows all jobs: a single question to the scheduler for everybody, never asked for a client.

Nothing here waits for the scheduler: it may be slow or silent for minutes, and results are in the folders.
"""

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
from phidias_gateway.reconcile import Reconciler, Sight, Survey, look, stray_names
from phidias_gateway.schedulers.scheduler import Observed, Phase, Scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Change, Store
from phidias_gateway.submission import Submitter

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
"""Between two looks at the folders of running jobs"""
_SHARE = 5
"""A survey, or a look at all folders, that takes t seconds is not repeated within this many times t"""
_LONGEST_WAIT = 30.0
_IDLE_SECONDS = 600.0
"""Between two surveys while no job is open: a submission of long ago may still arrive"""
_ANSWERS_PER_SECOND = 250
"""Progress is not told more often than so many who wait can be answered beside all else"""
_UNSEEN = Sight(None, None, (0, ""))


class Watcher:
    def __init__(
        self, settings: Settings, store: Store, changes: Changes, scheduler: Scheduler, submitter: Submitter
    ) -> None:
        self._settings = settings
        self._store = store
        self._changes = changes
        self._scheduler = scheduler
        self._submitter = submitter
        self._reconciler = Reconciler(settings, store, scheduler, submitter, self._cancel)
        self._awake = asyncio.Event()
        self._survey: asyncio.Task[Survey | None] | None = None
        self._survey_due = 0.0
        self._look_due = 0.0
        self._strays_due = 0.0
        self._pause = scheduler.survey_seconds
        self._took = 0.0
        self._progress_due = 0.0
        self._cancelled: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """There is something to do that was not there before."""
        self._awake.set()

    async def run(self) -> None:
        """Follow the jobs until cancelled. Idle while none is open."""
        try:
            while True:
                try:
                    pause = await self._turn()
                except Exception:
                    # One bad turn must not end the watch: everything is looked at anew in the next.
                    log.exception("a turn of the watch failed")
                    pause = _LOOK_SECONDS
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: until Python 3.12 it could swallow a cancellation.
                    async with asyncio.timeout(pause):
                        await self._awake.wait()
                self._awake.clear()
        finally:
            questions = [task for task in (self._survey, *self._cancelled.values()) if task is not None]
            for task in questions:
                task.cancel()
            await asyncio.gather(*questions, return_exceptions=True)

    async def _turn(self) -> float:
        """Look at everything that is due; returns how long nothing will be."""
        # Before the jobs are read: one that is being submitted meanwhile would be judged by what it was.
        busy = self._submitter.busy()
        jobs = await asyncio.to_thread(self._store.open_jobs)
        self._reconciler.forget({job.name for job in jobs})
        if not (jobs or self._survey or time.monotonic() >= self._strays_due):
            return _IDLE_SECONDS
        idle = [job for job in jobs if job.id not in busy]
        survey = await self._surveyed(idle)
        # Looked at after the survey: what ended before it has its outcome in the folder by now.
        begun = time.monotonic()
        everyone = survey is not None or begun >= self._look_due
        chosen = [job for job in idle if everyone or job.status is Status.RUNNING or _is_new(job)]
        sights = await asyncio.to_thread(self._look, chosen, survey)
        if everyone:
            self._look_due = begun + self._wait_after(time.monotonic() - begun)
        found = [self._advance(job, sights[job.id], survey) for job in chosen if job.id in sights]
        changes = [change for change in await asyncio.gather(*found) if change is not None]
        await self._changes.apply(self._worth_telling(changes))
        if survey is not None:
            self._strays_due = time.monotonic() + _IDLE_SECONDS
            await self._end_strays(survey.tasks, jobs)
        if not (jobs or self._survey):
            return _IDLE_SECONDS
        survey_due = max(0.0, self._survey_due - time.monotonic())
        return min(_LOOK_SECONDS, self._scheduler.survey_seconds, survey_due)

    async def _surveyed(self, jobs: Sequence[Job]) -> Survey | None:
        """The survey that has come to its end, if one has. A slow one goes on in the background."""
        if self._survey is None:
            if time.monotonic() < self._survey_due:
                return None
            asked = frozenset(job.name for job in jobs if job.step is not Step.RECORDED)
            self._survey = asyncio.create_task(self._ask(asked), name="survey the scheduler")
        await asyncio.wait({self._survey}, timeout=_LOOK_SECONDS)
        if not self._survey.done():
            return None
        survey, self._survey = self._survey, None
        return survey.result()

    async def _ask(self, asked: frozenset[str]) -> Survey | None:
        begun = time.monotonic()
        try:
            tasks = await self._scheduler.survey()
        except Exception as error:
            known = isinstance(error, SchedulerUnavailable)
            log.warning("nothing is known from the scheduler: %s", error, exc_info=not known)
            self._reconciler.unknown()
            self._pause = min(_LONGEST_WAIT, self._pause * 1.5)
            self._survey_due = time.monotonic() + self._pause
            return None
        # One slow answer says little: the machine may have been busy with something else.
        took, self._took = self._took, time.monotonic() - begun
        self._pause = self._wait_after(min(took, self._took))
        self._survey_due = begun + self._pause
        return Survey(tasks, asked)

    def _wait_after(self, took: float) -> float:
        """Seconds between the beginning of what took so long and its next time."""
        return min(_LONGEST_WAIT, max(self._scheduler.survey_seconds, _SHARE * took))

    def _look(self, jobs: Sequence[Job], survey: Survey | None) -> dict[str, Sight]:
        """What the folders hold. One that waits has nothing there: thousands may, on a slow file system."""
        sights = {}
        for job in jobs:
            seen = None if survey is None else survey.tasks.get(job.name)
            if seen is not None and seen.phase is Phase.WAITING and not seen.restarted and _waits(job):
                sights[job.id] = _UNSEEN
                continue
            try:
                sights[job.id] = look(JobFolder(self._settings.store.jobs / job.id), job)
            except OSError as error:
                log.error("the folder of %s cannot be read: %s", job.id, error)
        return sights

    def _worth_telling(self, changes: list[Change]) -> list[Change]:
        """All changes, or only those of status, while those who wait are busy hearing of the last progress."""
        now = time.monotonic()
        if now < self._progress_due:
            return [change for change in changes if not change.values.keys().isdisjoint({"status", "step"})]
        if changes:
            self._progress_due = now + self._changes.waiting / _ANSWERS_PER_SECOND
        return changes

    async def _advance(self, job: Job, sight: Sight, survey: Survey | None) -> Change | None:
        try:
            return await self._reconciler.advance(job, sight, survey)
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
            self._cancel(strays)

    def _cancel(self, names: Sequence[str]) -> None:
        """Ask the scheduler to end these tasks. What fails is asked again after the next survey."""
        for name in names:
            if name not in self._cancelled:
                self._cancelled[name] = asyncio.create_task(self._cancel_one(name), name=f"cancel {name}")

    async def _cancel_one(self, name: str) -> None:
        try:
            await self._scheduler.cancel([name])
        except SchedulerUnavailable as error:
            log.warning("%s is not ended yet: %s", name, error.detail)
        finally:
            del self._cancelled[name]


def _is_new(job: Job) -> bool:
    return job.step in (Step.RECORDED, Step.SUBMITTING)


def _waits(job: Job) -> bool:
    return job.step is Step.SUBMITTED and job.status is Status.ACCEPTED
