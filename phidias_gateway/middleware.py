"""What every answer has in common: HEAD beside GET, careful headers, and one line in the log that holds no secret."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from phidias_gateway.http_errors import Stopping
from phidias_gateway.problems import respond

log = logging.getLogger("phidias_gateway.access")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization",
}


HEAD = "phidias.head"
"""Set in the scope of a HEAD request, which the routes see as GET"""


class Outermost:
    """Answers HEAD as GET, whose body the server drops; sets HEADERS where a route has not; logs each request.

    A line of the log has method, path (never the query), status, bytes of the body, seconds, and the user. That nothing
    is new (304) is not news: the many who wait for a job would fill the log with it.

    Once `stopping` is set, each answer says that its connection is not to be used again, and what takes too long is
    answered all the same.
    """

    def __init__(self, app: ASGIApp, stopping: asyncio.Event) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, size = time.perf_counter(), 0, 0
        method = scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET", HEAD: True}

        async def watched(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._stopping.is_set():
                    headers["Connection"] = "close"
                message["headers"] = headers.raw
            elif message["type"] == "http.response.body" and method != "HEAD":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:  # by the server, whose patience with us has ended
            if status or not self._stopping.is_set():
                raise
            error = Stopping("The gateway stops.", remedy="Send the request again once it is back.")
            await respond(error.problem())(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - began
            # %r keeps a path with line breaks in one line.
            level = logging.DEBUG if status == 304 else logging.INFO
            log.log(level, "%s %r %d %d %.3f %s", method, scope["path"], status, size, seconds, scope.get("user", "-"))
