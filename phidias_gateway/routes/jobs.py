"""`/jobs`: the state of your jobs, their logs, and how to end them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from phidias_gateway.documents import (
    JSON,
    REL,
    Definition,
    JobList,
    Link,
    Log,
    ProblemDocument,
    Queue,
    StatusInfo,
    Tasks,
)
from phidias_gateway.job import Job, Status
from phidias_gateway.retry import proposal
from phidias_gateway.routes import preferences
from phidias_gateway.routes.context import BaseUrl, Gateway, TheGateway, User, caller, self_link, while_connected
from phidias_gateway.routes.filters import interval, kinds, processes, statuses
from phidias_gateway.settings import LimitSettings

router = APIRouter(tags=["Jobs"])
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
LOG_PIECE = 256 * 1024
"""Largest piece of a log in one answer, in bytes"""


def status_info(job: Job, base: str, limits: LimitSettings) -> StatusInfo:
    """The job as OGC API - Processes shows it."""
    href = f"{base}/jobs/{job.id}"
    links = [
        Link(href=href, rel="self", type=JSON, title="The state of the job"),
        Link(href=href, rel="monitor", type=JSON, title="The state of the job"),
        Link(href=f"{base}/jobs", rel="up", type=JSON, title="All your jobs"),
        Link(href=f"{href}/logs", rel="logs", type=JSON, title="The log of the job"),
        Link(href=f"{href}/definition", rel="definition", type=JSON, title="The request, to be sent again"),
    ]
    if job.status is Status.SUCCESSFUL:
        links.append(Link(href=f"{href}/results", rel=REL + "results", type=JSON, title="The results"))
    elif job.status is not Status.ACCEPTED:
        links.append(Link(href=f"{href}/preview", rel="preview", type=JSON, title="What is finished so far"))
    if job.status is Status.FAILED:
        links.append(Link(href=f"{href}/results", rel=REL + "exceptions", type=JSON, title="Why the job failed"))
    if (again := proposal(job, limits)) is not None:
        address = f"{base}/processes/{quote(job.process_id, safe='')}/execution"
        body = {"resources": again.resources} if again.resources else {}
        links.append(
            Link(href=address, rel="retry", type=JSON, title=again.title, method="POST", body=body, merge=True)
        )
    return StatusInfo(
        jobID=job.id,
        id=job.id,
        processID=job.process_id,
        status=job.status.value,
        summary=job.summary or None,
        message=job.message or None,
        progress=job.progress,
        created=job.created,
        started=job.started,
        finished=job.finished,
        updated=job.updated,
        expires=None if job.pinned else job.expires,
        cause=job.cause,
        remedy=job.remedy,
        resources=job.resources,
        pinned=job.pinned,
        size=job.size if job.status is Status.SUCCESSFUL else None,
        tasks=Tasks(total=job.parts, done=job.parts_done, failed=job.parts_failed) if job.parts > 1 else None,
        queue=Queue(reason=job.queue_reason, estimatedStart=job.estimated_start) if job.queue_reason else None,
        exception=ProblemDocument.model_validate(dict(job.problem)) if job.problem else None,
        links=links,
    )


def status_response(
    job: Job, base: str, here: Gateway, headers: Mapping[str, str] = _NO_HEADERS, *, status_code: int = 200
) -> JSONResponse:
    """The job's StatusInfo as an answer, with its entity tag."""
    document = status_info(job, base, here.settings.limits).json_value()
    return JSONResponse(document, status_code=status_code, headers={"ETag": etag(job), **headers})


def etag(job: Job) -> str:
    """The entity tag of a job's state: it changes with every visible change."""
    return f'"{job.version}"'


