"""`PUT /uploads/{sha256}`: files that inputs can refer to, named by their content."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from phidias_gateway.documents import Upload
from phidias_gateway.errors import DiskFull
from phidias_gateway.http_errors import BadRequest, NotFound
from phidias_gateway.routes.bodies import bounded
from phidias_gateway.routes.context import BaseUrl, TheGateway, User

router = APIRouter(tags=["Files"])
PIECE = 1 << 20
GB = 1e9

Sha256 = Annotated[str, PathParameter(pattern="^[0-9a-f]{64}$", description="SHA-256 of the file, in hexadecimal")]


@router.get("/uploads/{sha256}", responses={200: {"model": Upload}, 404: {"description": "It is not there"}})
async def has_upload(sha256: Sha256, user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """Whether you have uploaded this file already, and its address as a reference."""
    if not await run_in_threadpool(here.store.use_upload, user, sha256):
        raise NotFound("You have not uploaded this file.", remedy="Upload it with PUT.")
    return JSONResponse(Upload(href=f"{base}/uploads/{sha256}").json_value())


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
        413: {"description": "The file is too large"},
        507: {"description": "The disk is full"},
    },
)
async def upload(sha256: Sha256, request: Request, user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """Upload a file. Its address can then be given as {"href": ...} to an input."""
    answer = Upload(href=f"{base}/uploads/{sha256}").json_value()
    if await run_in_threadpool(here.store.use_upload, user, sha256):
        return JSONResponse(answer)
    limits, folder = here.settings.limits, here.settings.store.uploads
    part = folder / f"{secrets.token_hex(8)}.part"
    try:
        if shutil.disk_usage(folder).free < limits.min_free_gb * GB:
            raise OSError(errno.ENOSPC, "below limits.min_free_gb")
        size = await _receive(request, part, sha256, limits.upload_mb)
        await run_in_threadpool(here.store.add_upload, user, sha256, size, lambda: os.replace(part, folder / sha256))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            "The site has no room for this file.", remedy="Delete results you no longer need, or ask the administrator."
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return JSONResponse(answer, status_code=201, headers={"Location": answer["href"]})


async def _receive(request: Request, part: Path, sha256: str, limit_mb: float) -> int:
    """Write the body to `part`, durably, and return its size. Raises BadRequest if its hash is not `sha256`."""
    digest, size, waiting = hashlib.sha256(), 0, bytearray()
    with open(part, "xb", buffering=0) as file:

        def write() -> None:
            digest.update(waiting)
            view = memoryview(waiting)
            written = 0
            while written < len(view):
                written += file.write(view[written:])
            view.release()
            waiting.clear()

        async for chunk in bounded(request, limit_mb=limit_mb):
            waiting += chunk
            size += len(chunk)
            if len(waiting) >= PIECE:
                await run_in_threadpool(write)
        await run_in_threadpool(write)
        await run_in_threadpool(os.fsync, file.fileno())
    if digest.hexdigest() != sha256:
        raise BadRequest(
            f"The SHA-256 of the {size} bytes received is {digest.hexdigest()}, not the one in the address.",
            remedy="Send the file again; if it fails again, it changes while it is being read.",
        )
    return size
