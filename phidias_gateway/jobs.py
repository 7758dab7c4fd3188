"""The jobs of the gateway: submitted exactly once, followed, dismissed, and their results."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import shutil
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ulid import ULID

from phidias_gateway.changes import Changes
from phidias_gateway.endings import dismissal
from phidias_gateway.errors import (
    DiskFull,
    GatewayBusy,
    InvalidRequest,
    JobFailed,
    KeyReused,
    LimitExceeded,
    NoSuchJob,
    NoSuchProcess,
    NoSuchResult,
    PhidiasError,
    ResultNotReady,
    SchedulerUnavailable,
)
from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.job import Job, LogPart, Outcome, OutputFile, Page, Status, Step
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.preparation import Prepared, prepare
from phidias_gateway.process import Process
from phidias_gateway.registry import processes
from phidias_gateway.retention import remove, remove_unrecorded
from phidias_gateway.schedulers.scheduler import Scheduler
from phidias_gateway.settings import Settings
from phidias_gateway.store import Change, Store
from phidias_gateway.submission import Submitter, make_task
from phidias_gateway.watcher import Watcher

log = logging.getLogger(__name__)
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_SUBMIT_PATIENCE = 10.0
"""How long a request waits for the scheduler's answer; the submission goes on without it"""
_PLANNERS = 8


