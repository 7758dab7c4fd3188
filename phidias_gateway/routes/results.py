"""`/jobs/{id}/results`: what a job gave, and its files one by one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from phidias_gateway.errors import NoSuchResult
from phidias_gateway.job import Job, OutputFile
from phidias_gateway.routes import files, preferences
from phidias_gateway.routes.context import BaseUrl, Gateway, TheGateway, User
from phidias_gateway.routes.files import file_response
from phidias_gateway.routes.outcomes import document, files_of, raw
from phidias_gateway.routes.signed import Expires, Signature, allowed

router = APIRouter(tags=["Jobs"])
OUTCOME: dict[str, Any] = {"application/json": {}, "multipart/related": {}, "*/*": {}}
"""The media types of a job's results"""


@router.get(
    "/jobs/{job_id}/results",
    responses={
        200: {
            "description": "The outputs by name: a value, or a signed link to a file. Wanted raw: the output itself, "
            "of its own media type, or several as parts",
            "content": OUTCOME,
        },
        204: {"description": "Wanted raw and by reference: the links are in the Link headers"},
        404: {"description": "There is no such job, or no result yet"},
        507: {"description": "The job failed for want of disk space"},
    },
)
async def results(job_id: str, user: User, base: BaseUrl, here: TheGateway) -> Response:
    """The results of a job. For a job that failed: its problem."""
    return await outcome_response(here.jobs.get(user, job_id), base, here, default="document")


async def outcome_response(job: Job, base: str, here: Gateway, *, default: str) -> Response:
    """The results of `job` in the form that its request asked for, else in the `default` form, raw or document."""
    outcome = await run_in_threadpool(here.jobs.results, job)

    def link(name: str) -> str:
        return here.signer.url(base, job.id, name)

    def path(name: str) -> str:
        return str(here.jobs.result_file(job, name))

    form = raw if (outcome.response or default) == "raw" else document
    return await run_in_threadpool(form, outcome, link, path)


@router.get(
    "/jobs/{job_id}/results/{name}",
    tags=["Files"],
    openapi_extra=files.OPENAPI,
    responses={
        **files.RESPONSES,
        304: {"description": "Your copy is up to date"},
        507: {"description": "The job failed for want of disk space"},
    },
)
async def result_file(
    job_id: str,
    name: str,
    request: Request,
    here: TheGateway,
    expires: Expires = "",
    signature: Signature = "",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One file of a job's results, by a signed link or with a token. An output's id stands for its only file."""
    job = await allowed(request, here, job_id, name, expires, signature)
    outcome = await run_in_threadpool(here.jobs.results, job)
    found = outcome.outputs.get(name)
    if name in outcome.outputs and not files_of(found):
        return JSONResponse(found)
    offered = {file.file: file for output in outcome.outputs.values() for file in files_of(output)}
    file = found if isinstance(found, OutputFile) else offered.get(name)
    if file is None:
        raise NoSuchResult(f"The job has no result file {name[:100]!r}.", remedy="Take the links of the results.")
    tag = f'"{file.sha256}"'
    if preferences.matches(if_none_match, tag):
        return Response(status_code=304, headers={"ETag": tag})
    path = here.jobs.result_file(job, file.file)
    return await run_in_threadpool(file_response, request, path, media_type=file.media_type, etag=tag)
