"""The jobs of the gateway: submitted exactly once, followed, dismissed, and their results."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.job import Job, LogPart, Outcome, Page, Status
from phidias_gateway.schedulers.scheduler import Scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store


class Jobs:
    """All jobs of one store. Use it from one event loop; every method that may block does so in threads."""

    def __init__(self, settings: Settings, store: Store, scheduler: Scheduler) -> None: ...

    async def start(self) -> None:
        """Take up what an earlier gateway left, and begin to watch. Raises GatewayBusy if another one does already."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop watching. Jobs run on; the next gateway takes them up."""
        raise NotImplementedError

    async def submit(
        self, owner: str, process_id: str, request: ExecuteRequest, *, key: str | None, base_url: str
    ) -> tuple[Job, bool]:
        """Validate, plan, record and submit. Returns the job, and False if `key` had already made it.

        `base_url` is the address this request came to (no slash at the end), by which own uploads and results are
        recognised. Raises InputError, InvalidRequest, NoSuchProcess, KeyReused, LimitExceeded, DiskFull.
        """
        raise NotImplementedError

    def get(self, owner: str, job_id: str) -> Job:
        """Raises NoSuchJob, also for a job of someone else."""
        raise NotImplementedError

    def find(self, job_id: str) -> Job:
        """The job, whoever owns it: only for a caller who holds a signed link to a file of it. Raises NoSuchJob."""
        raise NotImplementedError

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
        raise NotImplementedError

    async def dismiss(self, owner: str, job_id: str) -> Job:
        """End a job that has not ended; remove one that has, with its files. The returned job is `dismissed`."""
        raise NotImplementedError

    async def changed(self, owner: str, job_id: str, version: int, timeout: float) -> Job:
        """The job as soon as its version is not `version`, or after `timeout` seconds."""
        raise NotImplementedError

    async def ended(self, owner: str, job_id: str, timeout: float) -> Job:
        """The job as soon as it has ended, or after `timeout` seconds."""
        raise NotImplementedError

    def results(self, job: Job) -> Outcome:
        """What a successful job gave. Raises ResultNotReady, or JobFailed with the job's own problem."""
        raise NotImplementedError

    def result_file(self, job: Job, name: str) -> Path:
        """The path of an output file, by its name in `OutputFile.file`. Raises NoSuchResult for any other name."""
        raise NotImplementedError

    def log(self, job: Job, task: int, offset: int, limit: int = 64 * 1024) -> LogPart:
        """At most `limit` bytes of a task's log, from the byte `offset` on."""
        raise NotImplementedError
