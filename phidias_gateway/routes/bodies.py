"""Request bodies, bounded in size."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi import Request

from phidias_gateway.http_errors import NotJson, TooLarge

MB = 1_000_000
LINGER_MB = 16
LINGER_SECONDS = 10


async def json_body(request: Request, *, limit_mb: float) -> bytes:
    """The body of a request that says it is JSON, or says nothing. Raises TooLarge or NotJson."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise NotJson(
            f"The body's media type is {media_type[:80]!r}.", remedy="Send JSON, with 'Content-Type: application/json'."
        )
    return b"".join([chunk async for chunk in bounded(request, limit_mb=limit_mb)])


def announced_length(request: Request) -> int:
    """Bytes that the body will have, as the client says; 0 if it does not."""
    announced = request.headers.get("content-length", "")
    return int(announced) if announced.isdigit() else 0


async def bounded(request: Request, *, limit_mb: float, received: int = 0) -> AsyncIterator[bytes]:
    """The body, piece by piece. Raises TooLarge as soon as it is known, from the announced length if there is one.

    `received` bytes came with requests before this one.
    """
    stream = request.stream()
    if received + announced_length(request) > limit_mb * MB:
        await _linger(stream)
        raise _too_large(limit_mb)
    async for chunk in stream:
        received += len(chunk)
        if received > limit_mb * MB:
            await _linger(stream)
            raise _too_large(limit_mb)
        yield chunk


async def _linger(stream: AsyncIterator[bytes]) -> None:
    """Read on for a moment: a client that is still sending would see a broken connection instead of the answer."""
    beyond = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            async for chunk in stream:
                beyond += len(chunk)
                if beyond > LINGER_MB * MB:
                    return


def _too_large(limit_mb: float) -> TooLarge:
    return TooLarge(
        f"The body is larger than the {limit_mb:g} MB that this site takes.",
        remedy="Send less, or give large data by reference.",
        headers={"Connection": "close"},
    )
