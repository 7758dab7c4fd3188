"""The jobs of the gateway: submitted exactly once, followed, dismissed, and their results."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from phidias_gateway.changes import Changes
from phidias_gateway.endings import dismissal
from phidias_gateway.errors import GatewayBusy, NoSuchJob, SchedulerUnavailable
from phidias_gateway.estimate import Estimate
from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.intake import Intake
from phidias_gateway.job import Job, LogPart, Outcome, Page, Status, Step
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.limits import of_pins, refuse
from phidias_gateway.results import Results
from phidias_gateway.retention import Sweeper, remove_unrecorded
from phidias_gateway.schedulers.scheduler import Scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Change, Store
from phidias_gateway.submission import Submitter, make_task
from phidias_gateway.watcher import Watcher

log = logging.getLogger(__name__)
_SUBMIT_PATIENCE = 10.0
"""How long a request waits for the scheduler's answer; the submission goes on without it"""


class Jobs:
    """All jobs of one store. Use it from one event loop; every method that may block does so in threads."""

    def __init__(self, settings: Settings, store: Store, scheduler: Scheduler) -> None:
        self._settings = settings
        self._store = store
        self._scheduler = scheduler
        self._changes = Changes(store)
        self._submitter = Submitter(settings, store, self._changes, scheduler)
        self._watcher = Watcher(settings, store, self._changes, scheduler, self._submitter)
        self._intake = Intake(settings, store)
        self._results = Results(settings.store.jobs)
        self._sweeper = Sweeper(settings, store)
        self._watch: asyncio.Task[None] | None = None
        self._lock: int | None = None

    @property
    def scheduler(self) -> str:
        """The kind of scheduler that runs them: `slurm` or `local`."""
        return self._scheduler.kind

    async def start(self) -> None:
        """Take up what an earlier gateway left, and begin to watch. Raises GatewayBusy if another one does already."""
        root = self._settings.store.root
        self._settings.store.jobs.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(root / "gateway.lock")
        await asyncio.to_thread(remove_unrecorded, self._store, self._settings.store.jobs)
        open_jobs = await asyncio.to_thread(self._store.open_jobs)
        for job in open_jobs:
            if job.step is Step.CANCELLING:
                with contextlib.suppress(OSError):  # else the watch does it
                    await asyncio.to_thread(self._forbid, job)
        handed_over = [job for job in open_jobs if job.step is not Step.RECORDED]
        tasks = await asyncio.to_thread(lambda: [make_task(job, self._settings) for job in handed_over])
        await self._scheduler.adopt(tasks)
        self._watch = asyncio.create_task(self._watcher.run(), name="watch jobs")
        self._sweeper.start()

    async def stop(self) -> None:
        """Stop watching. Jobs run on; the next gateway takes them up."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await asyncio.to_thread(self._sweeper.stop)
        await self._submitter.stop()
        await self._scheduler.stop()
        self._intake.stop()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # --- making and ending -------------------------------------------------------------------------------------------

    async def submit(
        self, owner: str, process_id: str, request: ExecuteRequest, *, key: str | None, base_url: str
    ) -> tuple[Job, bool]:
        """Validate, plan, record and submit. Returns the job, and False if `key` had already made it.

        `base_url` is the address this request came to (no slash at the end), by which own uploads and results are
        recognised. Raises InputError, InvalidRequest, NoSuchProcess, KeyReused, LimitExceeded, DiskFull.
        """
        # A client that hangs up meanwhile must not leave a job that is recorded and not submitted.
        made = asyncio.create_task(self._make(owner, process_id, request, key, base_url))
        job, created = await asyncio.shield(made)
        return self.get(owner, job.id), created

    async def estimate(
        self, owner: str, process_id: str, request: ExecuteRequest, *, base_url: str
    ) -> tuple[Estimate, datetime | None]:
        """What the job of this request would amount to, and when it would start; nothing is recorded.

        Raises InputError, InvalidRequest, NoSuchProcess.
        """
        most = await self._scheduler.most_parts()
        estimate = await self._intake.estimate(owner, process_id, request, base_url, most)
        return estimate, await self._scheduler.expected_start(estimate.resources)

    async def _make(
        self, owner: str, process_id: str, request: ExecuteRequest, key: str | None, base_url: str
    ) -> tuple[Job, bool]:
        job, created = await self._intake.take(
            owner, process_id, request, key, base_url, await self._scheduler.most_parts()
        )
        if created:
            submission = self._submitter.start(job)
            self._watcher.wake()
            await asyncio.wait({submission}, timeout=_SUBMIT_PATIENCE)
            self._watcher.wake()
        return job, created

    async def dismiss(self, owner: str, job_id: str) -> Job:
        """End a job that has not ended; remove one that has, with its files. The returned job is `dismissed`."""
        while True:
            job = self.get(owner, job_id)
            if job.step is Step.CLOSED:
                if await asyncio.to_thread(self._store.delete, job):
                    self._sweeper.wake()
                    self._changes.tell(job.id, None)
                    return replace(job, status=Status.DISMISSED, message="Removed")
            elif job.status is Status.DISMISSED:
                return job
            else:
                new = dismissal(job, self._settings.limits.retention_days)
                if changed := await self._changes.apply([Change(job, new)]):
                    await self._end(changed[0])
                    return changed[0]

    async def _end(self, job: Job) -> None:
        """Keep the worker from starting, and end it if it runs. What fails here, the watch does again."""
        self._watcher.wake()
        try:
            await asyncio.to_thread(self._forbid, job)
            async with asyncio.timeout(_SUBMIT_PATIENCE):
                await self._scheduler.cancel([job.name])
        except (SchedulerUnavailable, TimeoutError, OSError) as error:
            log.warning("%s is not ended yet: %s", job.name, error)

    def _forbid(self, job: Job) -> None:
        JobFolder(self._settings.store.jobs / job.id).forbid(job.attempt, job.parts)

    async def pin(self, owner: str, job_id: str, pinned: bool) -> Job:
        """Keep a job beyond its time, or give it a new time from now on. Raises NoSuchJob, LimitExceeded."""
        while True:
            job = self.get(owner, job_id)
            if job.pinned == pinned:
                return job
            if pinned:
                refuse(of_pins(owner, self._settings.limits, self._store))
            new: dict[str, Any] = {"pinned": pinned}
            if job.expires is not None and not pinned:
                new["expires"] = datetime.now(UTC) + timedelta(days=self._settings.limits.retention_days)
            if changed := await self._changes.apply([Change(job, new)]):
                return changed[0]

    # --- asking ------------------------------------------------------------------------------------------------------

    def get(self, owner: str, job_id: str) -> Job:
        """Raises NoSuchJob, also for a job of someone else."""
        job = self._store.get(job_id, owner)
        if job is None:
            raise NoSuchJob(f"You have no job {job_id[:40]!r}.", remedy="It may have expired; see /jobs for yours.")
        return job

    def find(self, job_id: str) -> Job:
        """The job, whoever owns it: only for a caller who holds a signed link to a file of it. Raises NoSuchJob."""
        job = self._store.get(job_id)
        if job is None:
            raise NoSuchJob(f"There is no job {job_id[:40]!r}.", remedy="It may have expired; run it again.")
        return job

    async def changed(self, owner: str, job_id: str, version: int, timeout: float) -> Job:
        """The job as soon as its version is not `version`, or after `timeout` seconds."""
        return await self._wait(owner, job_id, timeout, lambda job: job.version != version)

    async def ended(self, owner: str, job_id: str, timeout: float) -> Job:
        """The job as soon as it has ended, or after `timeout` seconds."""
        return await self._wait(owner, job_id, timeout, lambda job: job.status.ended)

    async def _wait(self, owner: str, job_id: str, seconds: float, until: Callable[[Job], bool]) -> Job:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        job = self.get(owner, job_id)
        while not until(job) and not self._changes.released and (left := deadline - loop.time()) > 0:
            told = await self._changes.next(job_id, left)
            # What was told may be old by now: it may satisfy, but not decide to wait on.
            job = told if told is not None and until(told) else self.get(owner, job_id)
        return job

    def release(self) -> None:
        """Answer all who wait for a job, and let nobody wait from now on: the gateway is about to stop."""
        self._changes.release()

    def list(
        self,
        owner: str,
        *,
        processes: Collection[str] = (),
        statuses: Collection[Status] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        min_duration: float | None = None,
        max_duration: float | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page:
        """The owner's jobs, newest first. `since` and `until` bound `created`; durations are of the run, in seconds."""
        return self._store.page(
            owner,
            processes=processes,
            statuses=statuses,
            since=since,
            until=until,
            min_duration=min_duration,
            max_duration=max_duration,
            after=after,
            limit=limit,
        )

    def tiles(self, job: Job) -> Path:
        """Where the job's tasks leave what is finished: see `preview`."""
        return self._results.tiles(job)

    def definition(self, job: Job) -> dict[str, Any]:
        """The execute request of a job, as it can be sent again. Raises NoSuchResult if its files are gone."""
        return self._results.definition(job)

    def results(self, job: Job) -> Outcome:
        """What a successful job gave. Raises ResultNotReady, or JobFailed with the job's own problem."""
        return self._results.outcome(job)

    def result_file(self, job: Job, name: str) -> Path:
        """The path of an output file, by its name in `OutputFile.file`. Raises NoSuchResult for any other name."""
        return self._results.path(job, name)

    def log(self, job: Job, task: int, offset: int, limit: int = 64 * 1024) -> LogPart:
        """At most `limit` bytes of a task's log, from the byte `offset` on."""
        return self._results.log(job, task, offset, limit)


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise GatewayBusy(
            f"Another gateway serves {path.parent}.", remedy="Stop it first, or set another store.root."
        ) from None
    return descriptor
