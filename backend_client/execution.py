"""Submitting a job so that it is started once, also when the connection is lost before the answer comes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests

from backend_client.answers import job_in
from backend_client.connection import Connection, json_object
from backend_client.errors import (
    GatewayError,
    GatewayFailed,
    GatewayUnreachable,
    InputRefused,
    NoSuchProcess,
    OutcomeUnknown,
    UnexpectedAnswer,
)
from backend_client.models import Job, links_of
from backend_client.patience import Backoff, Cancel, pause

ATTEMPTS = 5
"""Requests at most, while it is in doubt whether an earlier one arrived"""


def submit(
    connection: Connection,
    process_id: str,
    request: Mapping[str, Any],
    *,
    address: str | None = None,
    key: str | None,
    cancelled: Cancel,
) -> tuple[Job, requests.Response | None]:
    """Ask for an execution: the new job, and the answer that holds its results if the server gave them at once.

    `address`: where to send the request, if not to the process's own place. Raises as `Gateway.execute`.
    """
    content = _content(request)
    headers = {
        "Content-Type": "application/json",
        "Prefer": "respond-async",
        "Idempotency-Key": key or str(uuid.uuid4()),
    }
    path = address or f"/processes/{quote(process_id, safe='')}/execution"
    doubt: GatewayError | None = None
    waits = Backoff()
    for _ in range(ATTEMPTS):
        try:
            if doubt is not None:
                pause(waits.next(doubt.retry_after), cancelled)
                if not _recognises_keys(connection):
                    break
            response = connection.request("POST", path, data=content, headers=headers, missing=NoSuchProcess)
            return _submitted(process_id, response)
        except (GatewayUnreachable, GatewayFailed) as error:
            if doubt is None and not _perhaps_received(error):
                raise
            doubt = error
    raise OutcomeUnknown("The connection was lost while the job was being submitted: it may or may not run.") from doubt


def _perhaps_received(error: GatewayError) -> bool:
    if isinstance(error, GatewayUnreachable):
        return error.maybe_received
    return error.status in (502, 503, 504)


def _recognises_keys(connection: Connection) -> bool:
    """Whether the server's own API description knows the header by which it can tell that a request is repeated."""
    landing, response = connection.document("GET", "/")
    address = next((link.href for link in links_of(landing, response.url) if link.rel == "service-desc"), None)
    if address is None:
        return False
    return "idempotency-key" in connection.request("GET", address, headers={"Accept": "*/*"}).text.lower()


def _submitted(process_id: str, response: requests.Response) -> tuple[Job, requests.Response | None]:
    location = response.headers.get("Location", "")
    if response.status_code in (200, 204) and not location and not _is_status(response):
        # A server without jobs. Its answer gets an id of our own, so that callers need no second way.
        return Job(f"answered-{uuid.uuid4()}", "successful", process_id, progress=100), response
    try:
        return job_in(response), None
    except UnexpectedAnswer:
        # pygeoapi's body says nothing; the job is where Location points.
        identifier = urlsplit(urljoin(response.url, location)).path.rstrip("/").rsplit("/", 1)[-1]
        if not location or not identifier:
            raise
        return Job(identifier, "accepted", process_id), None


def _is_status(response: requests.Response) -> bool:
    try:
        return {"jobID", "status"} <= set(json_object(response))
    except UnexpectedAnswer:
        return False


def _content(request: Mapping[str, Any]) -> bytes:
    for name, value in request["inputs"].items():
        if not _is_json(value):
            raise InputRefused(
                f"The input {name!r} cannot be written as JSON.",
                remedy="Give text, finite numbers, true or false, lists and dictionaries.",
                input=name,
            )
    return json.dumps({"response": "document", **request}, allow_nan=False).encode()


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
