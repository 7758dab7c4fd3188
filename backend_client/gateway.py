"""A gateway and what can be done with it: one method per request of OGC API - Processes, and a few of PHIDIAS's own."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from backend_client import stac
from backend_client.answers import description_in, job_in, results_in
from backend_client.cache import DescriptionCache
from backend_client.connection import Connection, Timeout
from backend_client.download import Progress, download
from backend_client.errors import (
    CatalogueError,
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    JobDismissed,
    JobFailed,
    NoSuchJob,
    NoSuchProcess,
    NotAuthorized,
    NotFound,
    ResultNotReady,
    UnexpectedAnswer,
    public_url,
)
from backend_client.execution import submit
from backend_client.follow import Unreachable, follow
from backend_client.models import (
    Definition,
    Estimate,
    GatewayStatus,
    Job,
    JobPage,
    Landing,
    LogChunk,
    Preview,
    ProcessDescription,
    ProcessSummary,
    definition_of,
    estimate_of,
    job_of,
    links_of,
    preview_of,
    summary_of,
)
from backend_client.patience import Cancel, never
from backend_client.results import Result
from backend_client.stac import Scene
from backend_client.uploads import upload

logger = logging.getLogger(__name__)


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

    @classmethod
    def over_ssh(
        cls,
        host: str,
        *,
        command: str = "phidias-gateway",
        timeout: Timeout = (10.0, 60.0),
        cache: DescriptionCache | None = None,
    ) -> Gateway:
        """A gateway of one's own on a login node, started there if need be, through an SSH tunnel.

        host: as for ssh, such as `ada@login.example.org`; it must let one in without a question (key or agent).
        command: path of `phidias-gateway` there. The tunnel is closed with this object, the gateway runs on.
        Raises PackageMissing (paramiko), BadConnection, GatewayUnreachable, GatewayFailed.
        """
        from backend_client.tunnel import SshTunnel

        tunnel = SshTunnel(host, command=command)
        tunnel.open()
        session = requests.Session()
        session.trust_env = False  # no proxy for this computer's own address
        session.mount(f"{tunnel.url}/", tunnel.transport(HTTPAdapter()))
        gateway = cls(tunnel.url, session=session, timeout=timeout, cache=cache)
        weakref.finalize(gateway, tunnel.close)
        return gateway

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

    def status(self) -> GatewayStatus:
        """Version, scheduler and who I am there. Raises NotFound where the server is none of PHIDIAS, NotAuthorized."""
        document, _ = self._connection.document("GET", "/status")
        return GatewayStatus(*(str(document.get(name) or "") for name in ("version", "scheduler", "user")))

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
                logger.warning("%s of %s cannot be described: %s", summary.id, self.url, error)
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
        return description_in(response)

    # Jobs

    def execute(
        self,
        process_id: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Mapping[str, Any] | None = None,
        resources: Mapping[str, float] | None = None,
        key: str | None = None,
        cancelled: Cancel = never,
    ) -> Job:
        """Submit a job and return it as accepted; a server that answers with the results gives a successful job.

        `resources` (cpus, memory_gb, minutes, gpus) go before those of the process, for each task.
        `key` makes the submission recognisable: with the same key and inputs the gateway answers with the same job. A
        new one is made if None. When the connection is lost, the request is repeated with its key; a server that does
        not advertise to know such keys is not asked twice, and OutcomeUnknown is raised.
        Raises InputRefused, NoSuchProcess, LimitExceeded, KeyReused, GatewayError.
        """
        request = _request(inputs, outputs, resources)
        job, answer = submit(self._connection, process_id, request, key=key, cancelled=cancelled)
        if answer is not None:
            self._answered[job.id] = (job, results_in(answer, self.download))
        return job

    def retry(self, job: Job, *, key: str | None = None, cancelled: Cancel = never) -> Job:
        """Run a job again as its gateway proposes by a `retry` link, such as with more memory; the new job.

        Raises as `execute` and `definition`; GatewayError if the gateway proposes nothing.
        """
        link = job.link("retry")
        if link is None:
            raise GatewayError("The gateway proposes no other run of this job.", remedy="Change its inputs.")
        request = self.definition(job.id).merged(link.body or {}).raw
        return submit(self._connection, job.process_id, request, address=link.href, key=key, cancelled=cancelled)[0]

    def estimate(
        self,
        process_id: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Mapping[str, Any] | None = None,
        resources: Mapping[str, float] | None = None,
    ) -> Estimate:
        """What a job of these inputs would amount to; nothing is started. Raises as `execute`."""
        document, _ = self._connection.document(
            "POST",
            f"/processes/{quote(process_id, safe='')}/estimate",
            json=_request(inputs, outputs, resources),
            missing=NoSuchProcess,
        )
        return estimate_of(document)

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
        return job_in(response)

    def jobs(self, *, process_id: str | None = None, status: str | None = None, limit: int = 100) -> Iterator[Job]:
        """My jobs in the gateway's order (PHIDIAS: newest first); pages of `limit` are fetched as they are needed."""
        params: dict[str, Any] = {"limit": limit}
        if process_id:
            params["processID"] = process_id
        if status:
            params["status"] = status
        for document in self._pages("/jobs", params, "jobs"):
            yield from self._readable_jobs(document)

    def job_page(
        self, address: str = "", *, process_id: str = "", statuses: Iterable[str] = (), limit: int = 100
    ) -> JobPage:
        """A page of my jobs in the gateway's order: the first one of a filter, or the one at an address in `next`."""
        params = {"limit": limit, "processID": process_id, "status": ",".join(statuses)}
        query = {} if address else {name: value for name, value in params.items() if value}
        entries, following = self._page(address or "/jobs", query, "jobs")
        return JobPage(tuple(job for entry in entries for job in self._readable_jobs(entry)), following)

    def definition(self, job_id: str) -> Definition:
        """The request that made a job. Raises NoSuchJob, NotFound (its files are gone)."""
        document, response = self._connection.document("GET", f"{_job_path(job_id)}/definition", missing=NoSuchJob)
        try:
            return definition_of(document)
        except ValueError as error:
            raise UnexpectedAnswer(f"{public_url(response.url)} sent {error}.") from None

    def preview(self, job_id: str) -> Preview:
        """What is finished of a running job's outputs. Raises NotFound where there is none."""
        document, response = self._connection.document("GET", f"{_job_path(job_id)}/preview", missing=NoSuchJob)
        return preview_of(document, response.url)

    def pin(self, job_id: str) -> Job:
        """Keep a job from expiring. Raises NoSuchJob, LimitExceeded."""
        return job_in(self._connection.request("PUT", f"{_job_path(job_id)}/pin", missing=NoSuchJob))

    def unpin(self, job_id: str) -> Job:
        """Let a job expire again. Raises NoSuchJob."""
        return job_in(self._connection.request("DELETE", f"{_job_path(job_id)}/pin", missing=NoSuchJob))

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

    def cancel(self, job_id: str) -> Job:
        """End a job that has not ended; one that has keeps its results. The job as it is then. Raises NoSuchJob."""
        job = self.job(job_id)
        return job if job.ended else self.dismiss(job_id)

    def dismiss(self, job_id: str) -> Job:
        """Cancel a job that has not ended, or remove one that has, with its files. Raises NoSuchJob."""
        if job_id in self._answered:
            return self._answered.pop(job_id)[0]
        response = self._connection.request("DELETE", _job_path(job_id), missing=NoSuchJob)
        if response.status_code == 204 or not response.content:
            return Job(job_id, "dismissed")
        return job_in(response)

    # Archives

    def archives(self) -> dict[str, str]:
        """The site's archives whose scenes can be searched: the addresses of their catalogues by name."""
        try:
            document, response = self._connection.document("GET", "/archives")
        except NotFound:
            return {}
        entries = document.get("archives")
        found = {}
        for entry in entries if isinstance(entries, list) else []:
            links = links_of(entry, response.url) if isinstance(entry, dict) else ()
            found.update({str(entry["name"]): link.href for link in links if link.rel == "catalogue"})
        return found

    def scenes(self, archive: str, *, cancelled: Cancel = never, **wishes: Any) -> Iterator[Scene]:
        """Search an archive of the site by its name; `wishes` are those of `stac.search`. Raises CatalogueError."""
        return stac.search(
            self._archive(archive),
            self._connection.session,
            auth=self._connection.credentials,
            cancelled=cancelled,
            **wishes,
        )

    def collections(self, archive: str, *, cancelled: Cancel = never) -> dict[str, str]:
        """The titles of an archive's collections by their ids. Raises CatalogueError."""
        return stac.collections(
            self._archive(archive), self._connection.session, auth=self._connection.credentials, cancelled=cancelled
        )

    def _archive(self, name: str) -> str:
        known = self.archives()
        if name not in known:
            raise CatalogueError(
                f"{name[:100]!r} is neither the address of a catalogue nor an archive of the site.",
                remedy=f"Choose from {', '.join(known)}." if known else "Give an address: the site has no archives.",
            )
        return known[name]

    # Results and files

    def results(self, job_id: str) -> dict[str, Result]:
        """The job's results by output name, with fresh links.

        Raises JobFailed, JobDismissed, ResultNotReady, NoSuchJob.
        """
        if job_id in self._answered:
            return dict(self._answered[job_id][1])
        try:
            response = self._connection.request("GET", f"{_job_path(job_id)}/results")
        except (GatewayUnreachable, NotAuthorized, NoSuchJob):
            raise
        except GatewayError as error:
            raise self._why_no_results(job_id, error) from None
        return results_in(response, self.download)

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

    def document(self, href: str) -> dict[str, Any]:
        """The JSON object at `href`, such as the Item of a result. Raises UnexpectedAnswer if it is something else."""
        return self._connection.document("GET", href)[0]

    def has(self, href: str) -> bool:
        """Whether a file of mine is at this address of the gateway."""
        if not href.startswith(self.url + "/"):
            return False
        try:
            self._connection.request("HEAD", public_url(href))
        except NotFound:
            return False
        return True

    def upload(self, path: str | Path, *, progress: Progress | None = None, cancelled: Cancel = never) -> str:
        """Bring a local file to the gateway, unless it is there; the address to give as {"href": ...} in inputs."""
        return upload(self._connection, path, progress=progress, cancelled=cancelled)

    # Reading answers

    def _pages(self, path: str, params: Mapping[str, Any], member: str) -> Iterator[Mapping[str, Any]]:
        """The entries of a list, over its `next` links."""
        seen: set[str] = set()
        address, query = path, params
        while address and address not in seen:
            seen.add(address)
            entries, address = self._page(address, query, member)
            query = {}
            yield from entries

    def _page(self, address: str, query: Mapping[str, Any], member: str) -> tuple[list[Mapping[str, Any]], str]:
        """The entries of one page, and the address of the next one, empty if there is none."""
        document, response = self._connection.document("GET", address, params=query)
        entries = document.get(member)
        if not isinstance(entries, list):
            raise UnexpectedAnswer(f"{public_url(response.url)} has no list of {member}.")
        following = (link.href for link in links_of(document, response.url) if link.rel == "next")
        return [entry for entry in entries if isinstance(entry, dict)], next(following, "")

    def _readable_jobs(self, document: Mapping[str, Any]) -> Iterator[Job]:
        return _readable(lambda entry: job_of(entry, self.url), document)

    def _why_no_results(self, job_id: str, error: GatewayError) -> GatewayError:
        """Servers answer alike for a job that failed and for a failure of their own: the job's status tells which."""
        job = self.job(job_id)
        if job.status == "dismissed":
            return JobDismissed("The job was cancelled, so that it has no result.")
        if not job.ended:
            return error if isinstance(error, ResultNotReady) else ResultNotReady(f"The job is {job.status}.")
        if job.status != "failed":
            return error
        problem = job.problem or {}
        detail = str(problem.get("detail") or "") or job.message or error.detail
        remedy = str(problem.get("remedy") or "") or job.remedy
        return JobFailed(detail, remedy=remedy, input=error.input, status=error.status, type=error.type)


def _request(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any] | None, resources: Mapping[str, float] | None
) -> dict[str, Any]:
    """An execute request."""
    optional = {"outputs": outputs, "resources": resources}
    return {"inputs": dict(inputs), **{name: dict(value) for name, value in optional.items() if value is not None}}


def _job_path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _readable(read: Callable[[Mapping[str, Any]], Any], document: Mapping[str, Any]) -> Iterator[Any]:
    """The entry of a list as an object; one that is not understood is left out, for the others' sake."""
    try:
        yield read(document)
    except ValueError as error:
        logger.warning("An entry of a list was left out: %s", error)
