"""Answers of a gateway as objects; whatever cannot be one is an UnexpectedAnswer."""

from __future__ import annotations

import requests

from backend_client.connection import json_object
from backend_client.errors import UnexpectedAnswer, public_url
from backend_client.models import Job, ProcessDescription, description_of, job_of
from backend_client.results import Fetch, Result, results_of


def description_in(response: requests.Response) -> ProcessDescription:
    """The process description in an answer."""
    try:
        return description_of(json_object(response), response.headers.get("ETag", ""))
    except ValueError as error:
        raise UnexpectedAnswer(f"{public_url(response.url)} describes {error}.") from None


def job_in(response: requests.Response) -> Job:
    """The StatusInfo in an answer."""
    try:
        return job_of(json_object(response), response.url, response.headers.get("ETag", ""))
    except ValueError as error:
        raise UnexpectedAnswer(f"{public_url(response.url)} sent {error}.") from None


def results_in(response: requests.Response, fetch: Fetch) -> dict[str, Result]:
    """The results in an answer; what is not JSON is one result of the name `result`, text or bytes."""
    if response.status_code == 204:
        return {}
    media_type = response.headers.get("Content-Type", "")
    if "json" not in media_type:
        content = response.text if media_type.startswith("text/") else response.content
        return {"result": Result("result", content, media_type=media_type)}
    try:
        document = response.json()
    except (ValueError, RecursionError):
        raise UnexpectedAnswer(f"{public_url(response.url)} sent JSON that is broken.") from None
    return results_of(document, response.url, fetch)
