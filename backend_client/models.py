"""The words of OGC API - Processes as frozen objects: what a gateway offers, and what became of a job.

All are read leniently, so that servers of version 1.0 and 2.0 and of other vendors are understood; `raw` keeps the
document as it came. Times are aware datetimes in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urljoin

from backend_client.errors import public_url

RESULTS_RELATIONS = ("http://www.opengis.net/def/rel/ogc/1.0/results", "[ogc-rel:results]", "results")
ENDED = ("successful", "failed", "dismissed")


@dataclass(frozen=True)
class Link:
    """A web link. Its text form leaves out the query, where signatures are."""

    href: str = field(repr=False)
    rel: str = ""
    type: str = ""
    title: str = ""
    length: int | None = None
    """Bytes"""
    body: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)
    """What to send there, for a link that is to be posted to"""

    def __str__(self) -> str:
        return public_url(self.href)


@dataclass(frozen=True)
class ProcessSummary:
    """A process as the list shows it."""

    id: str
    title: str
    description: str
    version: str
    keywords: tuple[str, ...]
    group: str
    """Folder of the tool; empty if the server gives none"""
    job_control: tuple[str, ...]
    """Of sync-execute, async-execute, dismiss"""
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class ProcessDescription(ProcessSummary):
    """A process with its inputs and outputs, each as the server describes it (OpenAPI schema in `schema`)."""

    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    etag: str = ""


@dataclass(frozen=True)
class Tasks:
    """The parts of a job that run side by side."""

    total: int
    done: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Job:
    """One run of a process, as it was when asked for."""

    id: str
    status: str
    """accepted, running, successful, failed or dismissed"""
    process_id: str = ""
    summary: str = ""
    """What tells it from other jobs of its process, such as "NDVI, 2018-05-03 to 2018-05-28"; empty if unknown"""
    message: str = ""
    progress: int | None = None
    """Per cent, None if the server does not say"""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    updated: datetime | None = None
    expires: datetime | None = None
    cause: str = ""
    """Machine-readable reason for a failure, such as out-of-memory"""
    remedy: str = ""
    queue_reason: str = ""
    """Why the job still waits, in the scheduler's words"""
    estimated_start: datetime | None = None
    problem: Mapping[str, Any] | None = None
    """The problem document of a failed job"""
    resources: Mapping[str, float] = field(default_factory=dict)
    """What each task was given: cpus, memory_gb, minutes, gpus; empty if the server does not say"""
    pinned: bool = False
    """Kept until it is unpinned: it does not expire"""
    tasks: Tasks | None = None
    """How far the tasks of a job of several are"""
    links: tuple[Link, ...] = field(default=(), repr=False)
    etag: str = field(default="", repr=False, compare=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """True if the status will not change any more."""
        return self.status in ENDED

    def link(self, *relations: str) -> Link | None:
        """The first link with one of the relations."""
        return next((link for link in self.links if link.rel in relations), None)


@dataclass(frozen=True)
class JobPage:
    """A piece of the list of jobs."""

    jobs: tuple[Job, ...]
    next: str
    """Address of the next page; empty: this was the last"""


@dataclass(frozen=True)
class Definition:
    """The request that made a job, as it can be sent again."""

    inputs: Mapping[str, Any]
    raw: Mapping[str, Any] = field(repr=False)

    def merged(self, body: Mapping[str, Any]) -> Definition:
        """This request with the members of `body` put in, objects member by member."""
        return definition_of(_merged(self.raw, body))


@dataclass(frozen=True)
class Preview:
    """What of a running job's outputs is finished."""

    done: int
    """Tiles"""
    total: int
    outputs: Mapping[str, Link]
    """By output: a GDAL virtual raster over the finished tiles"""
    item: Mapping[str, Any]
    """What the STAC Item of the result will say of how the outputs want to be drawn"""


@dataclass(frozen=True)
class Excess:
    """A limit of the site that a job would break."""

    limit: str
    detail: str
    remedy: str = ""


@dataclass(frozen=True)
class Estimate:
    """What a job would amount to; None is what nobody can tell."""

    scenes: int | None
    tiles: int | None
    pixels: int | None
    bytes_read: int | None
    bytes_written: int | None
    core_hours: float | None
    estimated_start: datetime | None
    excesses: tuple[Excess, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class LogChunk:
    """A piece of a task's log."""

    text: str
    offset: int
    next: int
    """Offset to ask for next"""
    complete: bool
    """True if the task has ended and this is the end of its log"""


@dataclass(frozen=True)
class Landing:
    """What a gateway says of itself."""

    title: str
    description: str
    links: tuple[Link, ...] = field(default=(), repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class GatewayStatus:
    """What a PHIDIAS gateway tells its users of itself."""

    version: str
    scheduler: str
    """slurm or local"""
    user: str
    """Who the caller is there"""


def link_of(document: Mapping[str, Any], base: str) -> Link:
    """A link object with its href made absolute against `base`."""
    body = document.get("body")
    return Link(
        href=urljoin(base, str(document.get("href", ""))),
        rel=str(document.get("rel") or ""),
        type=str(document.get("type") or ""),
        title=str(document.get("title") or ""),
        length=_count(document.get("length")),
        body=body if isinstance(body, dict) else None,
    )


def links_of(document: Mapping[str, Any], base: str) -> tuple[Link, ...]:
    """The links of a document; whatever is no link is left out."""
    links = document.get("links")
    entries = links if isinstance(links, list) else []
    return tuple(link_of(entry, base) for entry in entries if isinstance(entry, dict) and entry.get("href"))


def summary_of(document: Mapping[str, Any]) -> ProcessSummary:
    """A process summary. Raises ValueError if it has no id."""
    return ProcessSummary(**_summary_members(document))


def description_of(document: Mapping[str, Any], etag: str = "") -> ProcessDescription:
    """A process description. Raises ValueError if it has no id."""
    return ProcessDescription(
        **_summary_members(document),
        inputs=_described(document.get("inputs")),
        outputs=_described(document.get("outputs")),
        etag=etag,
    )


def _summary_members(document: Mapping[str, Any]) -> dict[str, Any]:
    identifier = document.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise ValueError("a process without an id")
    metadata = document.get("metadata")
    groups = [
        str(entry.get("title") or "")
        for entry in (metadata if isinstance(metadata, list) else [])
        if isinstance(entry, dict) and entry.get("role") == "group"
    ]
    return {
        "id": identifier,
        "title": str(document.get("title") or identifier),
        "description": str(document.get("description") or ""),
        "version": str(document.get("version") or ""),
        "keywords": _words(document.get("keywords")),
        "group": groups[0] if groups else "",
        "job_control": _words(document.get("jobControlOptions")),
        "raw": document,
    }


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def _described(members: Any) -> dict[str, Mapping[str, Any]]:
    """Inputs or outputs by name; drafts of the standard have them as a list of objects with an id."""
    if isinstance(members, list):
        return {str(member["id"]): member for member in members if isinstance(member, dict) and "id" in member}
    if isinstance(members, dict):
        return {str(name): member for name, member in members.items() if isinstance(member, dict)}
    return {}


def job_of(document: Mapping[str, Any], base: str, etag: str = "") -> Job:
    """A job from a StatusInfo: `jobID` of 1.0 or `id` of 2.0. Raises ValueError if it has no id or no status."""
    identifier, status = document.get("jobID") or document.get("id"), document.get("status")
    if not isinstance(identifier, str) or not isinstance(status, str):
        raise ValueError("a status without job id or status")
    queue = document.get("queue")
    queue = queue if isinstance(queue, dict) else {}
    problem = document.get("exception")
    return Job(
        id=identifier,
        status=status,
        process_id=str(document.get("processID") or ""),
        summary=str(document.get("summary") or ""),
        message=str(document.get("message") or ""),
        progress=_per_cent(document.get("progress")),
        created=instant_of(document.get("created")),
        started=instant_of(document.get("started")),
        finished=instant_of(document.get("finished")),
        updated=instant_of(document.get("updated")),
        expires=instant_of(document.get("expires")),
        cause=str(document.get("cause") or ""),
        remedy=str(document.get("remedy") or ""),
        queue_reason=str(queue.get("reason") or ""),
        estimated_start=instant_of(queue.get("estimatedStart")),
        problem=problem if isinstance(problem, dict) else None,
        resources=_numbers(document.get("resources")),
        pinned=document.get("pinned") is True,
        tasks=_tasks(document.get("tasks")),
        links=links_of(document, base),
        etag=etag,
        raw=document,
    )


def definition_of(document: Mapping[str, Any]) -> Definition:
    """An execute request. Raises ValueError if it has no inputs."""
    inputs = document.get("inputs")
    if not isinstance(inputs, dict):
        raise ValueError("a request without inputs")
    return Definition(inputs, document)


def preview_of(document: Mapping[str, Any], base: str) -> Preview:
    """What is finished of a job."""
    outputs = document.get("outputs")
    links = outputs.items() if isinstance(outputs, dict) else ()
    item = document.get("item")
    return Preview(
        done=_count(document.get("tilesDone")) or 0,
        total=_count(document.get("tiles")) or 0,
        outputs={str(name): link_of(link, base) for name, link in links if isinstance(link, dict) and link.get("href")},
        item=item if isinstance(item, dict) else {},
    )


def estimate_of(document: Mapping[str, Any]) -> Estimate:
    """What a job would amount to."""
    limits = document.get("limits")
    return Estimate(
        scenes=_count(document.get("scenes")),
        tiles=_count(document.get("tiles")),
        pixels=_count(document.get("pixels")),
        bytes_read=_count(document.get("bytesRead")),
        bytes_written=_count(document.get("bytesWritten")),
        core_hours=_number(document.get("coreHours")),
        estimated_start=instant_of(document.get("estimatedStart")),
        excesses=tuple(
            Excess(str(entry.get("limit") or ""), str(entry.get("detail") or ""), str(entry.get("remedy") or ""))
            for entry in (limits if isinstance(limits, list) else [])
            if isinstance(entry, dict)
        ),
        raw=document,
    )


def _merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(document)
    for name, value in patch.items():
        kept = result.get(name)
        if isinstance(value, Mapping) and isinstance(kept, Mapping):
            value = _merged(kept, value)
        result[name] = value
    return result


def _tasks(value: Any) -> Tasks | None:
    total = _count(value.get("total")) if isinstance(value, dict) else None
    return Tasks(total, _count(value.get("done")) or 0, _count(value.get("failed")) or 0) if total else None


def _numbers(value: Any) -> dict[str, float]:
    members = value.items() if isinstance(value, dict) else ()
    found = {str(name): _number(member) for name, member in members}
    return {name: number for name, number in found.items() if number is not None}


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _per_cent(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(min(100.0, max(0.0, number)))


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?\s*([Zz]|[+-]\d\d:?\d\d)?")


def instant_of(value: Any) -> datetime | None:
    """An RFC 3339 instant in UTC, None for anything else; without a zone it is taken as UTC."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z", "z") else zone[:3] + ":" + zone[-2:]
    try:
        # Python 3.9 reads neither 'Z' nor other than three or six decimals.
        instant = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{offset}")
        return instant.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
