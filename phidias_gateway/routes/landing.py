"""`/`, `/conformance` and `/api`: what this gateway is, for everybody; `/status`: what it is to you."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from phidias_gateway import __version__
from phidias_gateway.documents import JSON, REL, Conformance, GatewayStatus, LandingPage, Link
from phidias_gateway.routes.context import BaseUrl, TheGateway, User, self_link

OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_ONE = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
# None of 2.0: each of its classes stands on its core, which has another meaning for some requests that 1.0 has as well.
CONFORMS_TO = [_ONE + name for name in ("core", "ogc-process-description", "json", "oas30", "job-list", "dismiss")]

router = APIRouter(tags=["Capabilities"])


@router.get("/", responses={200: {"model": LandingPage}})
async def landing_page(request: Request, base: BaseUrl) -> JSONResponse:
    """The landing page: links to everything else."""
    page = LandingPage(
        title="PHIDIAS",
        description="Earth-observation processing on a supercomputer, by OGC API - Processes.",
        links=[
            self_link(request, base),
            Link(href=f"{base}/api", rel="service-desc", type=OPENAPI, title="The API"),
            Link(href=f"{base}/conformance", rel=REL + "conformance", type=JSON, title="Conformance classes"),
            Link(href=f"{base}/conformance", rel="conformance", type=JSON, title="Conformance classes"),
            Link(href=f"{base}/processes", rel=REL + "processes", type=JSON, title="The processes"),
            Link(href=f"{base}/processes", rel="processes", type=JSON, title="The processes"),
            Link(href=f"{base}/jobs", rel=REL + "job-list", type=JSON, title="Your jobs"),
            Link(href=f"{base}/stac", rel="catalog", type=JSON, title="Your results, as a STAC API"),
            Link(href=f"{base}/status", rel="status", type=JSON, title="The gateway, and who you are to it"),
            Link(href=f"{base}/archives", rel="archives", type=JSON, title="The archives of this site"),
        ],
    )
    return JSONResponse(page.json_value())


@router.get("/conformance", responses={200: {"model": Conformance}})
async def conformance() -> JSONResponse:
    """The conformance classes that this gateway keeps."""
    return JSONResponse(Conformance(conformsTo=CONFORMS_TO).json_value())


@router.get("/status", responses={200: {"model": GatewayStatus}})
async def status(user: User, here: TheGateway) -> JSONResponse:
    """Which gateway this is, what runs its jobs, and who you are to it."""
    told = GatewayStatus(version=__version__, scheduler=here.jobs.scheduler, user=user)
    return JSONResponse(told.json_value(), headers={"Cache-Control": "no-store"})


class OpenApi(JSONResponse):
    media_type = OPENAPI


@router.get("/api", response_class=OpenApi, responses={200: {"content": {OPENAPI: {"schema": {"type": "object"}}}}})
async def api(request: Request, base: BaseUrl) -> OpenApi:
    """This API in the words of OpenAPI 3.0."""
    document: dict[str, Any] = request.app.openapi()
    return OpenApi({**document, "servers": [{"url": base}]})
