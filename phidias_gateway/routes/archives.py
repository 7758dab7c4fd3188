"""`/archives`: the catalogues of the site's archives, so that their scenes can be searched from outside.

Only documents leave; the images are for the jobs of this site.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse

from phidias_gateway.documents import JSON, ArchiveEntry, ArchiveList, Link
from phidias_gateway.http_errors import NotFound
from phidias_gateway.references import Archive
from phidias_gateway.routes.context import BaseUrl, TheGateway, User

router = APIRouter(tags=["Archives"])
CATALOGUE = "catalog.json"
DOCUMENTS = (".json", ".geojson")


@router.get("/archives", responses={200: {"model": ArchiveList}})
async def archives(user: User, base: BaseUrl, here: TheGateway) -> JSONResponse:
    """The archives that have a catalogue. Jobs take their names in place of the address of a catalogue."""
    names = await run_in_threadpool(
        lambda: [archive.name for archive in here.settings.archives if _document(archive, CATALOGUE) is not None]
    )
    entries = [ArchiveEntry(name=name, links=[_catalogue_link(base, name)]) for name in names]
    return JSONResponse(ArchiveList(archives=entries).json_value())


@router.get(
    "/archives/{name}/{path:path}",
    responses={
        200: {"description": "The document", "content": {JSON: {"schema": {"type": "object"}}}},
        404: {"description": "There is no such document"},
    },
)
async def document(name: str, path: str, user: User, here: TheGateway) -> FileResponse:
    """A document of an archive's static STAC catalogue."""
    archive = next((archive for archive in here.settings.archives if archive.name == name), None)
    found = None if archive is None else await run_in_threadpool(_document, archive, path)
    if found is None:
        raise NotFound("There is no such document.", remedy="Begin at the catalogues that /archives lists.")
    return FileResponse(found, media_type=JSON, headers={"Cache-Control": "private, max-age=300"})


def _catalogue_link(base: str, name: str) -> Link:
    return Link(href=f"{base}/archives/{quote(name, safe='')}/{CATALOGUE}", rel="catalogue", type=JSON, title=name)


def _document(archive: Archive, path: str) -> Path | None:
    """The document at a path within the archive; None if there is none."""
    try:
        found = archive.local_path(archive.prefix + quote(path))
        return found if found is not None and found.suffix in DOCUMENTS and found.is_file() else None
    except (ValueError, OSError):  # it would lie outside; its name is longer than any file's
        return None