@router.get("/jobs", responses={200: {"model": JobList}})
async def job_list(
    request: Request,
    user: User,
    base: BaseUrl,
    here: TheGateway,
    limit: Annotated[int, Query(ge=1, le=1000, description="Jobs on a page")] = 100,
    process_id: Annotated[list[str] | None, Query(alias="processID")] = None,
    status: Annotated[list[str] | None, Query(description="States of the jobs")] = None,
    kind: Annotated[list[str] | None, Query(alias="type", description="'process', the only type here")] = None,
    created: Annotated[
        str | None, Query(alias="datetime", max_length=80, description="Instant or interval of creation (RFC 3339)")
    ] = None,
    min_duration: Annotated[int | None, Query(alias="minDuration", ge=0, le=2**53, description="Seconds")] = None,
    max_duration: Annotated[int | None, Query(alias="maxDuration", ge=0, le=2**53, description="Seconds")] = None,
    cursor: Annotated[str | None, Query(max_length=200, description="Taken from the link to the next page")] = None,
) -> JSONResponse:
    """Your jobs, the newest first."""
    kinds(kind)
    since, until = interval(created)
    named, states = processes(process_id), statuses(status)

    def answer() -> JSONResponse:
        page = here.jobs.list(
            user,
            processes=named,
            statuses=states,
            since=since,
            until=until,
            min_duration=min_duration,
            max_duration=max_duration,
            after=cursor,
            limit=limit,
        )
        links = [self_link(request, base), Link(href=f"{base}/", rel="up", type=JSON, title="The landing page")]
        if page.next:
            following = request.url.include_query_params(cursor=page.next)
            links.append(Link(href=f"{base}/jobs?{following.query}", rel="next", type=JSON, title="The next page"))
        jobs = [status_info(job, base, here.settings.limits) for job in page.jobs]
        return JSONResponse(JobList(jobs=jobs, links=links).json_value())

    return await run_in_threadpool(answer)


@router.get(
    "/jobs/{job_id}",
    responses={
        200: {"model": StatusInfo},
        304: {"description": "Nothing has changed since your copy, nor while you waited"},
        404: {"description": "There is no such job"},
    },
)
async def job_status(
    job_id: str,
    request: Request,
    user: User,
    base: BaseUrl,
    here: TheGateway,
    if_none_match: Annotated[str | None, Header()] = None,
    prefer: Annotated[str | None, Header(description="wait=<seconds>: the answer comes when the job changes")] = None,
) -> Response:
    """The state of a job. With `Prefer: wait=30` the answer comes when it changes, or after 30 seconds."""
    job = here.jobs.get(user, job_id)
    wait = preferences.parse(request.headers.getlist("prefer")).wait
    headers = {} if wait is None else {"Preference-Applied": f"wait={wait:g}"}
    seen = preferences.matches(if_none_match, etag(job))
    if wait and not job.status.ended and (seen or not if_none_match):
        job = await while_connected(request, here.jobs.changed(user, job_id, job.version, wait))
        await caller(request)  # the token may have been revoked meanwhile
    if preferences.matches(if_none_match, etag(job)):
        return Response(status_code=304, headers={"ETag": etag(job), **headers})
    return status_response(job, base, here, headers)


@router.delete(
    "/jobs/{job_id}",
    responses={200: {"model": StatusInfo}, 404: {"description": "There is no such job"}},
)
async def dismiss(job_id: str, user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """End a job that has not ended; remove one that has, with its files."""
    return status_response(await here.jobs.dismiss(user, job_id), base, here)


@router.get(
    "/jobs/{job_id}/definition",
    responses={200: {"model": Definition}, 404: {"description": "There is no such job, or its files are gone"}},
)
async def definition(job_id: str, user: User, here: TheGateway) -> JSONResponse:
    """The execute request of a job, as it can be sent again."""
    return JSONResponse(await run_in_threadpool(here.jobs.definition, here.jobs.get(user, job_id)))


@router.put(
    "/jobs/{job_id}/pin",
    responses={
        200: {"model": StatusInfo},
        404: {"description": "There is no such job"},
        429: {"description": "You have pinned as many jobs as the site allows"},
    },
)
async def pin(job_id: str, user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """Keep a job beyond its time."""
    return status_response(await here.jobs.pin(user, job_id, True), base, here)


@router.delete(
    "/jobs/{job_id}/pin", responses={200: {"model": StatusInfo}, 404: {"description": "There is no such job"}}
)
async def unpin(job_id: str, user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """Let a job expire; its time begins anew."""
    return status_response(await here.jobs.pin(user, job_id, False), base, here)


@router.get("/jobs/{job_id}/logs", responses={200: {"model": Log}, 404: {"description": "There is no such job"}})
async def logs(
    job_id: str,
    user: User,
    here: TheGateway,
    task: Annotated[int, Query(ge=0, le=100_000, description="Number of the task")] = 0,
    offset: Annotated[int, Query(ge=0, le=2**53, description="First byte wanted")] = 0,
) -> JSONResponse:
    """What the job has said so far, from a byte on."""
    job = here.jobs.get(user, job_id)
    part = await run_in_threadpool(here.jobs.log, job, task, offset, LOG_PIECE)
    return JSONResponse(
        Log(text=part.text, offset=part.offset, next=part.next, complete=part.complete).json_value(),
        headers={"Cache-Control": "no-store"},
    )
