"""Fetching a small document that an input refers to, by a gateway that must not become anyone's way into the inside."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from phidias_gateway.errors import InputError
from phidias_gateway.references import Site

_REDIRECTS = 5
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Document:
    content: bytes
    media_type: str


def fetch(href: str, site: Site, *, input: str, max_bytes: int, seconds: float) -> Document:
    """The document at an http(s) address that the site allows. Raises InputError, naming `input`, for any trouble.

    Every hop of a redirect is checked anew, and the connection goes to the very address that was checked.
    """
    deadline = time.monotonic() + seconds
    for _ in range(_REDIRECTS + 1):
        address = site.addresses(href, input=input)[0]
        try:
            document = _get(href, address, input, max_bytes, deadline)
        except (HTTPError, HTTPException, OSError, ValueError) as error:  # ValueError: an address no request can have
            reason = str(error) if isinstance(error, OSError) else type(error).__name__
            raise InputError(
                input, f"{href[:200]} cannot be read: {reason}.", remedy="Check the address, or give the value itself."
            ) from None
        if isinstance(document, Document):
            return document
        href = urljoin(href, document)
    raise InputError(input, f"{href[:200]} redirects too often.", remedy="Give the final address.")


def _get(href: str, address: str, input: str, max_bytes: int, deadline: float) -> Document | str:
    """The document, or the address it redirects to."""
    parts = urlsplit(href)
    host = parts.hostname or ""
    timeout = urllib3.Timeout(total=max(0.1, deadline - time.monotonic()))
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address, parts.port or 443, server_hostname=host, assert_hostname=host, cert_reqs="CERT_REQUIRED"
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, parts.port or 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": parts.netloc.rpartition("@")[2], "Accept": "application/json, text/plain;q=0.5, */*;q=0.1"}
    with (
        pool,
        pool.request(
            "GET", target, headers=headers, redirect=False, retries=False, timeout=timeout, preload_content=False
        ) as answer,
    ):
        if 300 <= answer.status < 400 and answer.headers.get("Location"):
            return str(answer.headers["Location"])
        if answer.status != 200:
            raise InputError(
                input,
                f"{href[:200]} answers with status {answer.status}.",
                remedy="Check the address; it must be readable without signing in.",
            )
        content = bytearray()
        for chunk in answer.stream(_CHUNK, decode_content=True):
            content += chunk
            if len(content) > max_bytes:
                raise InputError(
                    input,
                    f"{href[:200]} is larger than {max_bytes / 1e6:g} MB (references.fetch_mb).",
                    remedy="Give a smaller document.",
                )
            if time.monotonic() > deadline:
                raise InputError(
                    input,
                    f"{href[:200]} takes longer than this site waits (references.fetch_seconds).",
                    remedy="Try again later, or give the value itself.",
                )
        return Document(bytes(content), answer.headers.get("Content-Type", "").partition(";")[0].strip().lower())
