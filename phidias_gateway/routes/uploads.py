"""`/uploads/{sha256}`: files that inputs can refer to, named by their content.

An upload that breaks off goes on where it stopped, in the words of the IETF's draft "Resumable Uploads for HTTP"
(draft-ietf-httpbis-resumable-upload): HEAD tells `Upload-Offset`, and PATCH brings the rest.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Request
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from phidias_gateway import limits
from phidias_gateway.documents import Upload
from phidias_gateway.errors import DiskFull
from phidias_gateway.http_errors import BadRequest, NotFound, TooSlow, WrongMediaType, WrongOffset
from phidias_gateway.routes.bodies import announced_length, bounded
from phidias_gateway.routes.context import BaseUrl, Gateway, TheGateway, User

router = APIRouter(tags=["Files"])
PIECE = 1 << 20
REST = "application/partial-upload"
STALL_SECONDS = 30.0
"""So long nothing of a body may come before what has come is kept for later, and the connection given up"""
_BROKEN_OFF = (ClientDisconnect, TooSlow, asyncio.CancelledError)

Sha256 = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file, in hexadecimal")]
Offset = Annotated[
    int, Header(alias="Upload-Offset", ge=0, lt=2**63, description="Bytes that have arrived before, as HEAD tells them")
]
Complete = Annotated[Literal["?1"], Header(alias="Upload-Complete", description="The body ends where the file ends")]


@router.get(
    "/uploads/{sha256}",
    responses={
        200: {"model": Upload},
        204: {
            "description": "Only a part of it is there; PATCH brings the rest",
            "headers": {
                "Upload-Offset": {"schema": {"type": "integer"}, "description": "Bytes that have arrived"},
                "Upload-Complete": {"schema": {"type": "string", "enum": ["?0"]}},
            },
        },
        404: {"description": "It is not there"},
    },
)
async def has_upload(sha256: Sha256, user: User, base: BaseUrl, here: TheGateway) -> Response:
    """Whether you have uploaded this file already, and its address as a reference."""
    if await run_in_threadpool(here.store.use_upload, user, sha256):
        return JSONResponse(Upload(href=f"{base}/uploads/{sha256}").json_value())
    size = await run_in_threadpool(here.partial_uploads.size, user, sha256)
    if size is None:
        raise NotFound("You have not uploaded this file.", remedy="Upload it with PUT.")
    return Response(status_code=204, headers={"Upload-Offset": str(size), "Upload-Complete": "?0"})


@router.put(
    "/uploads/{sha256}",
    openapi_extra={
        "requestBody": {
            "description": "The file; may be left out where it was uploaded before",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    responses={
        200: {"model": Upload, "description": "It was there already"},
        201: {"model": Upload, "description": "It is there now"},
        408: {"description": "Nothing of it came for a while; what has come is kept"},
        409: {"description": "It is being sent by another request of yours"},
        413: {"description": "The file is too large"},
        507: {"description": "The disk is full"},
    },
)
async def upload(sha256: Sha256, request: Request, user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """Upload a file. Its address can then be given as {"href": ...} to an input.

    What has come of an upload that breaks off is kept for a day: HEAD tells how much, PATCH brings the rest."""
    return await _take(sha256, request, user, base, here, offset=None)


@router.patch(
    "/uploads/{sha256}",
    openapi_extra={
        "requestBody": {
            "description": "The file from the offset to its end",
            "content": {REST: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    responses={
        200: {"model": Upload, "description": "It was there already"},
        201: {"model": Upload, "description": "It is there now"},
        408: {"description": "Nothing of it came for a while; what has come is kept"},
        409: {"description": "The offset is not where the part ends, or another request of yours is sending it"},
        413: {"description": "The file is too large"},
        415: {"description": f"The media type is not {REST}"},
        507: {"description": "The disk is full"},
    },
)
async def upload_rest(
    sha256: Sha256,
    request: Request,
    user: User,
    base: BaseUrl,
    here: TheGateway,
    offset: Offset,
    complete: Complete = "?1",
) -> JSONResponse:
    """Upload what is missing of a file whose upload broke off."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != REST:
        raise WrongMediaType(f"The body's media type is {media_type[:80]!r}.", remedy=f"Send it as {REST}.")
    return await _take(sha256, request, user, base, here, offset=offset)


