"""One file over HTTP, whole or by ranges (RFC 9110, 14), as GDAL and browsers ask for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.responses import FileResponse, Response

from phidias_gateway.http_errors import NotFound, RangeNotSatisfiable
from phidias_gateway.middleware import HEAD

# What OpenAPI says of a route that serves files, each of its own media type, by a signed link or with a token.
OPENAPI: dict[str, Any] = {
    "security": [{"bearer": []}, {"basic": []}, {}],
    "parameters": [
        {"name": "Range", "in": "header", "schema": {"type": "string"}, "description": "Such as bytes=0-16383"},
        {"name": "If-Range", "in": "header", "schema": {"type": "string"}, "description": "An entity tag"},
    ],
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"*/*": {}}},
    206: {"description": "The part of the file that the Range header asks for"},
    403: {"description": "The link has expired"},
    404: {"description": "There is no such file, or the link does not fit it"},
    416: {"description": "No byte of the file is in the range"},
}

_RANGE = re.compile(r"\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.ASCII)
# A report may draw with its own script, but sees nothing of the gateway's.
_SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
)


def file_response(request: Request, path: Path, *, media_type: str, etag: str, grows: bool = False) -> FileResponse:
    """The file, or the part of it that the Range header asks for. Raises NotFound or RangeNotSatisfiable.

    A file that still grows is kept by nobody.
    A Range header of another unit, or a malformed one, is ignored, as RFC 9110 (14.2) has it.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise NotFound("The file is not there any more.", remedy="Run the job again.") from None
    wanted = request.headers.get("range")
    if wanted is not None:
        if_range = request.headers.get("if-range")
        usable = None if if_range is not None and if_range != etag else _usable(wanted, found.st_size)
        _set_range(request, usable)
    if request.scope.get(HEAD):
        request.scope["method"] = "HEAD"  # so that FileResponse reads nothing
    keep = "no-store" if grows else "private, max-age=86400"
    headers = {"ETag": etag, "Cache-Control": keep, "Content-Security-Policy": _SANDBOX}
    return FileResponse(path, media_type=media_type, headers=headers, stat_result=found)


def bytes_response(request: Request, content: bytes, *, media_type: str) -> Response:
    """A document made for this request, whole or by one range: GDAL reads nothing else. Raises RangeNotSatisfiable."""
    headers = {"Cache-Control": "no-store", "Accept-Ranges": "bytes", "Content-Security-Policy": _SANDBOX}
    wanted = _usable(request.headers.get("range", ""), len(content))
    if wanted is None or "," in wanted:
        return Response(content, media_type=media_type, headers=headers)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(int(last), len(content) - 1) if first and last else len(content) - 1
    headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return Response(content[start : end + 1], status_code=206, media_type=media_type, headers=headers)


def _usable(header: str, size: int) -> str | None:
    """The header with only those ranges that the file has; None if it is to be ignored."""
    unit, _, specifier = header.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    usable = []
    for part in specifier.split(","):
        match = _RANGE.fullmatch(part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            return None
        if (int(match[1]) < size) if match[1] else (int(match[3]) > 0 and size > 0):
            usable.append(part.strip())
    if not usable:
        raise RangeNotSatisfiable(
            f"The file has {size} bytes, and none in this range.",
            remedy="Ask for a range inside the file.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return "bytes=" + ",".join(usable)


def _set_range(request: Request, value: str | None) -> None:
    """FileResponse reads the request's own headers: leave it those that it handles as RFC 9110 wants."""
    kept = [(name, text) for name, text in request.scope["headers"] if name not in (b"range", b"if-range")]
    request.scope["headers"] = kept if value is None else [*kept, (b"range", value.encode())]
