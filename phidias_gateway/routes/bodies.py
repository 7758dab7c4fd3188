"""Request bodies: bounded in size, and JSON that is really JSON (RFC 8259)."""

from __future__ import annotations

import json
import math
from typing import Any

from fastapi import Request

from phidias_gateway.http_errors import BadRequest, NotJson, TooLarge


async def json_object(request: Request, *, limit: int) -> dict[str, Any]:
    """The body as a JSON object of at most `limit` bytes.

    Raises TooLarge, NotJson for another media type, and BadRequest for what is no JSON object in UTF-8; NaN, Infinity
    and numbers beyond a double are no JSON values.
    """
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise NotJson(
            f"The body's media type is {media_type[:80]!r}.", remedy="Send JSON, with 'Content-Type: application/json'."
        )
    raw = await _read(request, limit)
    try:
        document = json.loads(raw.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # a lone surrogate has no UTF-8 form
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is no JSON document in UTF-8: {error}.", remedy="Correct the body.") from None
    if not isinstance(document, dict):
        raise BadRequest(
            "The body is JSON, but no object.", remedy='Send an object such as {"inputs": {"name": "value"}}.'
        )
    return document


def refuse_large(request: Request, limit: int) -> None:
    """Raises TooLarge if the request announces a body of more than `limit` bytes."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)


def too_large(limit: int) -> TooLarge:
    """The error for a body of more than `limit` bytes."""
    return TooLarge(
        f"The body is larger than the {limit / 1e6:g} MB that this site takes.",
        remedy="Send less, or give large data by reference (upload it first).",
        headers={"Connection": "close"},
    )


async def _read(request: Request, limit: int) -> bytes:
    refuse_large(request, limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is beyond the range of a double")
    return number