async def _take(
    sha256: str, request: Request, user: str, base: str, here: Gateway, *, offset: int | None
) -> JSONResponse:
    """Take a whole file (`offset` is None) or the rest of one into the store."""
    answer = Upload(href=f"{base}/uploads/{sha256}").json_value()
    if await run_in_threadpool(here.store.use_upload, user, sha256):
        return JSONResponse(answer)
    async with here.partial_uploads.alone(user, sha256) as part:
        arrived = here.partial_uploads.size(user, sha256) or 0
        if offset not in (None, arrived):
            raise WrongOffset(
                f"{arrived} bytes of this file have arrived, not {offset}.",
                remedy="Send what comes after them.",
                headers={"Upload-Offset": str(arrived), "Connection": "close"},  # it need not send all of it
            )
        try:
            if offset is None:
                part.unlink(missing_ok=True)
            await run_in_threadpool(_check_room, user, announced_length(request), here)
            size = await _receive(request, part, offset or 0, here.settings.limits.upload_mb)
            await run_in_threadpool(_place, part, user, sha256, size, here)
        except _BROKEN_OFF:
            if not here.partial_uploads.size(user, sha256):
                part.unlink(missing_ok=True)
            raise
        except OSError as error:
            part.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DiskFull(
                "The site has no room for this file.",
                remedy="Delete results you no longer need, or ask the administrator.",
            ) from None
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return JSONResponse(answer, status_code=201, headers={"Location": answer["href"]})


def _check_room(user: str, coming: int, here: Gateway) -> None:
    """Raises DiskFull or LimitExceeded if there is none for so many more bytes."""
    limits.refuse(limits.of_disk(here.settings, coming))
    kept = here.partial_uploads.bytes_of(user)
    limits.refuse(limits.of_upload(user, kept, coming, here.settings.limits, here.store))


async def _receive(request: Request, part: Path, offset: int, limit_mb: float) -> int:
    """Append the body to `part`, durably, and return its size. What has come is there also if the body breaks off."""
    size, waiting = offset, bytearray()
    with open(part, "ab", buffering=0) as file:

        def write() -> None:
            view = memoryview(waiting)
            written = 0
            while written < len(view):
                written += file.write(view[written:])
            view.release()
            waiting.clear()

        try:
            async for chunk in _unless_stalled(bounded(request, limit_mb=limit_mb, received=offset)):
                waiting += chunk
                size += len(chunk)
                if len(waiting) >= PIECE:
                    await run_in_threadpool(write)
        finally:
            await run_in_threadpool(write)
        await run_in_threadpool(os.fsync, file.fileno())
    return size


async def _unless_stalled(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces. Raises TooSlow if the next one does not come."""
    while True:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                piece = await pieces.__anext__()
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise TooSlow(
                f"Nothing came for {STALL_SECONDS:g} s.",
                remedy="What has come is kept: send the rest.",
                headers={"Connection": "close"},
            ) from None
        yield piece


def _place(part: Path, user: str, sha256: str, size: int, here: Gateway) -> None:
    """Put a complete part among the uploads. Raises BadRequest if its content is another than it should be."""
    with open(part, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise BadRequest(
            f"The SHA-256 of the {size} bytes received is {found}, not the one in the address; they were thrown away.",
            remedy="Send the file again from its beginning; if it fails again, it changes while it is being read.",
        )
    here.store.add_upload(user, sha256, size, lambda: os.replace(part, here.settings.store.uploads / sha256))
