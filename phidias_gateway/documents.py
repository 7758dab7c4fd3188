"""The JSON documents the gateway serves, in the words of OGC API - Processes 1.0, with 2.0's members beside them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from phidias_gateway.process import Resources

JSON = "application/json"
PROBLEM = "application/problem+json"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
Status = Literal["accepted", "running", "successful", "failed", "dismissed"]


class Document(BaseModel):
    """Base of all documents. Members that are None are left out."""

    model_config = ConfigDict(frozen=True)

    def json_value(self) -> dict[str, Any]:
        """This document as it goes over the wire."""
        return self.model_dump(mode="json", exclude_none=True)


class Link(Document):
    """A link (RFC 8288). `length` is in bytes.

    Where there is a `method`, the link is followed by it, with `body`; `merge` says that this goes over the body of the
    request before (as in the STAC API's item search).
    """

    href: str
    rel: str | None = None
    type: str | None = None
    title: str | None = None
    length: int | None = None
    method: Literal["GET", "POST"] | None = None
    body: dict[str, Any] | None = None
    merge: bool | None = None


class LandingPage(Document):
    title: str
    description: str
    links: list[Link]


class Conformance(Document):
    conformsTo: list[str]  # noqa: N815


class GatewayStatus(Document):
    """What a user may know of the gateway: its version, its scheduler's kind (slurm, local), and the user's name."""

    version: str
    scheduler: str
    user: str


class ProcessSummary(Document):
    """An entry of the process list."""

    model_config = ConfigDict(extra="allow")

    id: str
    version: str
    title: str
    description: str
    jobControlOptions: list[Literal["sync-execute", "async-execute", "dismiss"]]  # noqa: N815
    outputTransmission: list[Literal["value", "reference"]]  # noqa: N815
    links: list[Link]


class ProcessDescription(ProcessSummary):
    """A process with its inputs and outputs."""

    inputs: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]


class ProcessList(Document):
    processes: list[ProcessSummary]
    links: list[Link]


class ArchiveEntry(Document):
    """An archive of the site, with a link to its catalogue."""

    name: str
    links: list[Link]


class ArchiveList(Document):
    archives: list[ArchiveEntry]


class ProblemDocument(Document):
    """An error (RFC 9457). `input` names the input or parameter at fault, `remedy` says what to do next."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    input: str | None = None
    remedy: str | None = None


class Queue(Document):
    """Why a job waits, and when the scheduler expects to start it."""

    reason: str
    estimatedStart: Instant | None = None  # noqa: N815


class Tasks(Document):
    """Of a job that several tasks share: how many they are, and how many have ended well, and otherwise."""

    total: int
    done: int
    failed: int


class StatusInfo(Document):
    """The state of a job. `cause` is a word for programs, `remedy` a sentence for people.

    `summary` tells it from other jobs of its process, in a few words: "NDVI, 2018-05-03 to 2018-05-28".
    `resources` is what each of its tasks is given; `size` is in bytes; a job that is `pinned` does not expire.
    """

    jobID: str  # noqa: N815
    id: str
    processID: str  # noqa: N815
    type: Literal["process"] = "process"
    processingEntityType: Literal["ogc-api-processes"] = "ogc-api-processes"  # noqa: N815
    status: Status
    summary: str | None = None
    message: str | None = None
    progress: Annotated[int, Field(ge=0, le=100)] = 0
    created: Instant
    started: Instant | None = None
    finished: Instant | None = None
    updated: Instant
    expires: Instant | None = None
    cause: str | None = None
    remedy: str | None = None
    resources: Resources
    pinned: bool
    size: int | None = None
    tasks: Tasks | None = None
    queue: Queue | None = None
    exception: ProblemDocument | None = None
    links: list[Link]


class JobList(Document):
    jobs: list[StatusInfo]
    links: list[Link]


class Definition(Document):
    """An execute request, as it can be sent again."""

    model_config = ConfigDict(extra="allow")

    inputs: dict[str, Any]


class Excess(Document):
    """A limit of the site that a request would break."""

    limit: str
    allowed: float
    asked: float
    detail: str
    remedy: str | None = None


class Estimate(Document):
    """What a job would amount to. What nobody can tell is left out."""

    scenes: int | None = None
    tiles: int | None = None
    tasks: int | None = None
    pixels: int | None = None
    bytesRead: int | None = None  # noqa: N815
    bytesWritten: int | None = None  # noqa: N815
    resources: Resources
    coreHours: float | None = None  # noqa: N815
    estimatedStart: Instant | None = None  # noqa: N815
    limits: list[Excess]


class Preview(Document):
    """What is finished of a job: each output of which there is something, as a link for GDAL."""

    tilesDone: int  # noqa: N815
    tiles: int
    outputs: dict[str, Link]
    item: dict[str, Any]
    """What of the result's STAC Item tells how these want to be drawn: `renders`, and the assets' bands and classes"""


class Log(Document):
    """A piece of a task's log. Ask again from `next`; `complete` says that no more will come."""

    text: str
    offset: int
    next: int
    complete: bool


class Upload(Document):
    """Where an uploaded file lies: `href` can be given as a reference to an input."""

    href: str
