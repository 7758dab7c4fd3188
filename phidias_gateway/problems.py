"""Every error as a problem document (RFC 9457): the one place where an error becomes an HTTP answer."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import compile_path

from phidias_gateway.errors import PhidiasError
from phidias_gateway.http_errors import BadParameter, HttpError, NotFound

log = logging.getLogger(__name__)

RETRY_SECONDS = 10
"""When to ask again after a limit or an outage, where nothing better is known"""


class Problem(JSONResponse):
    """A problem document as an answer."""

    media_type = "application/problem+json"


def respond(problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Problem:
    """The answer for a problem document that is already at hand, such as a failed job's."""
    status = problem.get("status")
    code = status if isinstance(status, int) and 400 <= status < 600 else 500
    later = {"Retry-After": str(RETRY_SECONDS)} if code in (429, 503) else {}
    return Problem(dict(problem), status_code=code, headers={**later, **(headers or {})})


def install(app: FastAPI) -> None:
    """Make `app` answer every error with a problem document."""
    app.add_exception_handler(PhidiasError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unforeseen)


async def _known(request: Request, error: Exception) -> Problem:
    if not isinstance(error, PhidiasError):
        raise error
    return respond(error.problem(), error.headers if isinstance(error, HttpError) else None)


async def _invalid(request: Request, error: Exception) -> Problem:
    """What FastAPI would answer with 422; OGC API - Processes asks for 400."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return respond(BadParameter(f"The parameter {name!r} cannot be used: {first['msg']}.", input=name).problem())


async def _http(request: Request, error: Exception) -> Problem:
    """What the router itself answers: no route, wrong method."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return respond(NotFound("Nothing is at this address.", remedy="Start from the landing page, '/'.").problem())
    if error.status_code == 405:
        allowed = ", ".join(_methods(request)) or (error.headers or {}).get("Allow", "")
        detail = f"{request.method[:20]!r} is not among the methods of this address: {allowed}."
        problem = {"type": "about:blank", "title": "The method is not allowed here", "status": 405, "detail": detail}
        return respond(problem, {"Allow": allowed})
    problem = {
        "type": "about:blank",
        "title": str(error.detail),
        "status": error.status_code,
        "detail": f"{error.detail}.",
    }
    return respond(problem, error.headers)


def _methods(request: Request) -> list[str]:
    """All that are served at this address (RFC 9110, 10.2.1), where the router names those of its first route only."""
    for path, operations in request.app.openapi()["paths"].items():
        if compile_path(path)[0].match(request.scope["path"]):
            return [method.upper() for method in sorted(operations)]
    return []


async def _gone(request: Request, error: Exception) -> Problem:
    """The client went away while it was sending: nobody reads this, and it is no fault of ours."""
    return respond({"type": "about:blank", "title": "The client went away", "status": 400})


async def _unforeseen(request: Request, error: Exception) -> Problem:
    """A fault of ours: the answer names the entry of the log, and says nothing of the inside."""
    instance = uuid.uuid4().urn
    log.error("%s %r failed (%s)", request.method, request.scope["path"], instance)
    problem = PhidiasError(
        "The gateway met an error that it did not foresee.",
        remedy=f"Try again; if it stays, give the administrator this number: {instance}",
    ).problem()
    return respond({**problem, "instance": instance})
