"""What a route is given: the gateway's parts, who asks, and the address the gateway is reached by."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from phidias_gateway.access import Access
from phidias_gateway.catalogue import Catalogue
from phidias_gateway.documents import JSON, Link
from phidias_gateway.http_errors import BadRequest
from phidias_gateway.jobs import Jobs
from phidias_gateway.links import Signer
from phidias_gateway.partial_uploads import PartialUploads
from phidias_gateway.settings import Settings
from phidias_gateway.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Gateway:
    """The parts of one running gateway."""

    settings: Settings
    store: Store
    jobs: Jobs
    catalogue: Catalogue
    access: Access
    signer: Signer
    partial_uploads: PartialUploads


# These are coroutines since FastAPI calls a plain function in another thread, and that for every request.


async def gateway(request: Request) -> Gateway:
    """The gateway that this request came to."""
    found = request.app.state.gateway
    if not isinstance(found, Gateway):
        raise TypeError("the app was not made by create_app()")
    return found


async def base_url(request: Request) -> str:
    """The address of the landing page, without the last slash. Raises BadRequest for a malformed Host header."""
    public = (await gateway(request)).settings.server.public_url
    if public:
        return public.rstrip("/")
    try:
        return str(request.base_url.replace(path="", query="")).rstrip("/")
    except ValueError:
        raise BadRequest("The Host header is no address.", remedy="Send the gateway's own address as Host.") from None


async def caller(request: Request) -> str:
    """The user who asks. Raises NotAuthenticated or TooManyFailures."""
    address = request.client.host if request.client else ""
    user = (await gateway(request)).access.user(request.headers, address)
    request.scope["user"] = user
    return user


async def while_connected(request: Request, answer: Coroutine[Any, Any, T]) -> T:
    """What is waited for. Raises ClientDisconnect as soon as the client is gone: nobody needs the answer then."""
    waiting, gone = asyncio.ensure_future(answer), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ClientDisconnect
        return waiting.result()
    finally:
        waiting.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        """What is left of the request's body."""


def self_link(request: Request, base: str, title: str = "This document") -> Link:
    """The link of a document to itself."""
    query = f"?{request.url.query}" if request.url.query else ""
    return Link(href=f"{base}{request.url.path}{query}", rel="self", type=JSON, title=title)


TheGateway = Annotated[Gateway, Depends(gateway)]
BaseUrl = Annotated[str, Depends(base_url)]
User = Annotated[str, Depends(caller)]
