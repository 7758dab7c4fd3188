"""The forms of a job's results: a document, or raw (OGC API - Processes 1.0, 7.11.4 and 7.13).

Files go by reference unless the request asks for their value; a file above INLINE goes by reference all the same, since
nobody wants a scene in base64. Values go as they are unless the request asks for a reference.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, JSONResponse, Response

from phidias_gateway.documents import JSON
from phidias_gateway.job import Outcome, OutputFile

INLINE = 10_000_000
"""Largest file that is put into an answer, in bytes"""

LinkTo = Callable[[str], str]
"""The signed address of a result, by its file's name or its output's id"""
PathOf = Callable[[str], str]
Part = tuple[str, str, bytes, str | None]
"""Name, media type, content, address where it goes by reference"""


def files_of(output: Any) -> tuple[OutputFile, ...]:
    """The files of an output; none for a value."""
    if isinstance(output, OutputFile):
        return (output,)
    if isinstance(output, tuple) and all(isinstance(entry, OutputFile) for entry in output):
        return output
    return ()


def document(outcome: Outcome, link_to: LinkTo, path_of: PathOf) -> Response:
    """The results document: every output by name, inline or as a link."""
    content = {}
    for name, output in outcome.outputs.items():
        mode = outcome.transmission.get(name)
        if files := files_of(output):
            entries = [_file_entry(file, mode, link_to, path_of) for file in files]
            content[name] = entries[0] if isinstance(output, OutputFile) else entries
        elif mode == "reference":
            content[name] = {"href": link_to(name), "rel": "item", "type": JSON, "title": name}
        else:
            content[name] = _qualified(output)
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def raw(outcome: Outcome, link_to: LinkTo, path_of: PathOf) -> Response:
    """One output: its body. Several: multipart/related (RFC 2387). References only: 204 and Link headers."""
    outputs, modes = outcome.outputs, outcome.transmission
    parts: list[Part] = []
    for name, output in outputs.items():
        files = files_of(output)
        alone = len(outputs) == 1 and isinstance(output, OutputFile) and modes.get(name) != "reference"
        if alone:
            file = files[0]
            return FileResponse(path_of(file.file), media_type=file.media_type, headers={"ETag": f'"{file.sha256}"'})
        for file in files:
            if modes.get(name) == "value" and file.size <= INLINE:
                parts.append((name, file.media_type, Path(path_of(file.file)).read_bytes(), None))
            else:
                parts.append((name, file.media_type, b"", link_to(file.file)))
        if not files:
            by_reference = modes.get(name) == "reference"
            body = b"" if by_reference else json.dumps(output, ensure_ascii=False).encode()
            parts.append((name, JSON, body, link_to(name) if by_reference else None))
    if len(parts) == 1 and parts[0][3] is None:
        return Response(parts[0][2], media_type=JSON)
    if all(href for *_, href in parts):
        links = [f'<{href}>; rel="item"; type="{media}"; title="{name}"' for name, media, _, href in parts]
        response = Response(status_code=204)
        for value in links:
            response.headers.append("Link", value)
        return response
    return _multipart(parts)


def _multipart(parts: list[Part]) -> Response:
    boundary = secrets.token_hex(16)
    body = bytearray()
    for name, media_type, content, href in parts:
        location = f"Content-Location: {href}\r\n" if href else ""
        head = f"--{boundary}\r\nContent-Type: {media_type}\r\nContent-ID: <{name}>\r\n{location}\r\n"
        body += head.encode() + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return Response(bytes(body), headers={"Content-Type": f'multipart/related; boundary="{boundary}"'})


def _qualified(value: Any) -> Any:
    """Objects are wrapped as {"value": ...}, but for bounding boxes (schema inlineOrRefData)."""
    if isinstance(value, dict) and not ("bbox" in value and value.keys() <= {"bbox", "crs"}):
        return {"value": value}
    return value


def _file_entry(file: OutputFile, mode: str | None, link_to: LinkTo, path_of: PathOf) -> dict[str, Any]:
    if mode != "value" or file.size > INLINE:
        about = {"type": file.media_type, "title": file.file, "length": file.size}
        return {"href": link_to(file.file), "rel": "item", **about}
    content = Path(path_of(file.file)).read_bytes()
    subtype = file.media_type.partition(";")[0]
    if subtype == JSON or subtype.endswith("+json"):
        return {"value": json.loads(content), "mediaType": file.media_type}
    return {"value": base64.b64encode(content).decode(), "encoding": "base64", "mediaType": file.media_type}