class Jobs:
    """All jobs of one store. Use it from one event loop; every method that may block does so in threads."""

    def __init__(self, settings: Settings, store: Store, scheduler: Scheduler) -> None:
        self._settings = settings
        self._store = store
        self._scheduler = scheduler
        self._changes = Changes(store)
        self._submitter = Submitter(settings, store, self._changes, scheduler)
        self._watcher = Watcher(settings, store, self._changes, scheduler, self._submitter)
        self._planners = ThreadPoolExecutor(_PLANNERS, "plan")
        self._watch: asyncio.Task[None] | None = None
        self._lock: int | None = None

    async def start(self) -> None:
        """Take up what an earlier gateway left, and begin to watch. Raises GatewayBusy if another one does already."""
        root = self._settings.store.root
        self._settings.store.jobs.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(root / "gateway.lock")
        await asyncio.to_thread(remove_unrecorded, self._store, self._settings.store.jobs)
        open_jobs = await asyncio.to_thread(self._store.open_jobs)
        handed_over = [job for job in open_jobs if job.step in (Step.SUBMITTED, Step.CANCELLING)]
        await self._scheduler.adopt([make_task(job, self._settings) for job in handed_over])
        self._watch = asyncio.create_task(self._watcher.run(), name="watch jobs")

    async def stop(self) -> None:
        """Stop watching. Jobs run on; the next gateway takes them up."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await self._submitter.stop()
        await self._scheduler.stop()
        self._planners.shutdown(wait=False, cancel_futures=True)
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
        process = processes().get(process_id)
        if process is None:
            raise NoSuchProcess(
                f"This gateway has no process {process_id[:100]!r}.", remedy="See /processes for those it has."
            )
        if key is not None and not _KEY.fullmatch(key):
            raise InvalidRequest(
                "The Idempotency-Key cannot be used.",
                remedy="Send 1 to 200 printable ASCII characters, such as a UUID.",
            )
        digest = request.digest(process_id)
        known = await asyncio.to_thread(self._store.find_key, owner, key)
        if known is not None:
            return _same(known, digest), False
        self._check_disk()
        prepared = await self._prepare(owner, process, request, base_url)
        # A client that hangs up now must not leave a job that is recorded and not submitted.
        made = asyncio.create_task(self._make(owner, process, request, prepared, key, digest))
        job, created = await asyncio.shield(made)
        return self.get(owner, job.id), created

    async def _make(self, owner: str, *details: Any) -> tuple[Job, bool]:
        job, created = await asyncio.to_thread(self._record, owner, *details)
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
                if await asyncio.to_thread(remove, self._store, self._settings.store.jobs, job):
                    self._changes.tell(job.id)
                    return replace(job, status=Status.DISMISSED, message="Removed")
            elif job.status is Status.DISMISSED:
                return job
            elif changed := await self._changes.apply([Change(job, dismissal(self._settings.limits.retention_days))]):
                await self._end(changed[0])
                return changed[0]

    async def _end(self, job: Job) -> None:
        """Keep the worker from starting, and end it if it runs. What fails here, the watch does again."""
        self._watcher.wake()
        try:
            await asyncio.to_thread(_forbid, self._folder(job), job.attempt)
            async with asyncio.timeout(_SUBMIT_PATIENCE):
                await self._scheduler.cancel([job.name])
        except (SchedulerUnavailable, TimeoutError, OSError) as error:
            log.warning("%s is not ended yet: %s", job.name, error)

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

    async def _wait(self, owner: str, job_id: str, seconds: float, until: Any) -> Job:
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            with self._changes.listen(job_id) as change:
                job = self.get(owner, job_id)
                left = deadline - asyncio.get_running_loop().time()
                if until(job) or left <= 0:
                    return job
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await change.wait()

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

    def results(self, job: Job) -> Outcome:
        """What a successful job gave. Raises ResultNotReady, or JobFailed with the job's own problem."""
        if job.status is Status.FAILED:
            raise JobFailed(dict(job.problem or {}))
        if job.status is not Status.SUCCESSFUL:
            dismissed = job.status is Status.DISMISSED
            raise ResultNotReady(
                f"The job is {job.status}.",
                remedy="A dismissed job has no results." if dismissed else "Ask again when it has ended.",
            )
        requested = self._folder(job).request()["requested"]
        wanted: Mapping[str, Any] | None = requested["outputs"]
        outputs = {
            name: _output(entry)
            for name, entry in self._outputs(job).items()
            if wanted is None or not wanted or name in wanted
        }
        transmission = {
            name: entry["transmissionMode"] for name, entry in (wanted or {}).items() if entry.get("transmissionMode")
        }
        return Outcome(outputs, transmission, requested["response"])

    def result_file(self, job: Job, name: str) -> Path:
        """The path of an output file, by its name in `OutputFile.file`. Raises NoSuchResult for any other name."""
        if job.status is Status.SUCCESSFUL:
            for entry in self._outputs(job).values():
                if any(file["file"] == name for file in entry.get("files", [entry]) if "file" in file):
                    return self._folder(job).results(self._attempt(job)) / name
        raise NoSuchResult(f"The job has no result {name[:100]!r}.", remedy="See the job's results for what it has.")

    def log(self, job: Job, task: int, offset: int, limit: int = 64 * 1024) -> LogPart:
        """At most `limit` bytes of a task's log, from the byte `offset` on."""
        content, size = self._folder(job).log(task, offset, limit)
        offset = min(offset, size)
        if offset + len(content) < size or not job.status.ended:
            content = _whole_characters(content)
        end = offset + len(content)
        return LogPart(content.decode(errors="replace"), offset, end, job.step is Step.CLOSED and end >= size)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _folder(self, job: Job) -> JobFolder:
        return JobFolder(self._settings.store.jobs / job.id)

    def _result(self, job: Job) -> dict[str, Any]:
        result = self._folder(job).result()
        if result is None:
            raise NoSuchResult("The job's files are gone.", remedy="Run it again.")
        return result

    def _outputs(self, job: Job) -> dict[str, Any]:
        return dict(self._result(job)["outputs"])

    def _attempt(self, job: Job) -> int:
        return int(self._result(job)["attempt"])

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._settings.store.root).free / 1e9
        if free < self._settings.limits.min_free_gb:
            raise DiskFull(
                f"{free:.1f} GB are free for jobs; this site keeps {self._settings.limits.min_free_gb:g} GB "
                "(limits.min_free_gb).",
                remedy="Delete jobs you no longer need, or ask the site's administrator for space.",
            )

    def _check_limits(self, owner: str) -> None:
        limits = self._settings.limits
        for status, name, limit in (
            (Status.ACCEPTED, "queued_jobs_per_user", limits.queued_jobs_per_user),
            (Status.RUNNING, "running_jobs_per_user", limits.running_jobs_per_user),
        ):
            count = self._store.count_open(owner, status)
            if count >= limit:
                raise LimitExceeded(
                    f"You have {count} jobs that are {status}; this site allows {limit} (limits.{name}).",
                    remedy="Wait until some have ended, or dismiss some.",
                )

    async def _prepare(
        self, owner: str, process: Process[Any, Any], request: ExecuteRequest, base_url: str
    ) -> Prepared:
        def own(href: str) -> Path | None:
            return self._own_file(owner, base_url, href)

        loop = asyncio.get_running_loop()
        planning = loop.run_in_executor(self._planners, prepare, process, request, self._settings, own)
        try:
            async with asyncio.timeout(self._settings.limits.plan_seconds):
                return await planning
        except TimeoutError:
            raise LimitExceeded(
                f"Planning the job took longer than {self._settings.limits.plan_seconds:g} s (limits.plan_seconds).",
                remedy="Ask for a smaller area or a shorter period, or try again when the catalogue answers faster.",
            ) from None

    def _own_file(self, owner: str, base_url: str, href: str) -> Path | None:
        """See `preparation.OwnFiles`."""
        if not href.startswith(base_url + "/"):
            return None
        path = unquote(urlsplit(href[len(base_url) :]).path)
        if upload := re.fullmatch(r"/uploads/([0-9a-f]{64})", path):
            if self._store.has_upload(owner, upload[1]):
                return self._settings.store.uploads / upload[1]
        elif result := re.fullmatch(r"/jobs/([0-9A-Z]{26})/results/([^/]+)", path):
            job = self._store.get(result[1], owner)
            if job is not None:
                try:
                    return self.result_file(job, result[2])
                except NoSuchResult:
                    raise LookupError(href) from None
        raise LookupError(href)

    def _record(
        self,
        owner: str,
        process: Process[Any, Any],
        request: ExecuteRequest,
        prepared: Prepared,
        key: str | None,
        digest: str,
    ) -> tuple[Job, bool]:
        """Make the folder, then the record: what is recorded has all it needs to run."""
        now = datetime.now(UTC)
        job = Job(
            id=str(ULID.from_datetime(now)),
            owner=owner,
            process_id=process.id,
            process_version=process.version,
            status=Status.ACCEPTED,
            step=Step.RECORDED,
            attempt=1,
            retries=0,
            version=1,
            resources=process.resources,
            environment=process.environment,
            created=now,
            updated=now,
            message="Accepted",
        )
        folder = self._folder(job)
        content = {
            "job_id": job.id,
            "process": process.id,
            "version": process.version,
            "inputs": prepared.inputs.model_dump(mode="json"),
            "requested": {"outputs": request.outputs, "response": request.response},
            "site": prepared.site.model_dump(mode="json"),
            "resources": job.resources.model_dump(mode="json"),
        }
        try:
            folder.create(content, prepared.plan)
        except OSError as error:
            raise DiskFull(
                f"The job's folder cannot be written: {error.strerror}.",
                remedy="Ask the site's administrator to look after the gateway's disk.",
            ) from None
        try:
            known = self._store.record(job, key=key, digest=digest, check=lambda _: self._check_limits(owner))
            created = known[0].id == job.id
            if not created:
                folder.remove()
            return _same(known, digest), created
        except PhidiasError:
            folder.remove()
            raise


def _same(known: tuple[Job, str], digest: str) -> Job:
    job, made_of = known
    if made_of != digest:
        raise KeyReused(
            f"The Idempotency-Key was sent before, with another request, which made the job {job.id}.",
            remedy="Send a new key with every new request.",
        )
    return job


def _forbid(folder: JobFolder, attempt: int) -> None:
    folder.revoke(attempt)
    folder.fence(attempt)


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


def _output(entry: Mapping[str, Any]) -> OutputFile | tuple[OutputFile, ...] | Any:
    if "files" in entry:
        return tuple(OutputFile(**file) for file in entry["files"])
    return OutputFile(**entry) if "file" in entry else entry["value"]


def _whole_characters(content: bytes) -> bytes:
    """Without the beginning of a UTF-8 character at the end, so that the next part starts with it."""
    for length in range(1, min(4, len(content)) + 1):
        last = content[-length]
        if last & 0xC0 != 0x80:
            needed = 1 if last < 0xC0 else 2 if last < 0xE0 else 3 if last < 0xF0 else 4
            return content if length >= needed else content[:-length]
    return content
