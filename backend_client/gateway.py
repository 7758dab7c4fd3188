"""A gateway and what can be done with it: one method per request of OGC API - Processes, and a few of PHIDIAS's own."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote, urljoin, urlsplit

import requests

from backend_client.cache import DescriptionCache
from backend_client.connection import Connection, Timeout, json_object
from backend_client.download import Progress, download
from backend_client.errors import (
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    InputRefused,
    JobDismissed,
    JobFailed,
    NoSuchJob,
    NoSuchProcess,
    NotAuthorized,
    OutcomeUnknown,
    ResultNotReady,
    UnexpectedAnswer,
    public_url,
)
from backend_client.follow import Unreachable, follow
from backend_client.models import (
    Job,
    Landing,
    LogChunk,
    ProcessDescription,
    ProcessSummary,
    description_of,
    job_of,
    links_of,
    summary_of,
)
from backend_client.patience import Backoff, Cancel, never, pause
from backend_client.results import Result, results_of
from backend_client.uploads import upload

log = logging.getLogger(__name__)

SUBMISSIONS = 5
"""Attempts to submit a job while it is in doubt whether an earlier one arrived"""


class Gateway:
    """An OGC API - Processes server. All methods raise GatewayError (see `errors`) and nothing of `requests`.

    url: its landing page. user, token: with both Basic, with a token alone Bearer; they go to this origin only.
    session: carries every request; mount a transport adapter on it where the network must go another way.
    timeout: seconds to connect and between bytes. cache: keeps descriptions and asks only for what changed.
    piece: bytes per request of a download, for transports that hold whole bodies in memory.
    """

    def __init__(
        self,
        url: str,
        user: str | None = None,
        token: str | None = None,
        session: requests.Session | None = None,
        *,
        timeout: Timeout = (10.0, 60.0),
        cache: DescriptionCache | None = None,
        piece: int | None = None,
    ) -> None:
        self._connection = Connection(url, user, token, session, timeout)
        self._cache = cache
        self._piece = piece
        self._answered: dict[str, tuple[Job, Mapping[str, Result]]] = {}
        self._conformance: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Gateway({self.url!r})"

    @property
    def url(self) -> str:
        """The landing page, without a slash at the end."""
        return self._connection.url

    # What the gateway is and offers

    def landing(self) -> Landing:
        """The landing page; needs no token."""
        document, response = self._connection.document("GET", "/")
        return Landing(
            title=str(document.get("title") or ""),
            description=str(document.get("description") or ""),
            links=links_of(document, response.url),
            raw=document,
        )

    def conformance(self) -> tuple[str, ...]:
        """URIs of the conformance classes; asked for once."""
        if self._conformance is None:
            document, _ = self._connection.document("GET", "/conformance")
            classes = document.get("conformsTo")
            self._conformance = tuple(str(uri) for uri in classes) if isinstance(classes, list) else ()
        return self._conformance

    def processes(self) -> list[ProcessSummary]:
        """All processes, over all pages. Raises NotAuthorized if the token is not accepted."""
        return [
            summary
            for document in self._pages("/processes", {"limit": 1000}, "processes")
            for summary in _readable(summary_of, document)
        ]

    def process(self, process_id: str) -> ProcessDescription:
        """One process with its inputs and outputs; through the cache if there is one. Raises NoSuchProcess."""
        kept = self._cache.get(process_id) if self._cache else None
        description = self._describe(process_id, kept)
        if self._cache and description is not kept:
            self._cache.put(description)
        return description

    def descriptions(self) -> list[ProcessDescription]:
        """All processes with inputs and outputs. With a cache, only changes are transferred, and the cache is renewed.

        A process that its server cannot describe is left out, or keeps the description of before; the log says so.
        """
        kept = {entry.id: entry for entry in self._cache.descriptions()} if self._cache else {}
        found = []
        for summary in self.processes():
            try:
                found.append(self._describe(summary.id, kept.get(summary.id)))
            except (GatewayFailed, NoSuchProcess, UnexpectedAnswer) as error:
                log.warning("%s of %s cannot be described: %s", summary.id, self.url, error)
                if summary.id in kept:
                    found.append(kept[summary.id])
        if self._cache and found != list(kept.values()):
            self._cache.replace(found)
        return found

    def _describe(self, process_id: str, kept: ProcessDescription | None) -> ProcessDescription:
        response = self._connection.request(
            "GET",
            f"/processes/{quote(process_id, safe='')}",
            headers={"If-None-Match": kept.etag} if kept and kept.etag else {},
            missing=NoSuchProcess,
        )
        if response.status_code == 304 and kept:
            return kept
        try:
            return description_of(json_object(response), response.headers.get("ETag", ""))
        except ValueError as error:
            raise UnexpectedAnswer(f"The description of {process_id!r} is not understood: {error}.") from None

    # Jobs

    def execute(
        self,
        process_id: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Mapping[str, Any] | None = None,
        key: str | None = None,
        cancelled: Cancel = never,
    ) -> Job:
        """Submit a job and return it as accepted; a server that answers with the results gives a successful job.

        `key` makes the submission recognisable: with the same key and inputs the gateway answers with the same job. A
        new one is made if None. When the connection is lost, the request is repeated with its key; a server that does
        not advertise to know such keys is not asked twice, and OutcomeUnknown is raised.
        Raises InputRefused, NoSuchProcess, LimitExceeded, KeyReused, GatewayError.
        """
        body: dict[str, Any] = {"inputs": dict(inputs), "response": "document"}
        if outputs is not None:
            body["outputs"] = dict(outputs)
        content = _encoded(body)
        headers = {
            "Content-Type": "application/json",
            "Prefer": "respond-async",
            "Idempotency-Key": key or str(uuid.uuid4()),
        }
        path = f"/processes/{quote(process_id, safe='')}/execution"
        doubt: GatewayError | None = None
        waits = Backoff()
        for _ in range(SUBMISSIONS):
            try:
                if doubt:
                    pause(waits.next(doubt.retry_after), cancelled)
                    if not self._recognises_keys():
                        break
                response = self._connection.request("POST", path, data=content, headers=headers, missing=NoSuchProcess)
                return self._submitted(process_id, response)
            except (GatewayUnreachable, GatewayFailed) as error:
                if doubt is None and not _perhaps_received(error):
                    raise
                doubt = error
        raise OutcomeUnknown(
            "The connection was lost while the job was being submitted, so that it may or may not run."
        ) from doubt

    def job(self, job_id: str, *, known: Job | None = None, wait: float = 0.0) -> Job:
        """The job as it is. Raises NoSuchJob.

        With `known`, its state as last seen, and `wait` in seconds, a gateway that can do so holds its answer until
        the job differs from that, at most so long; others answer at once.
        """
        if job_id in self._answered:
            return self._answered[job_id][0]
        headers: dict[str, str] = {}
        if known and known.etag:
            headers["If-None-Match"] = known.etag
            if wait >= 1:
                headers["Prefer"] = f"wait={int(wait)}"
        response = self._connection.request("GET", _job_path(job_id), headers=headers, patience=wait, missing=NoSuchJob)
        if response.status_code == 304 and known:
            return known
        return self._job_in(response)

    def jobs(self, *, process_id: str | None = None, status: str | None = None, limit: int = 100) -> Iterator[Job]:
        """My jobs in the gateway's order, newest first with PHIDIAS; pages of `limit` are fetched as they are needed."""
        params: dict[str, Any] = {"limit": limit}
        if process_id:
            params["processID"] = process_id
        if status:
            params["status"] = status
        for document in self._pages("/jobs", params, "jobs"):
            yield from _readable(lambda entry: job_of(entry, self.url), document)

    def follow(
        self,
        job_id: str,
        *,
        wait: float = 20.0,
        log: Callable[[str], None] | None = None,
        unreachable: Unreachable | None = None,
        cancelled: Cancel = never,
    ) -> Iterator[Job]:
        """Yield the job now and after each visible change; the last one has ended.

        There is no deadline: while the gateway cannot be reached, `unreachable(error, seconds)` is told of each failed
        attempt and of the time until the next one. `log(line)` gets the lines of the job's log as they come.
        `cancelled()` is looked at every 0.1 s between requests; one request may block for `wait` seconds (5 at most
        with `log`) unless the session's transport breaks it off itself: choose `wait` accordingly. Once true, Cancelled
        is raised; the job itself goes on until `dismiss`.
        Raises Cancelled, NoSuchJob, NotAuthorized, UnexpectedAnswer (if the very first answer is none of a gateway).
        """
        return follow(
            lambda known, seconds: self.job(job_id, known=known, wait=seconds),
            lambda offset: self.log(job_id, offset),
            wait=wait,
            log=log,
            unreachable=unreachable,
            cancelled=cancelled,
        )

    def log(self, job_id: str, offset: int = 0, *, task: int = 0) -> LogChunk:
        """A piece of a task's log from `offset`. Raises NotFound where the server has no logs."""
        document, _ = self._connection.document(
            "GET", f"{_job_path(job_id)}/logs", params={"offset": offset, "task": task}, missing=NoSuchJob
        )
        following = document.get("next")
        return LogChunk(
            text=str(document.get("text") or ""),
            offset=offset,
            next=following if isinstance(following, int) else offset,
            complete=bool(document.get("complete")),
        )

    def dismiss(self, job_id: str) -> Job:
        """Cancel a job that has not ended, or remove one that has, with its files. Raises NoSuchJob."""
        if job_id in self._answered:
            return self._answered.pop(job_id)[0]
        response = self._connection.request("DELETE", _job_path(job_id), missing=NoSuchJob)
        if response.status_code == 204 or not response.content:
            return Job(job_id, "dismissed")
        return self._job_in(response)

    # Results and files

    def results(self, job_id: str) -> dict[str, Result]:
        """The job's results by output name, with fresh links. Raises JobFailed, JobDismissed, ResultNotReady, NoSuchJob."""
        if job_id in self._answered:
            return dict(self._answered[job_id][1])
        try:
            response = self._connection.request("GET", f"{_job_path(job_id)}/results")
        except (GatewayUnreachable, NotAuthorized, NoSuchJob, ResultNotReady):
            raise
        except GatewayError as error:
            raise self._why_no_results(job_id, error) from None
        return self._results_in(response)

    def download(
        self,
        href: str,
        path: str | Path,
        *,
        length: int | None = None,
        sha256: str | None = None,
        progress: Progress | None = None,
        cancelled: Cancel = never,
    ) -> Path:
        """Write the file at `href` to `path`, resuming an earlier attempt: see `download.download`."""
        return download(
            self._connection,
            href,
            path,
            length=length,
            sha256=sha256,
            piece=self._piece,
            progress=progress,
            cancelled=cancelled,
        )

    def upload(self, path: str | Path, *, progress: Progress | None = None, cancelled: Cancel = never) -> str:
        """Bring a local file to the gateway, unless it is there; the address to give as {"href": ...} in inputs."""
        return upload(self._connection, path, progress=progress, cancelled=cancelled)

    # Reading answers

    def _pages(self, path: str, params: Mapping[str, Any], member: str) -> Iterator[Mapping[str, Any]]:
        """The entries of a list, over its `next` links."""
        seen: set[str] = set()
        address, query = path, dict(params)
        while address not in seen:
            seen.add(address)
            document, response = self._connection.document("GET", address, params=query)
            entries = document.get(member)
            if not isinstance(entries, list):
                raise UnexpectedAnswer(f"{public_url(response.url)} has no list of {member}.")
            yield from (entry for entry in entries if isinstance(entry, dict))
            following = next((link.href for link in links_of(document, response.url) if link.rel == "next"), None)
            if following is None:
                return
            address, query = following, {}

    def _submitted(self, process_id: str, response: requests.Response) -> Job:
        location = response.headers.get("Location", "")
        if response.status_code == 200 and not location:
            document = _document_or_none(response)
            if document is None or "jobID" not in document or "status" not in document:
                return self._answered_at_once(process_id, response)
        try:
            return self._job_in(response)
        except UnexpectedAnswer:
            # pygeoapi's body says nothing; the job is where Location points.
            identifier = urlsplit(urljoin(response.url, location)).path.rstrip("/").rsplit("/", 1)[-1]
            if not location or not identifier:
                raise
            return Job(identifier, "accepted", process_id)

    def _answered_at_once(self, process_id: str, response: requests.Response) -> Job:
        """A server without jobs: its answer is kept under an id of our own, so that callers need no second way."""
        job = Job(f"answered-{uuid.uuid4()}", "successful", process_id, progress=100)
        self._answered[job.id] = (job, self._results_in(response))
        return job

    def _job_in(self, response: requests.Response) -> Job:
        try:
            return job_of(json_object(response), response.url, response.headers.get("ETag", ""))
        except ValueError as error:
            raise UnexpectedAnswer(f"{public_url(response.url)} sent {error}.") from None

    def _results_in(self, response: requests.Response) -> dict[str, Result]:
        if response.status_code == 204:
            return {}
        media_type = response.headers.get("Content-Type", "")
        if "json" not in media_type:
            content = response.text if media_type.startswith("text/") else response.content
            return {"result": Result("result", content, media_type=media_type)}
        try:
            return results_of(response.json(), response.url, self.download)
        except (ValueError, RecursionError):
            raise UnexpectedAnswer("The results are no JSON, although the server says so.") from None

    def _why_no_results(self, job_id: str, error: GatewayError) -> GatewayError:
        """Servers answer alike for a job that failed and for a failure of their own: the job's status tells which."""
        job = self.job(job_id)
        if job.status == "dismissed":
            return JobDismissed("The job was cancelled, so that it has no result.")
        if not job.ended:
            return ResultNotReady(f"The job is {job.status}.")
        if job.status != "failed":
            return error
        problem = job.problem or {}
        detail = str(problem.get("detail") or "") or job.message or error.detail
        remedy = str(problem.get("remedy") or "") or job.remedy
        return JobFailed(detail, remedy=remedy, input=error.input, status=error.status, type=error.type)

    def _recognises_keys(self) -> bool:
        return any(uri.endswith("idempotency-key") for uri in self.conformance())


def _job_path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _perhaps_received(error: GatewayError) -> bool:
    if isinstance(error, GatewayUnreachable):
        return error.maybe_received
    return error.status in (502, 503, 504)


def _document_or_none(response: requests.Response) -> dict[str, Any] | None:
    try:
        return json_object(response)
    except UnexpectedAnswer:
        return None


def _readable(read: Callable[[Mapping[str, Any]], Any], document: Mapping[str, Any]) -> Iterator[Any]:
    """The entry of a list as an object; one that is not understood is left out, for the others' sake."""
    try:
        yield read(document)
    except ValueError as error:
        log.warning("An entry of a list was left out: %s", error)


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        name = next((name for name, value in body["inputs"].items() if not _is_json(value)), None)
        raise InputRefused(
            f"The input {name!r} cannot be written as JSON.",
            remedy="Give text, finite numbers, true or false, lists and dictionaries.",
            input=name,
        ) from None


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
