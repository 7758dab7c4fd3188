"""Fetching a small document that an input refers to, by a gateway that must not become anyone's way into the inside."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urljoin

import requests

from phidias_gateway.errors import InputError
from phidias_gateway.guard import guard, parts, reason, refusal
from phidias_gateway.references import Site

_REDIRECTS = 5


@dataclass(frozen=True)
class Document:
    content: bytes
    media_type: str


def fetch(href: str, site: Site, *, input: str, max_bytes: int, seconds: float) -> Document:
    """The document at an http(s) address that the site allows. Raises InputError, naming `input`, for any trouble.

    Every hop of a redirect is checked anew, for a message that tells; the guard holds the connections to the same.
    """
    deadline = time.monotonic() + seconds
    with guard(site).session() as session:
        for _ in range(_REDIRECTS + 1):
            site.check(href, input=input)
            try:
                document = _get(session, href, input, max_bytes, deadline)
                if isinstance(document, Document):
                    return document
                href = urljoin(href, document)
            except (requests.RequestException, ValueError) as error:  # ValueError: an address no request can have
                why = reason(error) if isinstance(error, requests.RequestException) else type(error).__name__
                raise InputError(
                    input, f"{href[:200]} cannot be read: {why}.", remedy="Check the address, or give the value itself."
                ) from None
    raise InputError(input, f"{href[:200]} redirects too often.", remedy="Give the final address.")


def _get(session: requests.Session, href: str, input: str, max_bytes: int, deadline: float) -> Document | str:
    """The document, or the address it redirects to."""
    wanted = {"Accept": "application/json, text/plain;q=0.5, */*;q=0.1"}
    patience = max(0.1, deadline - time.monotonic())
    with session.get(href, headers=wanted, timeout=patience, allow_redirects=False, stream=True) as answer:
        if 300 <= answer.status_code < 400 and answer.headers.get("Location"):
            return str(answer.headers["Location"])
        if (refused := refusal(answer)) is not None:
            raise InputError(
                input, f"{href[:200]} cannot be read: {refused}.", remedy="Check the address, or give the value itself."
            )
        if answer.status_code != 200:
            raise InputError(
                input,
                f"{href[:200]} answers with status {answer.status_code}.",
                remedy="Check the address; it must be readable without signing in.",
            )
        content = bytearray()
        try:
            for part in parts(answer, deadline):
                content += part
                if len(content) > max_bytes:
                    raise InputError(
                        input,
                        f"{href[:200]} is larger than {max_bytes / 1e6:g} MB (references.fetch_mb).",
                        remedy="Give a smaller document.",
                    )
        except requests.Timeout:
            raise InputError(
                input,
                f"{href[:200]} takes longer than this site waits (references.fetch_seconds).",
                remedy="Try again later, or give the value itself.",
            ) from None
        return Document(bytes(content), answer.headers.get("Content-Type", "").partition(";")[0].strip().lower())
