"""From an execute request to a recorded job: limits, preparation, and the durable record of what is intended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ulid import ULID

from phidias_gateway import limits, preparation
from phidias_gateway.errors import (
    DiskFull,
    InvalidRequest,
    KeyReused,
    LimitExceeded,
    NoSuchProcess,
    NoSuchResult,
    PhidiasError,
)
from phidias_gateway.estimate import Estimate, expected_core_hours
from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.job import Job, Status, Step
from phidias_gateway.job_folder import JobFolder
from phidias_gateway.planners import Planners
from phidias_gateway.preparation import Given, Prepared
from phidias_gateway.process import Effort, Process, Resources
from phidias_gateway.registry import processes
from phidias_gateway.results import Results
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
Made = TypeVar("Made")


class Intake:
    """Takes requests in; it submits nothing."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._results = Results(settings.store.jobs)
        self._planners = Planners()

    def stop(self) -> None:
        """Wait for no plan that is still being made."""
        self._planners.stop()

    async def take(
        self, owner: str, process_id: str, request: ExecuteRequest, key: str | None, base_url: str, most_parts: int
    ) -> tuple[Job, bool]:
        """The recorded job, and False if `key` had made it before. For the rest see `Jobs.submit`.

        `most_parts` is how many parts the scheduler takes.
        """
        process = _process(process_id)
        if key is not None and not _KEY.fullmatch(key):
            raise InvalidRequest(
                "The Idempotency-Key cannot be used.",
                remedy="Send 1 to 200 printable ASCII characters, such as a UUID.",
            )
        digest = request.digest(process_id)
        known = await asyncio.to_thread(self._store.find_key, owner, key)
        if known is not None:
            return _same(known, digest), False
        limits.refuse(limits.of_disk(self._settings))
        resources = _resources(process, request)
        limits.refuse(limits.of_resources(resources, process.resources, self._settings.limits))
        prepared = await self._plan(self._prepare, owner, process, request, base_url, most_parts)
        return await asyncio.to_thread(self._record, owner, process, request, resources, prepared, key, digest)

    async def estimate(
        self, owner: str, process_id: str, request: ExecuteRequest, base_url: str, most_parts: int
    ) -> Estimate:
        """What the job of this request would amount to; nothing is recorded. Raises InputError and its like."""
        return await self._plan(self._estimate, owner, _process(process_id), request, base_url, most_parts)

    async def _plan(
        self,
        work: Callable[[str, Process[Any, Any], ExecuteRequest, str, int], Made],
        owner: str,
        process: Process[Any, Any],
        request: ExecuteRequest,
        base_url: str,
        most_parts: int,
    ) -> Made:
        parts = min(most_parts, self._settings.limits.tasks)
        try:
            async with asyncio.timeout(self._settings.limits.plan_seconds):
                return await self._planners.run(owner, lambda: work(owner, process, request, base_url, parts))
        except TimeoutError:
            raise LimitExceeded(
                f"Planning the job took longer than {self._settings.limits.plan_seconds:g} s (limits.plan_seconds).",
                remedy="Ask for a smaller area or a shorter period, or try again when the catalogue answers faster.",
            ) from None

    def _prepare(
        self, owner: str, process: Process[Any, Any], request: ExecuteRequest, base_url: str, most_parts: int
    ) -> Prepared:
        given = self._read(owner, process, request, base_url)
        limits.refuse(limits.of_inputs(given.inputs, self._settings.limits))
        prepared = preparation.plan(process, given, most_parts)
        limits.refuse(limits.of_effort(prepared.effort, self._settings.limits))
        return prepared

    def _estimate(
        self, owner: str, process: Process[Any, Any], request: ExecuteRequest, base_url: str, most_parts: int
    ) -> Estimate:
        given = self._read(owner, process, request, base_url)
        allowed, resources = self._settings.limits, _resources(process, request)
        excesses = [*limits.of_inputs(given.inputs, allowed)]
        # What is too large to be run may be too large to be planned.
        prepared = None if excesses else preparation.plan(process, given, most_parts)
        effort = prepared.effort if prepared else Effort()
        excesses += limits.of_effort(effort, allowed)
        excesses += limits.of_resources(resources, process.resources, allowed)
        excesses += limits.of_jobs(owner, allowed, self._store)
        excesses += limits.of_disk(self._settings)
        core_hours = expected_core_hours(effort, self._store.measured(process.id))
        return Estimate(effort, prepared.parts if prepared else None, resources, core_hours, tuple(excesses))

    def _read(self, owner: str, process: Process[Any, Any], request: ExecuteRequest, base_url: str) -> Given:
        return preparation.read(process, request, self._settings, lambda href: self._own_file(owner, base_url, href))

    def _own_file(self, owner: str, base_url: str, href: str) -> Path | None:
        """See `preparation.OwnFiles`."""
        if not href.startswith(base_url + "/"):
            return None
        path = unquote(urlsplit(href[len(base_url) :]).path)
        if upload := re.fullmatch(r"/uploads/([0-9a-f]{64})", path):
            if self._store.use_upload(owner, upload[1]):
                return self._settings.store.uploads / upload[1]
        elif result := re.fullmatch(r"/jobs/([0-9A-Z]{26})/results/([^/]+)", path):
            job = self._store.get(result[1], owner)
            if job is not None:
                try:
                    return self._results.path(job, result[2])
                except NoSuchResult:
                    raise LookupError(href) from None
        raise LookupError(href)

    def _record(
        self,
        owner: str,
        process: Process[Any, Any],
        request: ExecuteRequest,
        resources: Resources,
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
            resources=resources,
            environment=process.environment,
            created=now,
            updated=now,
            summary=prepared.summary,
            message="Accepted",
            effort=prepared.effort,
            parts=prepared.parts,
        )
        folder = JobFolder(self._settings.store.jobs / job.id)
        content = {
            "job_id": job.id,
            "process": process.id,
            "version": process.version,
            "inputs": prepared.inputs.model_dump(mode="json"),
            "requested": {
                "outputs": request.outputs,
                "response": request.response,
                "resources": request.resources and request.resources.model_dump(exclude_none=True),
            },
            "site": prepared.site.model_dump(mode="json"),
            "resources": job.resources.model_dump(mode="json"),
            "parts": prepared.parts,
        }
        try:
            folder.create(content, prepared.plan)
        except OSError as error:
            raise DiskFull(
                f"The job's folder cannot be written: {error.strerror}.",
                remedy="Ask the site's administrator to look after the gateway's disk.",
            ) from None
        try:
            known = self._store.record(
                job,
                key=key,
                digest=digest,
                check=lambda store: limits.refuse(limits.of_jobs(owner, self._settings.limits, store)),
            )
            created = known[0].id == job.id
            if not created:
                folder.remove()
            return _same(known, digest), created
        except PhidiasError:
            folder.remove()
            raise


def _process(process_id: str) -> Process[Any, Any]:
    process = processes().get(process_id)
    if process is None:
        raise NoSuchProcess(
            f"This gateway has no process {process_id[:100]!r}.", remedy="See /processes for those it has."
        )
    return process


def _resources(process: Process[Any, Any], request: ExecuteRequest) -> Resources:
    """What one task of the job is given."""
    wanted = request.resources.model_dump(exclude_none=True) if request.resources else {}
    return process.resources.model_copy(update=wanted)


def _same(known: tuple[Job, str], digest: str) -> Job:
    job, made_of = known
    if made_of != digest:
        raise KeyReused(
            f"The Idempotency-Key was sent before, with another request, which made the job {job.id}.",
            remedy="Send a new key with every new request.",
        )
    return job
