"""`/processes`: what can be run here."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import JSONResponse, Response

from phidias_gateway.description import describe, summarize
from phidias_gateway.documents import JSON, REL, Link, ProcessDescription, ProcessList, ProcessSummary
from phidias_gateway.errors import NoSuchProcess
from phidias_gateway.process import Process
from phidias_gateway.registry import processes
from phidias_gateway.routes import preferences
from phidias_gateway.routes.context import BaseUrl, User, self_link

router = APIRouter(tags=["Processes"])


@router.get("/processes", responses={200: {"model": ProcessList}})
async def process_list(
    request: Request,
    user: User,
    base: BaseUrl,
    limit: Annotated[int, Query(ge=1, le=1000, description="Processes on a page")] = 1000,
    after: Annotated[str, Query(max_length=200, description="Go on after the process of this id")] = "",
) -> JSONResponse:
    """The processes, in the order of their ids."""
    found = [process for identifier, process in processes().items() if identifier > after]
    links = [self_link(request, base)]
    if len(found) > limit:
        href = f"{base}/processes?limit={limit}&after={found[limit - 1].id}"
        links.append(Link(href=href, rel="next", type=JSON, title="The next page"))
    page = [ProcessSummary(**summarize(process), links=_links(process.id, base)) for process in found[:limit]]
    return JSONResponse(ProcessList(processes=page, links=links).json_value())


@router.get(
    "/processes/{process_id}",
    responses={
        200: {"model": ProcessDescription},
        304: {"description": "Your copy is up to date"},
        404: {"description": "There is no such process"},
    },
)
async def process_description(
    process_id: str, user: User, base: BaseUrl, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """A process with its inputs and outputs."""
    process = find(process_id)
    document = ProcessDescription(**_described(process.id), links=_links(process.id, base)).json_value()
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    headers = {"ETag": f'"{digest[:32]}"', "Cache-Control": "private, no-cache"}
    if preferences.matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return JSONResponse(document, headers=headers)


def find(process_id: str) -> Process[Any, Any]:
    """The process of this id. Raises NoSuchProcess."""
    process = processes().get(process_id)
    if process is None:
        raise NoSuchProcess(
            f"There is no process {process_id[:100]!r} here.", remedy="Choose one of the list at '/processes'."
        )
    return process


@cache
def _described(process_id: str) -> dict[str, Any]:
    return describe(processes()[process_id])


def _links(process_id: str, base: str) -> list[Link]:
    href = f"{base}/processes/{process_id}"
    return [
        Link(href=href, rel="self", type=JSON, title="The process description"),
        Link(href=f"{href}/execution", rel=REL + "execute", type=JSON, title="Run the process"),
        Link(href=f"{href}/estimate", rel="estimate", type=JSON, title="What a job would amount to"),
        Link(href=f"{base}/jobs?processID={process_id}", rel=REL + "job-list", type=JSON, title="Its jobs"),
    ]
