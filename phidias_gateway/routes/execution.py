"""`POST /processes/{id}/execution`: run a process, and wait for it or not."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.responses import JSONResponse, Response

from phidias_gateway.documents import Estimate, Excess, StatusInfo
from phidias_gateway.errors import ResultNotReady
from phidias_gateway.execute_request import ExecuteRequest
from phidias_gateway.http_errors import BadRequest
from phidias_gateway.job import Job, Status
from phidias_gateway.routes import preferences
from phidias_gateway.routes.bodies import json_body
from phidias_gateway.routes.context import BaseUrl, TheGateway, User, while_connected
from phidias_gateway.routes.jobs import status_response
from phidias_gateway.routes.processes import find
from phidias_gateway.routes.results import OUTCOME, outcome_response

router = APIRouter(tags=["Processes"])

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "inputs": {"type": "object", "description": "Values by name, or {'href': ...} for a reference"},
                        "outputs": {
                            "type": "object",
                            "nullable": True,
                            "description": "The outputs wanted; all if left out",
                            "additionalProperties": {
                                "type": "object",
                                "properties": {"transmissionMode": {"type": "string", "enum": ["value", "reference"]}},
                            },
                        },
                        "response": {"type": "string", "enum": ["raw", "document", None], "nullable": True},
                        "resources": {
                            "type": "object",
                            "nullable": True,
                            "description": "What each task is given, where it shall differ from the process's own",
                            "properties": {
                                "cpus": {"type": "integer", "minimum": 1, "nullable": True},
                                "memory_gb": {
                                    "type": "number",
                                    "minimum": 0,
                                    "exclusiveMinimum": True,
                                    "nullable": True,
                                },
                                "minutes": {"type": "number", "minimum": 0, "exclusiveMinimum": True, "nullable": True},
                                "gpus": {"type": "integer", "minimum": 0, "nullable": True},
                            },
                            "additionalProperties": False,
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/processes/{process_id}/estimate",
    openapi_extra=_BODY,
    responses={
        200: {"model": Estimate},
        404: {"description": "There is no such process"},
        413: {"description": "The body is too large"},
        415: {"description": "The body is not JSON"},
    },
)
async def estimate(process_id: str, request: Request, user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """What a job would amount to, from the body that would start it; nothing is started."""
    process = find(process_id)
    asked = ExecuteRequest.parse(await json_body(request, limit_mb=here.settings.limits.body_mb))
    found, start = await here.jobs.estimate(user, process.id, asked, base_url=base)
    document = Estimate(
        scenes=found.effort.scenes,
        tiles=found.effort.tiles,
        tasks=found.tasks,
        pixels=found.effort.pixels,
        bytesRead=found.effort.bytes_read,
        bytesWritten=found.effort.bytes_written,
        resources=found.resources,
        coreHours=found.core_hours,
        estimatedStart=start,
        limits=[
            Excess(
                limit=excess.limit,
                allowed=excess.allowed,
                asked=excess.asked,
                detail=excess.error.detail,
                remedy=excess.error.remedy,
            )
            for excess in found.excesses
        ],
    )
    return JSONResponse(document.json_value(), headers={"Cache-Control": "no-store"})


@router.post(
    "/processes/{process_id}/execution",
    openapi_extra=_BODY,
    responses={
        200: {"description": "The results of a process that was waited for", "content": OUTCOME},
        201: {"model": StatusInfo, "description": "The job, which goes on by itself: Location is where to follow it"},
        204: {"description": "Results wanted raw and by reference: they are in the Link headers"},
        404: {"description": "There is no such process"},
        409: {"description": "The idempotency key was used with another request"},
        413: {"description": "The body is too large"},
        415: {"description": "The body is not JSON"},
        503: {"description": "The scheduler does not answer"},
        507: {"description": "The disk is full"},
    },
)
async def execute(
    process_id: str,
    request: Request,
    user: User,
    base: BaseUrl,
    here: TheGateway,
    prefer: Annotated[str | None, Header(description="respond-async, or wait=<seconds>")] = None,
    idempotency_key: Annotated[str | None, Header(description="The same key never makes a second job")] = None,
) -> Response:
    """Run a process.

    Answers with the results if the process can be waited for and no `Prefer: respond-async` asks otherwise. A process
    that takes longer than the site waits is not ended: the answer is then 201, as if it had been started so.
    """
    process = find(process_id)
    if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
        raise BadRequest("The Idempotency-Key is not 1 to 200 visible ASCII characters.", remedy="Send a UUID.")
    body = await json_body(request, limit_mb=here.settings.limits.body_mb)
    asked = ExecuteRequest.parse(body)
    job, _ = await here.jobs.submit(user, process.id, asked, key=idempotency_key, base_url=base)
    wishes = preferences.parse(request.headers.getlist("prefer"))
    if process.synchronous and (not wishes.respond_async or wishes.wait):
        limit = here.settings.limits.sync_seconds
        seconds = limit if wishes.wait is None else min(limit, wishes.wait)
        job = await while_connected(request, here.jobs.ended(user, job.id, seconds))
        if job.status.ended:
            return await _result(job, asked, len(process.Outputs.model_fields), base, here)
    headers = {"Location": f"{base}/jobs/{job.id}"}
    if wishes.respond_async:
        headers["Preference-Applied"] = "respond-async"
    return status_response(job, base, here, headers, status_code=201)


async def _result(job: Job, asked: ExecuteRequest, outputs: int, base: str, here: TheGateway) -> Response:
    """The results at once. One output asked for comes raw, several as a document, unless `response` says otherwise."""
    if job.status is Status.DISMISSED:
        raise ResultNotReady("The job was dismissed while you waited.", remedy="Run it again.")
    wanted = len(asked.outputs) if asked.outputs else outputs
    response = await outcome_response(job, base, here, default="raw" if wanted == 1 else "document")
    response.headers.append("Link", f'<{base}/jobs/{job.id}>; rel="monitor"')
    return response
