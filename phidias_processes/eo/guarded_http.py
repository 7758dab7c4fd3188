"""Reading http(s) addresses and archives with the site's guard: every address, and every redirect, is located first."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.util.retry import Retry

from phidias_gateway.guard import guard, parts, reason, refusal
from phidias_gateway.references import Site

MAX_BYTES = 64 * 2**20
MAX_SECONDS = 120.0
"""For one document, however slowly it comes"""
MAX_REDIRECTS = 5
DENIED = (401, 403, 409)
"""Answers to who may not read; the last is Azure's to who asks without a signature"""
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two parts of an answer"""


class Unreadable(Exception):
    """An address cannot be read; the message is the reason, `status` the HTTP status if there was an answer.

    `remedy` tells what to do where that follows from the reason.
    """

    def __init__(self, reason: str, status: int | None = None, remedy: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.remedy = remedy


class GuardedReader:
    """Reads what lies at addresses, where the site allows it; `input` is what a refusal names."""

    def __init__(self, site: Site, *, input: str, connections: int = 16) -> None:
        retry = Retry(
            total=3,
            connect=1,
            redirect=False,
            backoff_factor=0.3,
            status_forcelist=(429, 502, 503, 504),
            allowed_methods=("GET", "HEAD", "POST"),
            raise_on_status=False,
        )
        self._site = site
        self._input = input
        self._session = guard(site).session(retry=retry, connections=connections)

    def text(
        self,
        href: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> str:
        """The text at `href`; `parameters` are the JSON body of a POST, the query of a GET. Raises Unreadable."""
        return self._content(href, method, headers, parameters, MAX_BYTES).decode("utf-8", errors="replace")

    def content(self, href: str, *, limit: int) -> bytes:
        """What lies at `href`, `limit` bytes at the most. Raises Unreadable."""
        return self._content(href, "GET", None, None, limit)

    def _content(
        self,
        href: str,
        method: str,
        headers: Mapping[str, str] | None,
        parameters: Mapping[str, Any] | None,
        limit: int,
    ) -> bytes:
        for _ in range(MAX_REDIRECTS):
            place = self._site.locate(href, input=self._input)
            if not is_web(place):
                return _read_file(Path(place), limit)
            answer = self._send(place, method, headers, parameters, limit)
            if not isinstance(answer, _Redirect):
                return answer
            href = answer.href
            method = "GET" if answer.status == 303 else method
            parameters = parameters if method == "POST" else None
        raise Unreadable("it redirects too often")

    def final_place(self, href: str) -> str:
        """The local path, or the address after all redirects, that answers a request for the first byte of `href`.

        Raises Unreadable, with the HTTP status where there is one.
        """
        for _ in range(MAX_REDIRECTS):
            place = self._site.locate(href, input=self._input)
            if not is_web(place):
                return place
            answer = self._send(place, "GET", {"Range": "bytes=0-0"}, None, MAX_BYTES, most=1)
            if not isinstance(answer, _Redirect):
                return place
            href = answer.href
        raise Unreadable("it redirects too often")

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()

    def _send(
        self,
        href: str,
        method: str,
        headers: Mapping[str, str] | None,
        parameters: Mapping[str, Any] | None,
        limit: int,
        most: int | None = None,
    ) -> bytes | _Redirect:
        body = {"json": parameters} if method == "POST" else {"params": parameters}
        content = bytearray()
        try:
            with self._session.request(
                method, href, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True, **body
            ) as response:
                if response.is_redirect:
                    return _Redirect(urljoin(href, response.headers["location"]), response.status_code)
                if (refused := refusal(response)) is not None:
                    raise Unreadable(refused, remedy=self._remedy(href) if self._site.credential(href) else "")
                if not response.ok:
                    denied = response.status_code in DENIED
                    answer = f"it answers {response.status_code} {response.reason}"
                    raise Unreadable(answer, response.status_code, self._remedy(href) if denied else "")
                for part in parts(response, time.monotonic() + MAX_SECONDS):
                    content += part
                    if most and len(content) >= most:
                        break
                    if len(content) > limit:
                        raise Unreadable(f"it sends more than {limit >> 20} MB")
        except (requests.RequestException, ValueError) as error:  # ValueError: an address no request can have
            raise Unreadable(reason(error) if isinstance(error, requests.RequestException) else str(error)) from None
        return bytes(content)

    def _remedy(self, href: str) -> str:
        """What to do about an address that the gateway may not read."""
        credential = self._site.credential(href)
        if credential is None:
            return (
                "If it needs an account, ask the site's administrator: the gateway can be given one of its own "
                "([[credentials]] in gateway.toml). Yours in QGIS stays there."
            )
        return f"Tell the site's administrator: this was read with the credential for {credential.prefix}."


@dataclass(frozen=True)
class _Redirect:
    href: str
    status: int


def is_web(place: str) -> bool:
    """Whether a place is an http(s) address; otherwise it is a local path."""
    return urlsplit(place).scheme in ("http", "https")


def without_query(href: str) -> str:
    """The address without what may hold a secret: user, query, fragment."""
    return re.sub(r"//[^/@]*@", "//", href.partition("?")[0].partition("#")[0])


def file_name(href: str) -> str:
    """The name of the file at an address; empty for an upload, which is called by its hash."""
    name = urlsplit(href).path.rpartition("/")[2]
    return name if "." in name else ""


def _read_file(path: Path, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise Unreadable(f"the archive's file has more than {limit >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"the archive's file cannot be read ({error.strerror})") from None
