"""Handing a recorded job to the scheduler, exactly once per attempt.

The intent is in the store before the scheduler hears of it. What happened is written after. A gateway that ends between
the two finds the job by its name; `reconcile` does that, and never submits the same attempt again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os

from phidias_gateway import causes
from phidias_gateway.changes import Changes
from phidias_gateway.endings import failure
from phidias_gateway.environments import worker_environment
from phidias_gateway.errors import SchedulerUnavailable
from phidias_gateway.job import Job, Step
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.schedulers.scheduler import Scheduler, SubmissionRefused, SubmissionUnknown, Task
from phidias_gateway.settings import Settings
from phidias_gateway.store import Change, Store

log = logging.getLogger(__name__)
_AT_ONCE = 8


def make_task(job: Job, settings: Settings) -> Task:
    """The job's current attempt, as a scheduler takes it: of a job in parts, those that are not done. Blocks."""
    environment = settings.environment(job.environment)
    folder = settings.store.jobs / job.id
    parts = JobFolder(folder).open_parts(job.parts)
    return Task(
        name=job.name,
        folder=folder,
        attempt=job.attempt,
        resources=job.resources,
        command=(*environment.command, str(folder), str(job.attempt)),
        env=worker_environment(os.environ, environment.env),
        parts=tuple(parts),
    )


class Submitter:
    """Submits jobs in the background, a few at the same time."""

    def __init__(self, settings: Settings, store: Store, changes: Changes, scheduler: Scheduler) -> None:
        self._settings = settings
        self._store = store
        self._changes = changes
        self._scheduler = scheduler
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def start(self, job: Job) -> asyncio.Task[None]:
        """Submit the job's current attempt. The task that is returned needs not be awaited."""
        task = self._tasks.get(job.id)
        if task is None:
            task = asyncio.create_task(self._run(job), name=f"submit {job.name}")
            self._tasks[job.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(job.id, None))
        return task

    def busy(self) -> frozenset[str]:
        """The ids of the jobs that are being submitted."""
        return frozenset(self._tasks)

    async def stop(self) -> None:
        """Give up what is going on: it is looked up by the next gateway."""
        for task in list(self._tasks.values()):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, job: Job) -> None:
        try:
            async with self._slots:
                await self._submit(job)
        except Exception:
            # The step says how far it came; reconciling takes it up from there.
            log.exception("submitting %s", job.name)

    async def _submit(self, job: Job) -> None:
        announced = await self._changes.apply([Change(job, {"step": Step.SUBMITTING})])
        if not announced:
            return
        job = announced[0]
        try:
            native_id = await self._scheduler.submit(await asyncio.to_thread(make_task, job, self._settings))
        except SubmissionUnknown as doubt:
            log.warning("whether %s was submitted is not known: %s", job.name, doubt)
            note = {"message": f"The scheduler has not confirmed the job yet ({doubt}); looking it up."}
            await self._changes.apply([Change(job, note)])
            return
        except (SubmissionRefused, OSError) as error:
            cause = "refused" if isinstance(error, SubmissionRefused) else "not-started"
            problem = causes.problem(cause, str(error))
            await self._changes.apply([Change(job, failure(job, problem, self._settings.limits.retention_days))])
            return
        log.info("%s is %s", job.name, native_id)
        known = {"step": Step.SUBMITTED, "native_id": native_id}
        if not await self._changes.apply([Change(job, known)]):
            await self._overtaken(job, native_id)

    async def _overtaken(self, job: Job, native_id: str) -> None:
        """The job changed while the scheduler answered: it was dismissed, or was found by its name already."""
        now = await asyncio.to_thread(self._store.get, job.id)
        if now is not None and now.attempt == job.attempt and now.step is Step.SUBMITTING:
            await self._changes.apply([Change(now, {"step": Step.SUBMITTED, "native_id": native_id})])
        elif now is None or now.step is Step.CANCELLING:
            with contextlib.suppress(SchedulerUnavailable):  # else repeated when the scheduler answers
                await self._scheduler.cancel([job.name])
