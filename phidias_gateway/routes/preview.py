"""`/jobs/{id}/preview`: what is finished so far, to be looked at while the job runs, and after it has failed."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from phidias_gateway.documents import Link, Preview
from phidias_gateway.errors import NoSuchResult
from phidias_gateway.links import preview_path
from phidias_gateway.preview import MEDIA_TYPE, Part, is_part, item, previews, virtual_raster
from phidias_gateway.routes import files
from phidias_gateway.routes.context import BaseUrl, TheGateway, User
from phidias_gateway.routes.files import bytes_response, file_response
from phidias_gateway.routes.signed import Expires, Signature, allowed

router = APIRouter(tags=["Jobs"])
_NO_STORE = {"Cache-Control": "no-store"}


@router.get("/jobs/{job_id}/preview", responses={200: {"model": Preview}, 404: {"description": "There is no such job"}})
async def preview(job_id: str, user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """The outputs of which something is finished, each as a signed link to a virtual raster (VRT) of GDAL."""
    job = here.jobs.get(user, job_id)
    found = await run_in_threadpool(previews, here.jobs.tiles(job))
    outputs = {
        name: Link(href=here.signer.preview_url(base, job.id, f"{name}.vrt", entry.done), type=MEDIA_TYPE, title=name)
        for name, entry in found.items()
    }
    tiles, done = sum(entry.tiles for entry in found.values()), sum(entry.done for entry in found.values())
    answer = Preview(tilesDone=done, tiles=tiles, outputs=outputs, item=item(found))
    return JSONResponse(answer.json_value(), headers=_NO_STORE)


@router.get(
    "/jobs/{job_id}/preview/{name}",
    tags=["Files"],
    openapi_extra=files.OPENAPI,
    responses=files.RESPONSES,
)
async def preview_file(
    job_id: str,
    name: str,
    request: Request,
    base: BaseUrl,
    here: TheGateway,
    expires: Expires = "",
    signature: Signature = "",
) -> Response:
    """The virtual raster of an output, or a file that it is made of; by a signed link or with a token."""
    job = await allowed(request, here, job_id, preview_path(name), expires, signature)
    folder = here.jobs.tiles(job)
    if is_part(name):
        path = folder / name
        if path.is_file():
            status = path.stat()
            tag = f'"{status.st_size}-{status.st_mtime_ns}"'
            return await run_in_threadpool(file_response, request, path, media_type="image/tiff", etag=tag, grows=True)
    output, _, suffix = name.rpartition(".")
    found = await run_in_threadpool(previews, folder) if suffix == "vrt" else {}
    if output not in found:
        raise NoSuchResult(f"Nothing is finished of {name[:100]!r} yet.", remedy="Ask again later.")

    def address(part: Part) -> str:
        return f"/vsicurl/{here.signer.preview_url(base, job.id, part.file, part.done)}"

    content = await run_in_threadpool(virtual_raster, found[output], address)
    return bytes_response(request, content, media_type=MEDIA_TYPE)
