"""The site's credentials: for which addresses it has one, and where its secret is. None of them holds a secret itself.

What `guard_proxy` loads, as it does this, needs the standard library alone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import SplitResult, unquote, urlsplit

from phidias_gateway.hosts import spelled

MAX_SECRET = 16 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING = {"host", "connection", "content-length", "transfer-encoding", "range", "expect", "te", "upgrade", "trailer"}


class SecretUnusable(Exception):
    """The secret cannot be had; the message says why, and holds nothing of it."""


@dataclass(frozen=True)
class Credential:
    """How the site reads what lies below `prefix`: with a header from a file, or a query from a token service."""

    prefix: str
    """An https address; what it covers is that address and all below it"""
    header: str = ""
    """Name of the header that is sent"""
    secret_file: str = ""
    """Its value, such as `Bearer ...`; looked up for each request, so that it can be replaced at any time"""
    token_url: str = ""
    """Where a GET gives JSON with `token`, the query to add, and `msft:expiry`, the time until when it is good"""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    def __post_init__(self) -> None:
        """Raises ValueError for what is none."""
        _check_address("prefix", self.prefix)
        if bool(self.header) != bool(self.secret_file) or bool(self.header) == bool(self.token_url):
            raise ValueError("give either header and secret_file, or token_url")
        if self.token_url:
            _check_address("token_url", self.token_url, query=True)
        elif not _NAME.fullmatch(self.header) or self.header.lower() in _FRAMING | {"proxy-authorization"}:
            raise ValueError(f"{self.header!r} is no header for a credential")
        elif not os.path.isabs(self.secret_file):
            raise ValueError("secret_file must be an absolute path: jobs run elsewhere")

    def covers(self, host: str, port: int, path: str) -> bool:
        """Whether an https address lies below `prefix`. `path` is as it stands in the address, without a query."""
        mine, base = urlsplit(self.prefix), _plain(urlsplit(self.prefix).path)
        if (spelled(host), port) != _origin(mine):
            return False
        asked = _plain(path) or "/"
        # What climbs is below nothing: servers differ in where it leads.
        if "\\" in asked or {"..", "."} & {segment.partition(";")[0] for segment in asked.split("/")}:
            return False
        return asked == base or asked.startswith(base.rstrip("/") + "/")

    def secret(self) -> str:
        """The value of the header. Raises SecretUnusable, also if others than this user could read the file."""
        try:
            with open(self.secret_file, "rb") as file:
                mode, content = os.fstat(file.fileno()).st_mode, file.read(MAX_SECRET + 1)
        except OSError as error:
            raise SecretUnusable(f"{self.secret_file} cannot be read ({error.strerror})") from None
        if mode & _OTHERS:
            raise SecretUnusable(f"{self.secret_file} can be read or changed by others (mode {mode & 0o777:04o})")
        value = content.strip()
        if not value or len(content) > MAX_SECRET or not re.fullmatch(rb"[\x20-\x7e\xa0-\xff]+", value):
            raise SecretUnusable(f"{self.secret_file} does not hold one line of text")
        return value.decode("latin-1")


def find(credentials: Iterable[Credential], href: str) -> Credential | None:
    """The credential for an address: the one with the longest prefix that covers it."""
    try:
        parts = urlsplit(href)
        host, port = _origin(parts)
    except ValueError:
        return None
    return find_at(credentials, host, port, parts.path) if parts.scheme == "https" and host else None


def find_at(credentials: Iterable[Credential], host: str, port: int, path: str) -> Credential | None:
    """The credential for the parts of an https address."""
    covering = [credential for credential in credentials if credential.covers(host, port, path)]
    return max(covering, key=lambda credential: len(credential.prefix), default=None)


def _origin(parts: SplitResult) -> tuple[str, int]:
    return spelled(parts.hostname or ""), parts.port or 443


def _plain(path: str) -> str:
    """A path without any escapes, however often it was escaped."""
    while (decoded := unquote(path)) != path:
        path = decoded
    return path


def _check_address(name: str, href: str, *, query: bool = False) -> None:
    parts = urlsplit(href)
    if parts.scheme != "https" or not _origin(parts)[0] or re.search(r"[\x00-\x20\x7f-\xa0\\]", href):
        raise ValueError(f"{name} must be an https address")
    if parts.username is not None or parts.fragment or (parts.query and not query):
        raise ValueError(f"{name} must be an address without user, query and fragment")
